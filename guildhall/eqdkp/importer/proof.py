"""The proof: what EQdkp Plus says of every person and pool, what Guildhall says, and why they differ where they do.

EQdkp's side is computed from the legacy rows alone, in its own way (`legacy.points`); Guildhall's side is read from its
summaries. A difference is explained by what happened in Guildhall itself: movements that no import wrote, and imported
rows that somebody here undid or amended. What is left is unexplained and makes the import fail. Whoever was a person of
the old system and is none any more must have nothing left from there.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput
from guildhall.core.money import MAX_POINTS, ZERO, show_points
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.legacy.points import Figures, LegacyPoints, cents, from_cents
from guildhall.eqdkp.legacy.snapshot import Snapshot
from guildhall.eqdkp.legacy.values import money, rounded_by_much
from guildhall.eqdkp.models import LegacyRecord
from guildhall.loot.models import LootDistribution
from guildhall.points.models import Bucket, DKPPool, EntryKind, LedgerEntry, PointAdjustment, UserPointsSummary
from guildhall.raids.models import Raid, RaidAttendance

from .context import UNDO_REASON, Context, Kind
from .decisions import decided, import_ranges

_BUCKETS = {Bucket.EARNED.value: "earned", Bucket.SPENT.value: "spent", Bucket.ADJUSTED.value: "adjustment"}
Key = tuple[int, int]


def _figures(sums: dict[str, Decimal]) -> Figures:
    """Signed sums by bucket as EQdkp's three figures."""
    return Figures(cents(sums.get("earned", ZERO)), -cents(sums.get("spent", ZERO)), cents(sums.get("adjusted", ZERO)))


def shown(figures: Figures) -> dict[str, str]:
    """Return the four figures as text."""
    names = ("earned", "spent", "adjustment", "current")
    return {name: show_points(from_cents(getattr(figures, name))) for name in names}


@dataclass(slots=True)
class Line:
    """One person in one pool."""

    user_id: int
    pool_id: int
    person: str
    pool: str
    eqdkp: Figures
    guildhall: Figures
    native: Figures = field(default_factory=Figures)
    native_count: int = 0
    undone: Figures = field(default_factory=Figures)
    undone_count: int = 0

    def _left(self, name: str) -> int:
        return int(
            getattr(self.guildhall, name) - getattr(self.eqdkp, name) - getattr(self.native, name)
            - getattr(self.undone, name)
        )  # fmt: skip

    @property
    def difference(self) -> int:
        return self.guildhall.current - self.eqdkp.current

    @property
    def unexplained(self) -> bool:
        return any(self._left(name) for name in ("earned", "spent", "adjustment"))

    @property
    def equal(self) -> bool:
        return all(getattr(self.guildhall, n) == getattr(self.eqdkp, n) for n in ("earned", "spent", "adjustment"))

    def causes(self) -> list[str]:
        """Return why the two sides differ, in words."""
        found = []
        if self.native_count:
            found.append(
                f"{self.native_count} movements made in Guildhall ({show_points(from_cents(self.native.current))})"
            )
        if self.undone_count:
            found.append(
                f"{self.undone_count} imported movements undone or amended in Guildhall "
                f"({show_points(from_cents(self.undone.current))})"
            )
        if self.unexplained:
            left = {name: show_points(from_cents(self._left(name))) for name in ("earned", "spent", "adjustment")}
            found.append(f"UNEXPLAINED: {', '.join(f'{n} {v}' for n, v in left.items() if v != '0.00')}")
        return found

    def as_dict(self) -> dict[str, object]:
        return {
            "user_id": self.user_id, "person": self.person, "pool": self.pool, "eqdkp": shown(self.eqdkp),
            "guildhall": shown(self.guildhall), "difference": show_points(from_cents(self.difference)),
            "causes": self.causes(), "unexplained": self.unexplained,
        }  # fmt: skip


def _native(source: str) -> dict[Key, tuple[Figures, int]]:
    rows = LedgerEntry.objects.filter(~import_ranges(source) | Q(document__isnull=True))
    return _grouped(rows)


def _decided_here(ctx: Context) -> dict[Key, tuple[Figures, int]]:
    found = decided(ctx)
    keys = {*found.sums, *found.counts}
    return {key: (_figures(dict(found.sums.get(key, {}))), found.counts.get(key, 0)) for key in keys}


def _grouped(rows: QuerySet[LedgerEntry]) -> dict[Key, tuple[Figures, int]]:
    sums: dict[Key, dict[str, Decimal]] = defaultdict(dict)
    counts: dict[Key, int] = defaultdict(int)
    grouped = rows.order_by().values_list("user_id", "pool_id", "bucket").annotate(total=Sum("amount"), n=Count("pk"))
    for user_id, pool_id, bucket, total, number in grouped:
        sums[user_id, pool_id][bucket] = total
        counts[user_id, pool_id] += number
    return {key: (_figures(by_bucket), counts[key]) for key, by_bucket in sums.items()}


