"""Forms that bring something in: a log with attendance, a guild dump, a guild of EQdkp Plus."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from django import forms
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput, GuildhallError
from guildhall.core.form_fields import (
    CHOICE,
    ChoiceField,
    ChoicesField,
    FlagField,
    MomentField,
    NumberField,
    PointsField,
    RowField,
    TextField,
    ValuesField,
    text_of,
)
from guildhall.core.generics import UploadedFile
from guildhall.core.guild import guild_time_zone
from guildhall.core.time_zones import time_zones
from guildhall.eqdkp.models import LegacyProblem
from guildhall.raids import placing, selectors
from guildhall.raids.models import AttendanceCheck, Raid
from guildhall.raids.parsers import AttendanceParse
from guildhall.raids.parsers.notes import PATTERNS, NotePattern
from guildhall.raids.parsers.source import Source
from guildhall.roster.people import people_without_characters
from guildhall.web.forms.base import PageForm
from guildhall.web.kept_pages import zone_of

#: In a person's preferences: the time zone of their last import of a log.
LOG_ZONE = "log_time_zone"
MOST_DUMP_BYTES = 4 * 1024 * 1024
MOST_NAMES = 20_000
DUMP_CHOICES = (
    ("add", "add the characters that are new"),
    ("update", "take level and class from the dump"),
    ("set_ranks", "take the rank from the dump"),
    ("make_ranks", "make the ranks that are new"),
    ("bring_back", "bring back characters that were removed"),
    ("people", "make a person of each main that is nobody’s yet, and give them their alts"),
    ("remove_missing", "take characters off the roster that the dump does not name"),
)
NOTHING_DUMPED = "Paste the dump, or choose its file."


class FilesField(forms.FileField):
    """One or more files. What is in them, whoever reads them says."""

    def __init__(self, label: str, *, required: str = "", several: bool = False, **options: Any) -> None:
        widget = forms.FileInput()
        widget.allow_multiple_selected = several
        texts = {
            "required": required,
            "missing": required,
            "invalid": "That is not a file; choose one.",
            "contradiction": "",
        }
        super().__init__(
            label=label, required=bool(required), widget=widget, allow_empty_file=True, error_messages=texts, **options
        )
        self.several = several

    def clean(self, data: Any, initial: Any = None) -> object:
        if not self.several:
            return super().clean(data, initial)
        found = [super(FilesField, self).clean(one, initial) for one in data or ()]
        if not found and self.required:
            raise ValidationError(self.error_messages["required"], code="required")
        return found


class ImportForm(PageForm):
    """A log or a dump with attendance: what is in it, for which raid and check, and what is decided about the names."""

    text = TextField("Paste what /who printed, a raid dump, a tick, or names", log=True, strip=False, rows=6)
    file = FilesField("Or choose a log or a dump (or drop it here)")
    carried = forms.CharField(required=False)
    time_zone = ChoiceField("Time zone of the log", required=False)
    target = TextField("Raid", max_length=40)
    event = RowField("Event of a new raid", required=False)
    started_at = MomentField("It began")
    raid_name = text_of(Raid, "name", "Name (empty: the event’s)")
    raid_points = PointsField("Worth (empty: the event’s)")
    check = TextField("Attendance check", max_length=40)
    check_kind = ChoiceField("Kind", required=False, choices=AttendanceCheck.Kind.choices)
    check_label = text_of(AttendanceCheck, "label", "Called")
    check_points = PointsField("Worth")
    blocks = TextField("Roster", max_length=20)
    name = ValuesField("Names", most=MOST_NAMES)
    who = ValuesField("Who is meant", most=MOST_NAMES)
    status = ValuesField("Status", most=MOST_NAMES)
    skip = ValuesField("Left out", most=MOST_NAMES)
    force = ValuesField("Paid all the same", most=MOST_NAMES)
    pick = TextField("Who is meant", max_length=400)
    row = ValuesField("Rows that could not be read", most=MOST_NAMES)
    row_name = ValuesField("Who they are", most=MOST_NAMES)
    remember = FlagField("remember whom I named, for the next log")
    guild_dump = FlagField("it is attendance all the same")

    def prepare(self) -> None:
        if self.sent:
            # What the page does not show keeps its value: the raid is chosen before the event of a new one is asked for.
            self.data = cast(QueryDict, self.data).copy()
            for name in ("target", "check", "event", "blocks", "time_zone"):
                self.data.setdefault(name, self.initial.get(name, ""))
        cast(ChoiceField, self.fields["time_zone"]).choices = _zones(log_zone_of(self.request.user))
        standing = str(self.initial.get("event", ""))
        cast(RowField, self.fields["event"]).set_rows(
            event for event in selectors.events() if event.is_active or str(event.pk) == standing
        )

    @property
    def blames(self) -> Mapping[str, str]:  # type: ignore[override] # which worth is meant depends on what is new
        """Return the fields by the name that a service has for them."""
        return {"points": "raid_points" if self.shown("target") == "new" else "check_points", "name": "raid_name",
                "label": "check_label", "kind": "check_kind"}  # fmt: skip

    def clean_target(self) -> str:
        """Return which raid is meant: ``auto``, ``new`` or ``raid:`` and its id."""
        return _one_of(self.cleaned_data["target"], r"|auto|new|raid:[0-9]{1,15}")

    def clean_check(self) -> str:
        """Return which check is meant: ``auto``, ``first``, ``new`` or its id."""
        return _one_of(self.cleaned_data["check"], r"|auto|first|new|[0-9]{1,15}")

    def clean_blocks(self) -> str:
        """Return which rosters of the log count: ``latest``, ``all`` or the position of one."""
        return _one_of(self.cleaned_data["blocks"], r"|latest|all|[0-9]{1,9}")

    def shown(self, name: str) -> str:
        """Return what a field shows as the page writes it."""
        value = self[name].value()
        return "" if value is None else str(value).strip()

    def settle(self, parse: AttendanceParse) -> None:
        """Say which raid and which check: those that were chosen; else those that the time of the roster says; else new
        ones. Which event a new raid is of is never guessed."""
        self.data = cast(QueryDict, self.data)
        moment = parse.taken_at or clock.now()
        if self.shown("target") in ("", "auto"):
            around = selectors.raid_around(moment)
            self._set("target", f"raid:{around.pk}" if around else "new")
        if self.shown("check") == "auto":
            raid_id = self.raid_id()
            check = None if raid_id is None else placing.check_at(raid_id, moment)
            known = "first" if check is None or check.position == 0 else str(check.pk)
            self._set("check", known if raid_id is None or check is not None else "new")
            if check is None and raid_id is not None and not self.shown("check_points"):
                worth = placing.usual_worth(raid_id)
                self._set("check_points", str(worth), worth)
        if self.shown("check") == "new" and not self.shown("check_kind"):
            self._set("check_kind", AttendanceCheck.Kind.TICK)
        if self.shown("target") == "new" and not self.shown("started_at"):
            began = timezone.localtime(min(moment, clock.now())).replace(second=0, microsecond=0)
            self._set("started_at", began.strftime("%Y-%m-%dT%H:%M"), began)

    def _set(self, name: str, text: str, value: Any = None) -> None:
        cast(QueryDict, self.data)[name] = text
        self.cleaned_data[name] = text if value is None else value

    @property
    def zone(self) -> str:
        """Return the time zone of the clock that wrote the log: the one that is chosen, else the person's usual one."""
        return getattr(self, "cleaned_data", {}).get("time_zone") or log_zone_of(self.request.user)

    def place_anew(self) -> None:
        """Forget which raid and check the times said, where they are read in another zone than before."""
        for name in ("target", "check", "started_at"):
            text = str(self.initial.get(name, ""))
            self._set(name, text, None if name == "started_at" else text)

    def asked(self) -> list[str]:
        """Return what says which raid and check are meant, new ones by what was entered: for the digest."""
        names = ["time_zone", "target", "check"]
        names += ["event", "started_at", "raid_name", "raid_points"] if self.shown("target") == "new" else []
        names += ["check_kind", "check_label", "check_points"] if self.shown("check") == "new" else []
        return [self.shown(name) for name in names]

    def meant(self) -> dict[str, str]:
        """Return who is meant by each name, as it was typed or picked from the suggestions."""
        found = dict(zip(self.cleaned_data["name"], self.cleaned_data["who"], strict=False))
        picked, _, choice = self.cleaned_data["pick"].partition("=")
        return {**found, picked: choice} if choice else found

    def rows_named(self) -> dict[str, str]:
        """Return who each row is about that could not be read, by the row's text."""
        pairs = zip(self.cleaned_data["row"], self.cleaned_data["row_name"], strict=False)
        return {row: name.strip() for row, name in pairs if name.strip()}

    def raid_id(self) -> int | None:
        """Return the id of the raid that is chosen; None for a new one."""
        chosen = re.fullmatch(r"raid:([0-9]{1,15})", self.shown("target"))
        return int(chosen[1]) if chosen else None

    def checks(self) -> list[AttendanceCheck]:
        """Return the checks of the raid that is chosen."""
        raid_id = self.raid_id()
        if raid_id is None:
            return []
        try:
            return list(selectors.raid_with_id(raid_id).checks.all())
        except GuildhallError:
            return []


