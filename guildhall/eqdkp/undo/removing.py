"""Deleting what an import made where nothing else refers to it; the rest stays with its points reversed.

Each step works through its records in batches, each batch one transaction. A batch is deleted in one go; where the database
says that something refers to one of its rows, they are tried one by one, and only what is referred to stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Count, Exists, OuterRef, ProtectedError, Q, RestrictedError

from guildhall.accounts.authority import Level, level_of
from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.transactions import run_in_transaction
from guildhall.eqdkp.importer.context import UNDO_REASON
from guildhall.eqdkp.models import ImportRun, LegacyRecord
from guildhall.loot.models import Item, LootDistribution
from guildhall.points.models import DKPPool, LedgerEntry, PointAdjustment, UserPointsSummary
from guildhall.raids.models import AttendanceCheck, Event, Raid, RaidAttendance, UnmatchedName
from guildhall.roster.models import Character, CharacterAlias

from .restoring import MODELS

Kind = LegacyRecord.Kind
CHUNK = 1000
BATCH = 200
Say = Callable[[str, int, int], None]

_PLURAL: dict[str, str] = {
    Kind.USER: "accounts", Kind.PERSON: "people", Kind.RANK: "ranks", Kind.MEMBER: "characters", Kind.POOL: "pools",
    Kind.EVENT: "events", Kind.ITEM_POOL: "item pools", Kind.RAID: "raids", Kind.CALENDAR_EVENT: "calendar dates",
    Kind.SIGNUP: "sign-ups", Kind.GUEST: "guests", Kind.COMMENT: "comments", Kind.LOG: "log lines",
}  # fmt: skip


@dataclass(slots=True)
class Undone:
    """What undoing an import did.

    Attributes:
        reversed_entries: movements reversed.
        removed: rows removed whole, by kind.
        kept: what stays because somebody has built on it, each with the reason.
        restored: rows that went back to what an earlier import had brought.
    """

    run: ImportRun
    reversed_entries: int = 0
    removed: dict[str, int] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    restored: int = 0

    def note(self, kind: str, count: int = 1) -> None:
        """Count `count` rows of `kind` as removed."""
        if count:
            self.removed[kind] = self.removed.get(kind, 0) + count

    def as_text(self) -> str:
        """Return the whole story for a terminal."""
        lines = [
            f"Taken back: {self.run.origin}.",
            f"{self.reversed_entries} movements reversed; removed whole: "
            + (", ".join(f"{number:,} {kind}" for kind, number in sorted(self.removed.items())) or "nothing")
            + (f"; {self.restored} rows put back to what they were" if self.restored else "")
            + ".",
        ]
        if self.kept:
            lines.append(f"{len(self.kept)} stay because somebody has built on them, their points reversed:")
            lines += [f"  {text}" for text in self.kept[:100]]
        return "\n".join(lines)


def records_of(run: ImportRun, kind: str | None = None) -> models.QuerySet[LegacyRecord]:
    """Return the records that `run` made and that have not been undone."""
    found = LegacyRecord.objects.filter(run=run).exclude(state=LegacyRecord.State.UNDONE)
    return found.filter(kind=kind) if kind is not None else found


def delete(
    model: type[models.Model], keys: Collection[object], before: Callable[[Collection[Any]], object] | None = None
) -> set[Any]:
    """Delete the rows of `model` with these keys, after `before(keys)`; returns the keys of those that something
    refers to.

    What `before` did is undone for a row that stays.
    """
    if not keys:
        return set()
    try:
        with transaction.atomic():
            if before is not None:
                before(keys)
            model._default_manager.filter(pk__in=keys).delete()
        return set()
    except (ProtectedError, RestrictedError, IntegrityError):
        if len(keys) == 1:
            return set(keys)
        some = list(keys)
        half = len(some) // 2  # by halves: few are referred to, so most go together all the same
        return delete(model, some[:half], before) | delete(model, some[half:], before)


def delete_documents(model: type[models.Model], keys: Collection[object]) -> set[object]:
    """Delete as `delete` does, in one statement for those to which nothing refers: no row is read, no instance made.

    Documents have no history and nothing listens to their deletion.
    """
    referred: set[object] = set()
    for relation in model._meta.related_objects:
        rows = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": keys})
        referred.update(rows.values_list(relation.field.name, flat=True))
    free = [key for key in keys if key not in referred]
    with transaction.atomic():
        for field in model._meta.many_to_many:
            through = field.remote_field.through
            assert through is not None
            links = through._base_manager.filter(**{f"{field.m2m_field_name()}__in": free})
            links._raw_delete(links.db)
        rows = model._base_manager.filter(pk__in=free)
        rows._raw_delete(rows.db)
    return delete(model, [key for key in keys if key in referred])


class Removal:
    """The steps that take away what one import made; the movements are reversed before."""

    def __init__(self, done: Undone, actor: User | None, say: Say) -> None:
        self.run = done.run
        self.done = done
        self.actor = actor
        self.say = say
        self.ours = Q(document__gte=self.run.first_document, document__lte=self.run.last_document)

    def perform(self) -> None:
        """Run every step, in the order in which rows refer to each other."""
        for kind, model in (
            ("awards", LootDistribution),
            ("adjustments", PointAdjustment),
            ("attendances", RaidAttendance),
        ):
            self.documents(kind, model)
        self._each(Kind.RAID, self._raids)
        self._each(Kind.MEMBER, self._characters)
        for kind in (Kind.LOG, Kind.COMMENT, Kind.GUEST, Kind.SIGNUP, Kind.CALENDAR_EVENT, Kind.EVENT, Kind.ITEM_POOL):
            self._each(kind, self._simple)
        self.items()
        self._each(Kind.POOL, self._one_by_one(self._pool))
        self._each(Kind.PERSON, self._one_by_one(self._person))
        self._each(Kind.USER, self._one_by_one(self._person))
        self._each(Kind.RANK, self._simple)

    # -- documents -----------------------------------------------------------------------------------------------------
    def documents(self, kind: str, model: Any) -> None:
        """Awards, adjustments and attendances of the import go; the ledger keeps what they moved and its reversal.

        Newest first: a correction goes before what it corrects.
        """
        last, removed, total = None, 0, model.objects.filter(self.ours).count()
        while True:

            def work(before: int | None = last) -> tuple[int, int | None]:
                rows = model.objects.filter(self.ours, **({} if before is None else {"pk__lt": before}))
                keys = list(rows.order_by("-pk").values_list("pk", flat=True)[:CHUNK])
                return len(keys) - len(delete_documents(model, keys)), keys[-1] if keys else None

            count, last = run_in_transaction(work)
            if last is None:
                break
            removed += count
            self.say(kind, removed, total)
        self.done.note(kind, removed)

    # -- records -------------------------------------------------------------------------------------------------------
    def _each(self, kind: str, work: Callable[[str, dict[Any, LegacyRecord]], Collection[Any]]) -> None:
        """Call `work(kind, records by the key of their row)` for each batch; it returns the keys of what it removed."""
        records = records_of(self.run, kind).filter(created=True).exclude(object_id=None)
        keys = list(records.values_list("pk", flat=True))
        for start in range(0, len(keys), BATCH):
            kept, counted = len(self.done.kept), dict(self.done.removed)

            def batch(part: list[int] = keys[start : start + BATCH], kept: int = kept, counted: Any = counted) -> int:
                self.done.kept[kept:], self.done.removed = [], dict(counted)  # a transaction may be run again
                found = {record.object_id: record for record in LegacyRecord.objects.filter(pk__in=part)}
                removed = work(kind, found)
                LegacyRecord.objects.filter(pk__in=[found[key].pk for key in removed]).update(
                    object_id=None, state=LegacyRecord.State.UNDONE
                )
                return len(removed)

            self.done.note(_PLURAL.get(kind, kind), run_in_transaction(batch))
            self.say(kind, min(start + BATCH, len(keys)), len(keys))

    @staticmethod
    def _one_by_one(work: Callable[[object], bool]) -> Callable[[str, dict[object, LegacyRecord]], Collection[object]]:
        return lambda kind, records: [key for key in records if work(key)]

    def _raids(self, kind: str, records: dict[object, LegacyRecord]) -> Collection[Any]:
        raids = Raid.objects.in_bulk(list(records))
        built_on = _referring(
            raids,
            (RaidAttendance.objects.all(), "attendance_check__raid"),
            (LootDistribution.objects.all(), "raid"),
            (UnmatchedName.objects.all(), "raid"),
        )
        checks = AttendanceCheck.objects.filter(raid__in=raids).order_by().values("raid").annotate(count=Count("pk"))
        built_on |= {row["raid"] for row in checks if row["count"] > 1}
        free = [key for key in raids if key not in built_on]
        stays = built_on | delete(Raid, free, lambda keys: AttendanceCheck.objects.filter(raid__in=keys).delete())
        attended = RaidAttendance.objects.filter(reversed_at=None)
        standing = _referring(stays, (attended, "attendance_check__raid"))
        for key in sorted(stays):
            raid = raids[key]
            if raid.reversed_at is None and key not in standing:
                raid.reversed_at, raid.reversed_by, raid.reversal_reason = clock.now(), self.actor, UNDO_REASON
                raid.reversed_by_import_id = self.run.pk
                raid.save()
            self.done.kept.append(f"raid {raid} of {raid.started_at:%Y-%m-%d}: something was added to it here")
        return [key for key in raids if key not in stays]

    def _characters(self, kind: str, records: dict[object, LegacyRecord]) -> Collection[object]:
        characters = Character.objects.select_related("user").in_bulk(list(records))
        used = _referring(
            characters,
            (RaidAttendance.objects.all(), "character"),
            (LootDistribution.objects.all(), "character"),
            (CharacterAlias.objects.all(), "character"),
        )
        claimed = {key for key, one in characters.items() if one.user is not None and not one.user.is_placeholder}
        free = [key for key in characters if key not in used and key not in claimed]
        stuck = delete(
            Character,
            free,
            lambda keys: Character.objects.filter(main_character__in=keys).update(main_character=None),
        )
        for key in sorted(used | claimed | stuck):
            why = "its owner has claimed it" if key in claimed else "it was used here"
            why = "something here refers to it" if key in stuck else why
            self.done.kept.append(f"character {characters[key]}: {why}")
        return [key for key in free if key not in stuck]

    def _simple(self, kind: str, records: dict[object, LegacyRecord]) -> Collection[object]:
        model = MODELS[kind]
        rows = model._default_manager.in_bulk(list(records))
        used, why = set[Any](), ""
        if kind == Kind.EVENT:
            used, why = _referring(rows, (Raid.objects.all(), "event")), "raids of it stay"
        elif kind == Kind.ITEM_POOL:
            used, why = _referring(rows, (Event.objects.all(), "item_pools")), "events here use it"
        stuck = delete(model, [key for key in rows if key not in used])
        for key in sorted(used | stuck):
            reason = "something here refers to it" if key in stuck else why
            self.done.kept.append(f"{Kind(kind).label.lower()} {rows[key]}: {reason}")
        return [key for key in rows if key not in used and key not in stuck]

    # -- items, pools, people -------------------------------------------------------------------------------------------
    def items(self) -> None:
        """Remove items that only this import's awards name."""
        changed = Item.history.model.objects.filter(id=OuterRef("pk"))  # somebody made it or changed it by hand
        made = Item.objects.filter(awards=None, created_at__gte=self.run.created_at, description="", category="")
        keys = list(made.filter(~Exists(changed)).values_list("pk", flat=True))
        for start in range(0, len(keys), BATCH):
            part = keys[start : start + BATCH]
            stuck = run_in_transaction(lambda part=part: delete(Item, part))  # type: ignore[misc]
            self.done.note("items", len(part) - len(stuck))
            self.say("items", start + len(part), len(keys))
        records_of(self.run).filter(kind__in=[Kind.ITEM, Kind.ADJUSTMENT]).update(object_id=None)

    def _pool(self, key: Any) -> bool:
        pool = DKPPool.objects.filter(pk=key).first()
        if pool is None:
            return False
        native = pool.entries.exclude(self.ours).exists() or pool.events.exists() or pool.item_pools.exists()
        if native:
            self.done.kept.append(f"pool {pool}: movements, events or item pools here use it")
            return False
        UserPointsSummary.objects.filter(pool=pool, balance=0, held=0, earned=0, spent=0, adjusted=0).exclude(
            user__ledger_entries__pool=pool
        ).delete()
        if not delete(DKPPool, [pool.pk]):
            return True
        DKPPool.objects.filter(pk=pool.pk).update(is_active=False, is_default=False)
        self.done.note("pools closed")
        return False

    def _person(self, key: Any) -> bool:
        """Remove an account or a placeholder, or close it where the ledger's history needs their name."""
        user = User.objects.filter(pk=key).first()
        if user is None:
            return False
        touched = (
            not user.is_placeholder
            or bool(user.discord_id)
            or level_of(user) > Level.EVERYBODY_ELSE
            or user.characters.exists()
            or LedgerEntry.objects.filter(user=user).exclude(self.ours).exists()
        )
        if touched:
            self.done.kept.append(f"person {user}: claimed, or with characters or movements of their own here")
            return False
        if not LedgerEntry.objects.filter(user=user).exists():
            UserPointsSummary.objects.filter(user=user).delete()
            user.groups.clear()
            if not delete(User, [user.pk]):
                return True
        User.objects.filter(pk=user.pk).update(is_active=False)
        self.done.note("people closed (their reversed history stays)")
        return False


def _referring(keys: Iterable[Any], *lines: tuple[models.QuerySet[Any], str]) -> set[Any]:
    """Return which of `keys` the rows of each queryset refer to by its field."""
    wanted = list(keys)
    return {
        key
        for rows, name in lines
        for key in rows.filter(**{f"{name}__in": wanted}).order_by().values_list(name, flat=True)
    }