def compare(ctx: Context, points: LegacyPoints) -> list[Line]:
    """Return every person and pool of the old system, beside what Guildhall says (in a dry run: would say)."""
    expected: dict[Key, Figures] = defaultdict(Figures)
    people: dict[int, int] = {}
    for main in dict.fromkeys(ctx.mains.values()):
        user_id = ctx.object_id(Kind.PERSON, main)
        assert user_id is not None
        people.setdefault(user_id, main)
        for pool in points.pools:
            pool_id = ctx.object_id(Kind.POOL, pool)
            assert pool_id is not None
            # The group, not the main's own row: a main that is itself a twink shows another group's sum.
            expected[user_id, pool_id].add(points.group(main, pool))
    for user_id, pool_id in _left_behind(ctx, people):
        people.setdefault(user_id, 0)
        expected[user_id, pool_id].add(Figures())
    found: dict[Key, Figures] = {}
    for row in UserPointsSummary.objects.filter(user_id__in=[pk for pk in people if pk > 0]):
        found[row.user_id, row.pool_id] = Figures(cents(row.earned), cents(row.spent), cents(row.adjusted))
    for (user_id, pool_id, bucket), amount in ctx.simulated.items():
        found.setdefault((user_id, pool_id), Figures()).add(_figures({bucket: amount}))
    native, undone = _native(ctx.source), _decided_here(ctx)
    names = {user.pk: str(user) for user in User.objects.filter(pk__in=[pk for pk in people if pk > 0])}
    pools = dict(DKPPool.objects.values_list("pk", "name"))
    pools |= {ctx.object_id(Kind.POOL, pool.id) or 0: pool.name for pool in ctx.snapshot.rows(r.POOLS)}
    nothing = (Figures(), 0)
    return [
        Line(
            user_id=key[0], pool_id=key[1],
            person=names.get(key[0]) or ctx.names.get(people[key[0]], str(key[0])), pool=pools.get(key[1], ""),
            eqdkp=figures, guildhall=found.get(key, Figures()),
            native=native.get(key, nothing)[0], native_count=native.get(key, nothing)[1],
            undone=undone.get(key, nothing)[0], undone_count=undone.get(key, nothing)[1],
        )
        for key, figures in sorted(expected.items(), key=lambda pair: (names.get(pair[0][0], ""), pair[0]))
    ]  # fmt: skip


def _left_behind(ctx: Context, people: dict[int, int]) -> list[Key]:
    """Return who was a person of the old system once and is none now, in the pools in which they have anything."""
    once = LegacyRecord.objects.filter(source=ctx.source, kind=Kind.PERSON).values_list("object_id", flat=True)
    gone = {user_id for user_id in once if user_id is not None and user_id not in people}
    rows = UserPointsSummary.objects.filter(user_id__in=gone).exclude(earned=0, spent=0, adjusted=0)
    return list(rows.order_by("user_id", "pool_id").values_list("user_id", "pool_id"))


def claimed_differences(snapshot: Snapshot, points: LegacyPoints) -> list[str]:
    """Return where an export's own figures differ from what its rows add up to."""
    found = []
    for (member, pool), said in snapshot.claimed.items():
        added = points.alone(member, pool)
        if (said.earned, said.spent, said.adjustment) != (added.earned, added.spent, added.adjustment):
            found.append(
                f"character {member} in pool {pool}: the export says {shown(said)}, its rows add up to {shown(added)}"
            )
    return found


def legacy_sums(snapshot: Snapshot, points: LegacyPoints) -> dict[str, dict[str, object]]:
    """Return rows and sums of every table that is read."""
    found: dict[str, dict[str, object]] = {
        spec.name: {"rows": snapshot.count(spec)} for spec in r.SPECS if snapshot.has(spec)
    }
    for table, total in points.totals.items():
        found[table]["sum"] = show_points(from_cents(total))
    return found


_TABLES = {
    "users": Kind.USER, "members": Kind.MEMBER, "member_ranks": Kind.RANK, "multidkp": Kind.POOL, "events": Kind.EVENT,
    "itempool": Kind.ITEM_POOL, "raids": Kind.RAID, "items": Kind.ITEM, "adjustments": Kind.ADJUSTMENT,
    "calendar_events": Kind.CALENDAR_EVENT, "calendar_raid_attendees": Kind.SIGNUP, "calendar_raid_guests": Kind.GUEST,
    "comments": Kind.COMMENT, "logs": Kind.LOG,
}  # fmt: skip


#: What becomes of the tables that have no rows of their own here.
_WHAT = {
    "config": "the settings that the old API repeats are kept, nothing secret",
    "groups_user": "not brought as roles, because nobody becomes an officer by an import",
    "groups_users": "who was in which group is kept with the account, and gives no rights",
    "roles": "kept for the old API", "groups_raid": "kept for the old API",
    "member_user": "says whose each character is", "calendars": "names and colours of the dates",
}  # fmt: skip


