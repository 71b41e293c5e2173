"""What the old API says of the site itself, and the numbers under which it knows our rows.

Rows that an import brought keep their old ids. Rows made in Guildhall are shown as `NATIVE` plus their own key: far above
anything EQdkp can have given out, so that the two never meet, also while both run side by side.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.conf import settings

from guildhall.core.errors import BadInput
from guildhall.core.guild import guild_name, guild_zone
from guildhall.eqdkp.models import ImportRun, LegacyRecord

NATIVE = 100_000_000
VERSION = "2.3.39"
_LONGEST_DATE = 40
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
Kind = LegacyRecord.Kind


class Numbers:
    """The two-way mapping of one kind of row. Loads the records of that kind once."""

    def __init__(self, kind: str, source: str) -> None:
        self.kind = kind
        self.source = source

    @cached_property
    def _rows(self) -> list[tuple[int, int, dict[str, object]]]:
        rows = LegacyRecord.objects.filter(
            source=self.source, kind=self.kind, state=LegacyRecord.State.LIVE, object_id__isnull=False
        )
        return [(legacy, key or 0, data) for legacy, key, data in rows.values_list("legacy_id", "object_id", "data")]

    @cached_property
    def old_by_key(self) -> dict[int, int]:
        """Return the old number of each imported row, by our key."""
        return {key: legacy for legacy, key, _ in reversed(self._rows)}

    @cached_property
    def _ours(self) -> dict[int, int]:
        return {legacy: key for legacy, key, _ in self._rows}

    @cached_property
    def data(self) -> dict[int, dict[str, Any]]:
        """Return what of the legacy row has no other place, by our key."""
        return {key: data for _, key, data in self._rows}

    def old(self, key: int) -> int:
        """Return the number the old API has for our row."""
        return self.old_by_key.get(key, NATIVE + key)

    def ours(self, number: int) -> int | None:
        """Our key of the old API's number; None for a number that was never given out."""
        if number in self._ours:
            return self._ours[number]
        return number - NATIVE if number > NATIVE else None


class Site:
    """The installation as the old API presents it. One object a request."""

    def __init__(self, *, trusted: bool) -> None:
        run = ImportRun.objects.filter(is_commit=True, state=ImportRun.State.DONE).order_by("-finished_at").first()
        self.settings: Mapping[str, Any] = run.settings if run is not None else {}
        self.source = run.source if run is not None else "eqdkp"
        full = (run.version if run is not None else "") or VERSION
        # Strangers are not told the exact version, as there.
        self.version = full if trusted else ".".join(full.split(".")[:2])
        self.zone = guild_zone()
        self._numbers: dict[str, Numbers] = {}

    def numbers(self, kind: str) -> Numbers:
        found = self._numbers.get(kind)
        if found is None:
            found = self._numbers[kind] = Numbers(kind, self.source)
        return found

    @property
    def name(self) -> str:
        """Return the guild's name: the one set here, else the old installation's."""
        configured = guild_name()
        return configured if configured != "Guildhall" else str(self.settings.get("guildtag") or configured)

    @property
    def game(self) -> dict[str, object]:
        return {
            "name": self.settings.get("default_game", "eq"),
            "version": self.settings.get("game_version", ""),
            "language": self.settings.get("game_language", "english"),
            "server_name": self.settings.get("uc_servername", ""),
            "server_loc": self.settings.get("uc_server_loc") or False,
        }

    @property
    def dkp_name(self) -> str:
        return str(self.settings.get("dkp_name") or "DKP")

    @property
    def layout(self) -> str:
        return str(self.settings.get("eqdkp_layout") or "normal")

    @property
    def address(self) -> str:
        return f"{settings.SITE_URL}/"

    @property
    def shows_class_names(self) -> bool:
        """EQdkp knows no names of classes where it has no game installed."""
        return bool(self.game["name"] != "dummy")

    @property
    def roles(self) -> list[tuple[int, str]]:
        return [(int(number), str(name)) for number, name in self.settings.get("roles", [])]

    @property
    def raid_groups(self) -> list[dict[str, Any]]:
        return list(self.settings.get("raid_groups", []))

    def shown(self, moment: dt.datetime | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
        """Return a time in the guild's zone."""
        return moment.astimezone(self.zone).strftime(form) if moment is not None else ""

    def parse_date(self, value: object, attr: str) -> dt.datetime:
        """Return a time that a tool sent: ``YYYY-MM-DD HH:MM[:SS]`` in the guild's zone, ISO 8601, or unix seconds.

        Raises:
            BadInput: ``malformed_date``; also for a year in which nobody can have raided.
        """
        text = str(value).strip()[:_LONGEST_DATE]
        found = None
        if text.isascii() and text.isdecimal() and 8 < len(text) < 12:
            found = dt.datetime.fromtimestamp(int(text), dt.UTC)
        for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
            if found is None:
                with contextlib.suppress(ValueError):
                    found = dt.datetime.strptime(text, form).replace(tzinfo=self.zone)
        if found is None:
            with contextlib.suppress(ValueError):
                found = dt.datetime.fromisoformat(text)
        if found is not None and _FIRST_YEAR <= found.year <= _LAST_YEAR:
            return found if found.tzinfo is not None else found.replace(tzinfo=self.zone)
        raise BadInput(f"“{text[:40]}” is not a date: write it as 2026-11-22 20:00.", code="malformed_date", attr=attr)


def stamp(moment: dt.datetime | None) -> int:
    """Return Unix seconds; 0 for no time."""
    return int(moment.timestamp()) if moment is not None else 0


def number(amount: Decimal) -> int | float:
    """Return an amount as PHP writes a float: ``10``, ``5.5``."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def digits(value: object) -> int:
    """PHP's ``intval``: the digits a value begins with, else 0."""
    text = str(value).strip()
    sign = -1 if text.startswith("-") else 1
    found = ""
    for char in text.lstrip("+-"):
        if not char.isdecimal():
            break
        found += char
    return sign * int(found[:18]) if found.isascii() and found else 0


def as_list(value: object) -> list[object]:
    """Return one or several values of a body field, as JSON and XML have them."""
    if value in (None, "", {}):
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping):
        return list(value.values())
    return [value]
