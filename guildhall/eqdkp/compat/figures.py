"""Points by character, as the old API shows them: alone and with twinks.

Here points belong to a person; which character they came by is the name written on each entry. "Alone" is the sum of the
entries with a character's name (or a former name of it), "with twinks" the person's balance; what bears no name of a
character of theirs counts for the main. So the parts always add up to the whole: `tests/test_old_api_numbers.py`.

Invariant: the sums that are kept in the cache are never behind the ledger. Each person's are kept with the version and the
totals of their summaries, which change in the transaction of every entry (`points.ledger`); a person whose summaries are
not as they were gets their newer entries added: an entry's id is taken under the lock on its person's summaries, so what is newer has
a higher one. Whoever then has other totals than their summaries, or was merged with somebody, is added up from all their entries. So a
raid costs its own entries, whatever the guild's age.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from django.core.cache import cache
from django.db.models import Max, Sum

from guildhall.eqdkp.legacy.figures import Figures, cents, from_cents
from guildhall.points.models import Bucket, LedgerEntry, UserMerge, UserPointsSummary
from guildhall.roster.models import Character, CharacterAlias
from guildhall.roster.names import name_key

#: Earned, spent and adjusted in hundredths, by pool and the key of the name on the entries.
Parts: TypeAlias = dict[tuple[int, str], tuple[int, int, int]]
#: A person's summaries: pool, version and totals of each.
Stamp: TypeAlias = tuple[tuple[int, int, int, int, int], ...]
_ATTRIBUTE = {Bucket.EARNED.value: 0, Bucket.SPENT.value: 1, Bucket.ADJUSTED.value: 2}
#: A person's sums: the summaries that they are as of, the id of the newest entry in them, and the sums.
Sums: TypeAlias = tuple[Stamp, int, Parts]
_KEPT = "eqdkp-figures:2"
#: Beyond so many people the whole ledger is added up at once.
_FEW = 200
#: Newer entries are looked for among so many of the last; who has not moved for longer is added up again.
_LAST = 20_000


def sums_by_name() -> dict[int, Parts]:
    """Return what each person has by pool and name. One query; two more where anything moved since the last call, and one for
    people whose sums must be made from all their entries."""
    stamps = _stamps()  # first: what is committed after this makes the sums newer than their stamp, never older
    kept: dict[int, Sums] = cache.get(_KEPT) or {}
    stale = [user_id for user_id, stamp in stamps.items() if user_id not in kept or kept[user_id][0] != stamp]
    if stale or len(kept) != len(stamps):
        fresh = _fresh(stale, stamps, kept) if stale else {}
        kept = {user_id: fresh.get(user_id) or kept[user_id] for user_id in stamps}
        cache.set(_KEPT, kept, timeout=None)
    return {user_id: parts for user_id, (_, _, parts) in kept.items()}


def _fresh(stale: Collection[int], stamps: Mapping[int, Stamp], kept: Mapping[int, Sums]) -> dict[int, Sums]:
    """Return the sums of these people: with what is newer, or from all their entries."""
    newest = max((last for _, last, _ in kept.values()), default=0)
    near = {user_id: kept[user_id] for user_id in stale if user_id in kept and kept[user_id][1] > newest - _LAST}
    found = _with_newer(near, stamps) if near else {}
    rest = [user_id for user_id in stale if user_id not in found]
    if rest:
        whole = _add_up(rest if len(rest) <= _FEW else None)
        for user_id in rest:
            last, parts = whole.get(user_id, (0, {}))
            found[user_id] = (stamps[user_id], last, parts)
    return found


def _with_newer(near: Mapping[int, Sums], stamps: Mapping[int, Stamp]) -> dict[int, Sums]:
    """Return the sums of these people with their newer entries, but of those who then have other totals than their summaries or
    who have got somebody else's entries. Two queries."""
    merged = set(UserMerge.objects.filter(target_id__in=near).values_list("target_id", flat=True))
    newest = {user_id: last for user_id, (_, last, _) in near.items() if user_id not in merged}
    collected = {user_id: dict(near[user_id][2]) for user_id in newest}
    since = min(newest.values(), default=0)
    rows = LedgerEntry.objects.filter(id__gt=since, user_id__in=list(newest)).order_by("id")
    for pk, user_id, pool_id, bucket, name, amount in rows.values_list(
        "id", "user_id", "pool_id", "bucket", "character_name", "amount"
    ):
        if pk > newest[user_id]:
            key = (pool_id, name_key(name))
            figures = list(collected[user_id].get(key, (0, 0, 0)))
            figures[_ATTRIBUTE[bucket]] += cents(-amount if bucket == Bucket.SPENT else amount)
            newest[user_id], collected[user_id][key] = pk, (figures[0], figures[1], figures[2])
    return {
        user_id: (stamps[user_id], newest[user_id], parts)
        for user_id, parts in collected.items()
        if _totals(parts) == {pool: tuple(totals) for pool, _, *totals in stamps[user_id] if any(totals)}
    }


def _totals(parts: Parts) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (pool_id, _), figures in parts.items():
        for at, figure in enumerate(figures):
            found[pool_id][at] += figure
    return {pool_id: tuple(totals) for pool_id, totals in found.items() if any(totals)}


def _stamps() -> dict[int, Stamp]:
    collected: dict[int, list[tuple[int, int, int, int, int]]] = defaultdict(list)
    rows = UserPointsSummary.objects.order_by("user_id", "pool_id")
    for user_id, pool_id, version, *totals in rows.values_list(
        "user_id", "pool_id", "version", "earned", "spent", "adjusted"
    ):
        earned, spent, adjusted = map(cents, totals)
        collected[user_id].append((pool_id, version, earned, spent, adjusted))
    return {user_id: tuple(stamps) for user_id, stamps in collected.items()}


def _add_up(user_ids: Collection[int] | None) -> dict[int, tuple[int, Parts]]:
    """Return the newest entry and the sums of these people, or of everybody, from the entries."""
    rows = LedgerEntry.objects.order_by()
    if user_ids is not None:
        rows = rows.filter(user_id__in=user_ids)
    grouped = rows.values_list("user_id", "pool_id", "bucket", "character_name").annotate(
        total=Sum("amount"), last=Max("id")
    )
    collected: dict[int, dict[tuple[int, str], list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    newest: dict[int, int] = defaultdict(int)
    keys: dict[str, str] = {}
    for user_id, pool_id, bucket, name, total, last in grouped.iterator(chunk_size=5000):
        folded = keys.get(name)
        if folded is None:
            folded = keys[name] = name_key(name)
        collected[user_id][pool_id, folded][_ATTRIBUTE[bucket]] += cents(total)
        newest[user_id] = max(newest[user_id], last)
    return {
        user_id: (
            newest[user_id],
            {key: (earned, -spent, adjusted) for key, (earned, spent, adjusted) in parts.items()},
        )
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