def guildhall_sums(source: str) -> dict[str, dict[str, object]]:
    """Return what stands in Guildhall of every table, by the records of the imports."""
    live = LegacyRecord.objects.filter(source=source, state=LegacyRecord.State.LIVE)
    counts = dict(live.order_by().values_list("kind").annotate(n=Count("pk")))
    found: dict[str, dict[str, object]] = {table: {"rows": counts.get(kind, 0)} for table, kind in _TABLES.items()}
    ranges = import_ranges(source)

    def objects(kind: str) -> Any:
        return live.filter(kind=kind).values("object_id")

    def amount(value: Decimal | None) -> str:
        return show_points(value or ZERO)

    found["raids"]["sum"] = amount(
        Raid.objects.filter(pk__in=objects(Kind.RAID), reversed_at=None).aggregate(s=Sum("points"))["s"]
    )
    attendance = RaidAttendance.objects.filter(ranges, reversed_at=None).aggregate(n=Count("pk"), s=Sum("points"))
    found["raid_attendees"] = {"rows": attendance["n"], "sum": amount(attendance["s"])}
    items = LootDistribution.objects.filter(pk__in=objects(Kind.ITEM), reversed_at=None)
    negative = LedgerEntry.objects.filter(ranges, kind=EntryKind.IMPORT, bucket=Bucket.SPENT, reversed_by=None)
    per_pool = {row["document"]: row["amount"] for row in negative.values("document", "amount")}
    spent = (items.aggregate(s=Sum("points_spent"))["s"] or ZERO) - sum(per_pool.values(), ZERO)
    found["items"]["sum"] = show_points(spent)
    found["adjustments"]["sum"] = amount(
        PointAdjustment.objects.filter(pk__in=objects(Kind.ADJUSTMENT), reversed_at=None).aggregate(s=Sum("amount"))[
            "s"
        ]
    )
    return found


_AMOUNTS: tuple[tuple[r.TableSpec[Any], str, str], ...] = (
    (r.EVENTS, "event_id", "event_value"), (r.RAIDS, "raid_id", "raid_value"), (r.ITEMS, "item_id", "item_value"),
    (r.ADJUSTMENTS, "adjustment_id", "adjustment_value"),
)  # fmt: skip


def check_amounts(ctx: Context, points: LegacyPoints) -> None:
    """Check, before anything is written, that every amount and balance can be stored; what is rounded is reported.

    Raises:
        BadInput: ``out_of_range``, naming the row.
    """
    for spec, key, column in _AMOUNTS:
        for legacy_id, value in ctx.snapshot.column(spec, key, column):
            if abs(money(value)) > MAX_POINTS:
                raise BadInput(
                    f"{column} {value} in {spec.name} {legacy_id} is more than can be kept (at most {MAX_POINTS}). Put it "
                    "right in EQdkp Plus, then dump again. Nothing was imported.",
                    code="out_of_range",
                )
            if rounded_by_much(value):
                ctx.problem(
                    spec.name, legacy_id, "rounded", f"{column} {value} has more than two places; it is {money(value)} here"
                )  # fmt: skip
    limit = cents(MAX_POINTS * 100)
    for main in dict.fromkeys(points.mains.values()):
        for pool in points.pools:
            if abs(points.group(main, pool).current) > limit:
                raise BadInput(
                    f"Character {main} and its twinks have {from_cents(points.group(main, pool).current)} in pool {pool}: "
                    "more than can be kept. Put it right in EQdkp Plus, then dump again. Nothing was imported.",
                    code="out_of_range",
                )


def report(ctx: Context, points: LegacyPoints) -> dict[str, object]:
    """Return the whole proof as JSON: people, tables, problems, and how many differences nobody can explain."""
    lines = compare(ctx, points)
    claimed = claimed_differences(ctx.snapshot, points)
    unexplained = sum(line.unexplained for line in lines) + len(claimed)
    before = legacy_sums(ctx.snapshot, points)
    after = guildhall_sums(ctx.source) if ctx.commit else {}
    orphans = points.orphans()
    notes = list(ctx.snapshot.notes)
    if others := ctx.snapshot.other_tables():
        notes.append(f"Not brought, because nothing here corresponds to them: the tables {', '.join(others)}.")
    if missing := [spec.name for spec in r.SPECS if not ctx.snapshot.has(spec) and not ctx.snapshot.partial]:
        notes.append(
            f"Not in the source at all: the tables {', '.join(missing)}. If the dump left them out, dump the whole "
            "database again."
        )
    if orphans:
        notes.append(
            f"{len(orphans)} characters were deleted in the old system and their raids, purchases or adjustments left "
            "behind; EQdkp shows them to nobody, and they are excluded here."
        )
    return {
        "origin": ctx.snapshot.origin,
        "version": ctx.snapshot.version,
        "commit": ctx.commit,
        "people": [line.as_dict() for line in lines],
        "compared": len(lines),
        "equal": sum(line.equal for line in lines),
        "explained": sum(not line.equal and not line.unexplained for line in lines),
        "unexplained": unexplained,
        "claimed_differences": claimed[:200],
        "tables": {
            table: {
                "eqdkp": sums,
                "guildhall": after.get(table, {}),
                "counts": ctx.counts[table].as_dict(),
                "what": _WHAT.get(table, ""),
            }
            for table, sums in before.items()
        },
        "problems": ctx.problem_counts,
        "notes": notes,
    }


__all__ = ["UNDO_REASON", "Line", "compare", "guildhall_sums", "import_ranges", "legacy_sums", "report"]