def log_zone_of(person: User | AnonymousUser) -> str:
    """Return the time zone in which somebody's logs are read unless they say another: the one of their last import, else their
    own (a log has the time of the logger's computer), else the guild's."""
    if not isinstance(person, User):
        return guild_time_zone()
    known = time_zones()
    last, own = person.preferences.get(LOG_ZONE), zone_of(person)
    return str(last) if last in known else own if own in known else guild_time_zone()


def _zones(usual: str) -> list[tuple[str, str]]:
    names = time_zones() if usual in time_zones() else (usual, *time_zones())
    return [(name, name.replace("_", " ")) for name in names]


def _one_of(text: str, pattern: str) -> str:
    if re.fullmatch(pattern, text) is None:
        raise ValidationError(CHOICE, code="invalid_choice")
    return text


#: Written (or pressed) in place of a main: the character is that of whoever is signed in.
ME = "me"


def people_to_name(me: User) -> dict[str, int]:
    """Return the words by which people without a character are named in place of a main, with their ids: `ME` for whoever
    is signed in, ``person`` and the name for the others. One query."""
    everybody = list(people_without_characters())
    names = Counter(str(one).casefold() for one in everybody)
    found = {ME: me.pk} if me in everybody else {}
    for one in everybody:
        number = f" #{one.pk}" if names[str(one).casefold()] > 1 else ""
        found[f"person {one}{number}"] = one.pk
    return found


