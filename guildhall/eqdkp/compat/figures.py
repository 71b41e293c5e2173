"""Points by character, as the old API shows them: alone and with twinks.

Here points belong to a person; which character they came by is the name written on each entry. "Alone" is the sum of the
entries with a character's name (or a former name of it), "with twinks" the person's balance; what bears no name of a
character of theirs counts for the main. So the parts always add up to the whole.
The sums are kept in the cache under a key that changes with every movement.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count, Max, Sum

from guildhall.eqdkp.legacy.figures import Figures, cents, from_cents
from guildhall.points.models import Bucket, LedgerEntry, UserMerge, UserPointsSummary
from guildhall.roster.models import Character, CharacterAlias
from guildhall.roster.names import name_key

Sums = dict[tuple[int, int, str], tuple[int, int, int]]
_ATTRIBUTE = {Bucket.EARNED.value: 0, Bucket.SPENT.value: 1, Bucket.ADJUSTED.value: 2}


def _state() -> str:
    summary = UserPointsSummary.objects.aggregate(n=Count("pk"), v=Sum("version"))
    entries = LedgerEntry.objects.aggregate(m=Max("pk"))["m"]
    merges = UserMerge.objects.aggregate(m=Max("pk"))["m"]
    return f"eqdkp-figures:{summary['n']}:{summary['v']}:{entries}:{merges}"


def sums_by_name() -> Sums:
    """Earned, spent and adjusted, in hundredths, by person, pool and the key of the name on the entries."""
    key = _state()
    found: Sums | None = cache.get(key)
    if found is None:
        collected: dict[tuple[int, int, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        rows = (
            LedgerEntry.objects.order_by()
            .values_list("user_id", "pool_id", "bucket", "character_name")
            .annotate(total=Sum("amount"))
        )
        keys: dict[str, str] = {}
        for user_id, pool_id, bucket, name, total in rows.iterator(chunk_size=5000):
            folded = keys.get(name)
            if folded is None:
                folded = keys[name] = name_key(name)
            collected[user_id, pool_id, folded][_ATTRIBUTE[bucket]] += cents(total)
        found = {key: (values[0], -values[1], values[2]) for key, values in collected.items()}
        cache.set(key, found, timeout=3600)
    return found


@dataclass(slots=True)
class PointsBook:
    """Figures of every character and pool."""

    alone: dict[tuple[int, int], Figures]
    together: dict[tuple[int, int], Figures]

    def row(self, character: Character, pool_id: int) -> dict[str, str]:
        """The eight strings of one character in one pool."""
        single = self.alone.get((character.pk, pool_id)) or Figures()
        whole = (self.together.get((character.user_id, pool_id)) if character.user_id else None) or Figures()
        found: dict[str, str] = {}
        for name in ("current", "earned", "spent", "adjustment"):
            found[f"points_{name}"] = f"{from_cents(getattr(single, name)):.2f}"
            found[f"points_{name}_with_twink"] = f"{from_cents(getattr(whole, name)):.2f}"
        return found


def points_book() -> PointsBook:
    """Everybody's figures. Six queries, or five and a cache hit where nothing moved since the last call."""
    by_name: dict[tuple[int, str], int] = {}
    mains: dict[int, int] = {}
    characters = list(Character.objects.exclude(user=None).values_list("pk", "user_id", "name_key", "is_main"))
    owners = {pk: user_id for pk, user_id, _, _ in characters}
    for pk, user_id, key, is_main in characters:
        assert user_id is not None
        by_name[user_id, key] = pk
        if is_main or user_id not in mains:
            mains[user_id] = pk
    for key, character_id in CharacterAlias.objects.values_list("name_key", "character_id"):
        owner = owners.get(character_id)
        if owner is not None:
            by_name.setdefault((owner, key), character_id)
    alone: dict[tuple[int, int], Figures] = defaultdict(Figures)
    together: dict[tuple[int, int], Figures] = defaultdict(Figures)
    for (user_id, pool_id, key), (earned, spent, adjustment) in sums_by_name().items():
        figures = Figures(earned, spent, adjustment)
        together[user_id, pool_id].add(figures)
        who = by_name.get((user_id, key)) or mains.get(user_id)
        if who is not None:
            alone[who, pool_id].add(figures)
    return PointsBook(dict(alone), dict(together))
