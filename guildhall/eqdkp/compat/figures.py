"""Points by character, as the old API shows them: alone and with twinks.

Here points belong to a person; which character they came by is the name written on each entry. "Alone" is the sum of the
entries with a character's name (or a former name of it), "with twinks" the person's balance; what bears no name of a
character of theirs counts for the main. So the parts always add up to the whole: `tests/test_old_api_numbers.py`.

Invariant: the sums that are kept in the cache are never behind the ledger. Each person's are kept with the version and the
totals of their summaries, which change in the transaction of every entry (`points.ledger`); a person whose summaries are
not as they were is added up again from the entries. So a raid costs the sums of those who were there, not of the guild.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from django.core.cache import cache
from django.db.models import Sum

from guildhall.eqdkp.legacy.figures import Figures, cents, from_cents
from guildhall.points.models import Bucket, LedgerEntry, UserPointsSummary
from guildhall.roster.models import Character, CharacterAlias
from guildhall.roster.names import name_key

#: Earned, spent and adjusted in hundredths, by pool and the key of the name on the entries.
Parts: TypeAlias = dict[tuple[int, str], tuple[int, int, int]]
#: A person's summaries: pool, version and totals of each.
Stamp: TypeAlias = tuple[tuple[int, int, int, int, int], ...]
_ATTRIBUTE = {Bucket.EARNED.value: 0, Bucket.SPENT.value: 1, Bucket.ADJUSTED.value: 2}
_KEPT = "eqdkp-figures:1"
_FOR = 24 * 3600
#: Beyond so many people the whole ledger is added up at once.
_FEW = 200


def sums_by_name() -> dict[int, Parts]:
    """Return what each person has by pool and name. One query, and one more where anything moved since the last call."""
    stamps = _stamps()  # first: what is committed after this makes the sums newer than their stamp, never older
    kept: dict[int, tuple[Stamp, Parts]] = cache.get(_KEPT) or {}
    stale = [user_id for user_id, stamp in stamps.items() if kept.get(user_id, ((), {}))[0] != stamp]
    if not stale and len(kept) == len(stamps):
        return {user_id: parts for user_id, (_, parts) in kept.items()}
    fresh = _add_up(stale if len(stale) <= _FEW else None) if stale else {}
    found = {
        user_id: (stamp, kept[user_id][1]) if kept.get(user_id, ((), {}))[0] == stamp else (stamp, fresh.get(user_id, {}))
        for user_id, stamp in stamps.items()
    }  # fmt: skip
    cache.set(_KEPT, found, timeout=_FOR)
    return {user_id: parts for user_id, (_, parts) in found.items()}


def _stamps() -> dict[int, Stamp]:
    collected: dict[int, list[tuple[int, int, int, int, int]]] = defaultdict(list)
    rows = UserPointsSummary.objects.order_by("user_id", "pool_id")
    for user_id, pool_id, version, *totals in rows.values_list(
        "user_id", "pool_id", "version", "earned", "spent", "adjusted"
    ):
        earned, spent, adjusted = map(cents, totals)
        collected[user_id].append((pool_id, version, earned, spent, adjusted))
    return {user_id: tuple(stamps) for user_id, stamps in collected.items()}


def _add_up(user_ids: Collection[int] | None) -> dict[int, Parts]:
    """Return the sums of these people, or of everybody, from the entries."""
    rows = LedgerEntry.objects.order_by()
    if user_ids is not None:
        rows = rows.filter(user_id__in=user_ids)
    grouped = rows.values_list("user_id", "pool_id", "bucket", "character_name").annotate(total=Sum("amount"))
    collected: dict[int, dict[tuple[int, str], list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    keys: dict[str, str] = {}
    for user_id, pool_id, bucket, name, total in grouped.iterator(chunk_size=5000):
        folded = keys.get(name)
        if folded is None:
            folded = keys[name] = name_key(name)
        collected[user_id][pool_id, folded][_ATTRIBUTE[bucket]] += cents(total)
    return {
        user_id: {key: (earned, -spent, adjusted) for key, (earned, spent, adjusted) in parts.items()}
        for user_id, parts in collected.items()
    }


@dataclass(slots=True)
class PointsBook:
    """Figures of every character and pool."""

    alone: dict[tuple[int, int], Figures]
    together: dict[tuple[int, int], Figures]

    def row(self, character: Character, pool_id: int) -> dict[str, str]:
        """Return the eight strings of one character in one pool."""
        single = self.alone.get((character.pk, pool_id)) or Figures()
        whole = (self.together.get((character.user_id, pool_id)) if character.user_id else None) or Figures()
        found: dict[str, str] = {}
        for name in ("current", "earned", "spent", "adjustment"):
            found[f"points_{name}"] = f"{from_cents(getattr(single, name)):.2f}"
            found[f"points_{name}_with_twink"] = f"{from_cents(getattr(whole, name)):.2f}"
        return found


@dataclass(slots=True)
class Owners:
    """Which character of a person a name means: one that has it, one that had it, else the person's main."""

    by_name: dict[tuple[int, str], int]
    mains: dict[int, int]

    def character(self, user_id: int, key: str) -> int | None:
        return self.by_name.get((user_id, key)) or self.mains.get(user_id)


def owners_of_names() -> Owners:
    """Return the names of everybody's characters. Two queries."""
    by_name: dict[tuple[int, str], int] = {}
    mains: dict[int, int] = {}
    owner_of: dict[int, int] = {}
    shown: dict[int, bool] = {}
    characters = Character.objects.exclude(user=None).order_by("pk")
    for pk, user_id, key, is_main, status in characters.values_list("pk", "user_id", "name_key", "is_main", "status"):
        assert user_id is not None
        here = status != Character.Status.REMOVED
        owner_of[pk], shown[pk] = user_id, here
        by_name[user_id, key] = pk
        # A main, of those who are shown; else whoever is.
        if user_id not in mains or (here, is_main) > (shown[mains[user_id]], False):
            mains[user_id] = pk
    for key, character_id in CharacterAlias.objects.order_by("pk").values_list("name_key", "character_id"):
        owner = owner_of.get(character_id)
        if owner is not None:
            by_name.setdefault((owner, key), character_id)
    by_name = {(user_id, key): pk if shown[pk] else mains[user_id] for (user_id, key), pk in by_name.items()}
    return Owners(by_name, mains)


def points_book(owners: Owners) -> PointsBook:
    """Return everybody's figures. One query, and one more where anything moved since the last call."""
    alone: dict[tuple[int, int], Figures] = defaultdict(Figures)
    together: dict[tuple[int, int], Figures] = defaultdict(Figures)
    for user_id, parts in sums_by_name().items():
        for (pool_id, key), (earned, spent, adjustment) in parts.items():
            figures = Figures(earned, spent, adjustment)
            together[user_id, pool_id].add(figures)
            who = owners.character(user_id, key)
            if who is not None:
                alone[who, pool_id].add(figures)
    return PointsBook(dict(alone), dict(together))