def _words(one: NotePattern) -> str:
    """Return how a note names the main, with an example where the words do not give it."""
    example = one.examples[0]
    is_plain = one.label.replace("Name", "Aelnor").casefold() == example.casefold()
    return one.label if is_plain else f"{one.label}, such as “{example}”"


NOTE_PATTERNS = [(one.key, _words(one)) for one in PATTERNS.values()]


class DumpForm(PageForm):
    """A guild dump, pasted or as a file, and what is done with it."""

    text = TextField("Paste the dump", log=True, strip=False, rows=8)
    file = FilesField("Or choose its file (or drop it here)")
    filename = TextField("File", max_length=255)
    choice = ChoicesField("What to do", choices=DUMP_CHOICES)
    seen = FlagField("seen")
    name = ValuesField("Names", most=MOST_NAMES)
    main = ValuesField("Whose alt", most=MOST_NAMES)
    me = TextField("This is me", max_length=60)
    pattern = ChoicesField("How notes mark alts", choices=NOTE_PATTERNS)
    chose = FlagField("chose")
    rules_version = TextField("Version", max_length=64)

    def patterns(self) -> list[str] | None:
        """Return how notes are read in this preview; None where the form did not ask, and the guild's setting holds."""
        return self.cleaned_data.get("pattern") if self.cleaned_data.get("chose") else None

    def mains(self) -> dict[str, str]:
        """Return whose alt each name is, as it was written by hand or pressed."""
        found = dict(zip(self.cleaned_data["name"], self.cleaned_data["main"], strict=False))
        return found | ({self.cleaned_data["me"]: ME} if self.cleaned_data["me"] else {})

    def clean_file(self) -> UploadedFile | None:
        """Refuse a file that is not a guild dump by its size."""
        upload: UploadedFile | None = self.cleaned_data["file"]
        if upload is not None and (upload.size or 0) > MOST_DUMP_BYTES:
            raise ValidationError("A guild dump is a small file; this one has more than 4 MB.", code="too_large")
        return upload

    def clean(self) -> dict[str, object]:
        """Refuse nothing at all."""
        given = super().clean() or {}
        if not self.errors and given["file"] is None and not given["text"].strip():
            self.add_error("text", ValidationError(NOTHING_DUMPED, code="empty"))
        return given

    def dump(self) -> tuple[str, str]:
        """Return the dump and its file's name: what was dropped, else what was pasted or carried along from the preview."""
        upload: UploadedFile | None = self.cleaned_data["file"]
        if upload is None:
            return self.cleaned_data["text"], self.cleaned_data["filename"]
        try:
            lines = Source(cast(BinaryIO, upload.file), max_bytes=MOST_DUMP_BYTES).text_lines()
            return "\n".join(line for _, line in lines), upload.name or ""
        except BadInput:  # the reader of dumps says what is wrong with it
            return "", upload.name or ""


class NotePatternsForm(PageForm):
    """How the guild's notes mark alts, and a dump or a list to try it on."""

    blames: Mapping[str, str] = {"patterns": "pattern"}

    pattern = ChoicesField("Read a note as naming the main where it says", choices=NOTE_PATTERNS)
    text = TextField("Try it on a dump or a list", log=True, strip=False, rows=5)


class PeopleForm(PageForm):
    """Characters without an owner: which become people, and whose alts the others are."""

    name = ValuesField("Names", most=MOST_NAMES)
    main = ValuesField("Whose alt", most=MOST_NAMES)
    pick = ValuesField("Chosen", most=MOST_NAMES)
    me = TextField("This is me", max_length=60)

    def mains(self) -> dict[str, str]:
        """Return whose alt each name is, as it was written or pressed."""
        found = dict(zip(self.cleaned_data["name"], self.cleaned_data["main"], strict=False))
        return found | ({self.cleaned_data["me"]: ME} if self.cleaned_data["me"] else {})


class LegacyUploadForm(PageForm):
    """The dump of a guild of EQdkp Plus, or the exports of its API."""

    files = FilesField(  # type: ignore[assignment] # a declared field; the form's own `files` is set on each form
        "Dump (.sql, .sql.gz, .zip), or the exports of its API (JSON or XML)",
        required="Choose the dump, or the exports of the API.",
        several=True,
    )
    prefix = TextField(  # type: ignore[assignment] # as above
        "Table prefix, where the dump holds several sites", max_length=64
    )


class CloseIssueForm(PageForm):
    """What was done about an issue of an import."""

    problem = NumberField("Row", required="Choose a row of the list.")
    note = text_of(LegacyProblem, "resolution", "What was done", required="Say what was done about it.")
