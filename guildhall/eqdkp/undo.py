"""Taking back one import, and nothing else.

Every movement the import wrote is reversed (the ledger forgets nothing). Then whatever it made is removed whole where
nobody has built on it yet, and stays, struck, where somebody has; the answer says which. Rows that a later import merely
changed go back to what they were. Interrupted, it goes on when it is called again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef, ProtectedError, Q, RestrictedError

from guildhall.accounts.models import User
from guildhall.core import audit, clock, revisions
from guildhall.core.errors import Conflict, NotFound
from guildhall.core.transactions import run_in_transaction
from guildhall.eqdkp.importer import adjustments, items, raids
from guildhall.eqdkp.importer.characters import apply_character
from guildhall.eqdkp.importer.context import UNDO_REASON, Beat
from guildhall.eqdkp.models import (
    CalendarEvent,
    CalendarSignup,
    ImportRun,
    LegacyChange,
    LegacyComment,
    LegacyLog,
    LegacyProblem,
    LegacyRecord,
)
from guildhall.eqdkp.running import busy, claim, exclusively, release, this_worker
from guildhall.loot.models import Item, LootDistribution
from guildhall.points import ledger
from guildhall.points.models import DKPPool, EntryKind, LedgerEntry, PointAdjustment, UserPointsSummary
from guildhall.raids.models import Event, ItemPool, Raid, RaidAttendance
from guildhall.raids.services.standing import attendance_changed
from guildhall.roster.models import Character, Rank

Kind = LegacyRecord.Kind
CHUNK = 1000
_MODELS: dict[str, type[models.Model]] = {
    Kind.RANK: Rank, Kind.POOL: DKPPool, Kind.ITEM_POOL: ItemPool, Kind.EVENT: Event, Kind.CALENDAR_EVENT: CalendarEvent,
    Kind.SIGNUP: CalendarSignup, Kind.GUEST: CalendarSignup, Kind.COMMENT: LegacyComment, Kind.LOG: LegacyLog,
}  # fmt: skip


_PLURAL: dict[str, str] = {
    Kind.USER: "accounts", Kind.PERSON: "people", Kind.RANK: "ranks", Kind.MEMBER: "characters", Kind.POOL: "pools",
    Kind.EVENT: "events", Kind.ITEM_POOL: "item pools", Kind.RAID: "raids", Kind.CALENDAR_EVENT: "calendar dates",
    Kind.SIGNUP: "sign-ups", Kind.GUEST: "guests", Kind.COMMENT: "comments", Kind.LOG: "log lines",
}  # fmt: skip


@dataclass(slots=True)
class Undone:
    """What taking back an import did.

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
        self.removed[kind] = self.removed.get(kind, 0) + count

    def in_words(self) -> str:
        """The whole story for a terminal."""
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


def find_run(name: str, *, source: str = "eqdkp") -> ImportRun:
    """The import called so: an id, or ``last`` for the newest one that stands.

    Raises:
        NotFound: ``unknown_import``.
    """
    runs = ImportRun.objects.filter(is_commit=True)
    if name == "last":
        found = runs.filter(source=source).exclude(state=ImportRun.State.UNDONE).order_by("-created_at").first()
    else:
        try:
            found = runs.filter(pk=uuid.UUID(name)).first()
        except ValueError:
            found = None
    if found is None:
        raise NotFound(f"There is no import “{name}”; manage.py import_eqdkp --list shows them.", code="unknown_import")
    return found


def undo_import(*, run: ImportRun, actor: User | None = None, beat: Beat | None = None) -> Undone:
    """Take back one import.

    Raises:
        Conflict: ``already_undone``; ``import_running``; ``later_import`` where a later import changed what this one
            brought (take that back first).
    """
    with exclusively():
        run = ImportRun.objects.select_for_update().get(pk=run.pk)
        if run.state == ImportRun.State.UNDONE:
            raise Conflict("This import has been taken back already.", code="already_undone")
        if busy() is not None:
            raise Conflict("An import is running; wait until it is done.", code="import_running")
        mine = LegacyChange.objects.filter(run=run, record=OuterRef("record"), pk__lt=OuterRef("pk"))
        later = (
            LegacyChange.objects.exclude(run=run)
            .exclude(run__state=ImportRun.State.UNDONE)
            .filter(Q(record__run=run, run__created_at__gt=run.created_at) | Exists(mine))
        )
        if later.exists():
            other = later.select_related("run").latest("pk").run
            raise Conflict(
                f"A later import ({other.origin}, {other.created_at:%Y-%m-%d %H:%M}) changed rows of this one. Take that "
                "back first.",
                code="later_import",
                figures={"run": str(other.pk)},
            )
        run.state = ImportRun.State.UNDOING
        run.beat_at = clock.now()
        run.settings = {**run.settings, "worker": this_worker()}
        run.save()
        claim(run)
    try:
        undo = _Undo(run, actor, beat)
        undo.perform()
    finally:
        release(run)
    return undo.done


class _Undo:
    def __init__(self, run: ImportRun, actor: User | None, beat: Beat | None) -> None:
        self.run = run
        self.actor = actor
        self.beat = beat
        self.done = Undone(run)
        self.ours = Q(document__gte=run.first_document, document__lte=run.last_document)

    def perform(self) -> None:
        self._restore_changes()
        self._reverse_entries()
        self._documents()
        self._raids()
        self._characters()
        for kind in (Kind.LOG, Kind.COMMENT, Kind.GUEST, Kind.SIGNUP, Kind.CALENDAR_EVENT, Kind.EVENT, Kind.ITEM_POOL):
            self._simple(kind)
        self._items()
        self._pools()
        self._people()
        self._simple(Kind.RANK)

        def finish() -> None:
            self._records().update(state=LegacyRecord.State.UNDONE)
            LegacyProblem.objects.filter(run=self.run).delete()
            self.run.state, self.run.finished_at = ImportRun.State.UNDONE, clock.now()
            self.run.save()
            audit.record(
                action="eqdkp.undo_import",
                summary=f"Import from {self.run.origin} taken back: {self.done.reversed_entries} movements reversed",
                actor=self.actor,
                target=self.run,
                data={"removed": self.done.removed, "kept": self.done.kept[:200]},
            )
            for name in ("roster", "pools", "raids", "loot"):
                revisions.bump(name)
            attendance_changed()

        run_in_transaction(finish)

    def _records(self, kind: str | None = None) -> Any:
        found = LegacyRecord.objects.filter(run=self.run).exclude(state=LegacyRecord.State.UNDONE)
        return found.filter(kind=kind) if kind is not None else found

    def _say(self, step: str, done: int, total: int) -> None:
        if self.beat is not None:
            self.beat(step, done, total)
        ImportRun.objects.filter(pk=self.run.pk).update(step=step, beat_at=clock.now())

    # -- what a later import changed goes back --------------------------------------------------------------------------
    def _restore_changes(self) -> None:
        for change in LegacyChange.objects.filter(run=self.run).select_related("record").order_by("-pk"):

            def work(change: LegacyChange = change) -> None:
                self._restore(change)
                # Its content no longer says what the old system has now, so the next import looks at it again.
                LegacyRecord.objects.filter(pk=change.record_id).update(content="", state=LegacyRecord.State.LIVE)
                change.delete()
                self.done.restored += 1

            run_in_transaction(work)

    def _restore(self, change: LegacyChange) -> None:
        record, before = change.record, change.before
        if record.kind == Kind.RAID:
            raid = Raid.objects.get(pk=record.object_id or 0)
            raids.sync(record.run, raid, raids.RaidState.from_json(before), actor=self.actor, without=self.run)
        elif record.kind == Kind.ITEM:
            award = LootDistribution.objects.get(pk=record.object_id or 0)
            standing = award.reversed_at is None
            if standing:
                items.strike_award(award, self.actor, UNDO_REASON)
            key = items.store_awards(record.run, [items.AwardState.from_json(before)], self.actor)[0]
            if not standing and change.after:  # people here undid it: it comes back undone
                again = LootDistribution.objects.get(pk=key)
                items.strike_award(again, award.reversed_by, award.reversal_reason)
            LegacyRecord.objects.filter(pk=record.pk).update(object_id=key)
        elif record.kind == Kind.ADJUSTMENT:
            adjustment = PointAdjustment.objects.get(pk=record.object_id or 0)
            standing = adjustment.reversed_at is None
            if standing:
                adjustments.strike_adjustment(adjustment, self.actor, UNDO_REASON)
            key = adjustments.store_adjustments(
                record.run, [adjustments.AdjustmentState.from_json(before)], self.actor
            )[0]
            if not standing and change.after:
                again_ = PointAdjustment.objects.get(pk=key)
                adjustments.strike_adjustment(again_, self.actor, "undone here before")
            LegacyRecord.objects.filter(pk=record.pk).update(object_id=key)
        elif record.kind == Kind.MEMBER:
            character = Character.objects.filter(pk=record.object_id or 0).first()
            if character is not None:
                values = {name: value for name, value in before.items() if name != "is_main"}
                apply_character(character, values, is_main=bool(before.get("is_main")))
        else:
            model = User if record.kind == Kind.USER else _MODELS.get(record.kind)
            if model is not None:
                fields = {field.attname for field in model._meta.concrete_fields}
                values = {name: value for name, value in before.items() if name in fields}
                rows = model._default_manager.filter(pk=record.object_id or 0)
                if values and not rows.update(**{k: v for k, v in values.items() if k != "id"}) and "id" in values:
                    model._default_manager.create(**values)  # it was deleted there, so the import deleted it here

    # -- the movements ---------------------------------------------------------------------------------------------------
    def _standing(self) -> Any:
        return LedgerEntry.objects.filter(self.ours, reversed_by=None).exclude(kind=EntryKind.REVERSAL)

    def _reverse_entries(self) -> None:
        total, last = self._standing().count(), 0
        while True:
            # By key, so that what is reversed already is not read past again and again.
            count, last = run_in_transaction(lambda after=last: self._reverse_some(after))  # type: ignore[misc]
            self.done.reversed_entries += count
            self._say("points", self.done.reversed_entries, total)
            if not count:
                return

    def _reverse_some(self, after: int) -> tuple[int, int]:
        entries = list(self._standing().filter(pk__gt=after).order_by("pk")[:CHUNK])
        # A document is undone whole: take in what else belongs to the last ones of the chunk.
        documents = {entry.document for entry in entries if entry.document}
        whole = ledger.standing_entries(documents=list(documents)) if documents else []
        ledger.reverse_entries(entries=whole, actor=self.actor, reason=UNDO_REASON)
        return len(whole), entries[-1].pk if entries else after

    # -- the documents ---------------------------------------------------------------------------------------------------
    def _documents(self) -> None:
        """Awards, adjustments and attendances of the import go; the ledger keeps what they moved and its reversal."""
        for kind, model in (
            ("awards", LootDistribution),
            ("adjustments", PointAdjustment),
            ("attendances", RaidAttendance),
        ):
            while True:

                def work(model: Any = model, kind: str = kind) -> int:
                    keys = list(
                        model.objects.filter(self.ours)
                        .exclude(pk__in=self._held(model))
                        .values_list("pk", flat=True)[:CHUNK]
                    )
                    removed = 0
                    try:
                        with transaction.atomic():
                            model.objects.filter(pk__in=keys).delete()
                            removed = len(keys)
                    except (ProtectedError, RestrictedError, IntegrityError):
                        for key in keys:
                            if self._delete(model.objects.get(pk=key)):
                                removed += 1
                            else:
                                self._stuck.setdefault(model, set()).add(key)
                    if removed:
                        self.done.note(kind, removed)
                    return len(keys)

                if not run_in_transaction(work):
                    break
                self._say(kind, self.done.removed.get(kind, 0), self.done.removed.get(kind, 0))

    @property
    def _stuck(self) -> dict[Any, set[int]]:
        found: dict[Any, set[int]] = self.__dict__.setdefault("_stuck_rows", {})
        return found

    def _held(self, model: Any) -> set[int]:
        return self._stuck.get(model, set())

    @staticmethod
    def _delete(row: models.Model) -> bool:
        try:
            with transaction.atomic():
                row.delete()
        except (ProtectedError, RestrictedError, IntegrityError):
            return False
        return True

    def _each(self, kind: str, work: Callable[[LegacyRecord], None]) -> None:
        records = self._records(kind).filter(created=True).exclude(object_id=None)
        keys = list(records.values_list("pk", flat=True))
        for start in range(0, len(keys), 200):

            def batch(part: list[int] = keys[start : start + 200]) -> None:
                for record in LegacyRecord.objects.filter(pk__in=part):
                    work(record)

            run_in_transaction(batch)
            self._say(kind, min(start + 200, len(keys)), len(keys))

    def _forget(self, record: LegacyRecord) -> None:
        LegacyRecord.objects.filter(pk=record.pk).update(object_id=None, state=LegacyRecord.State.UNDONE)
        self.done.note(_PLURAL.get(record.kind, record.kind))

    def _raids(self) -> None:
        def work(record: LegacyRecord) -> None:
            raid = Raid.objects.filter(pk=record.object_id or 0).first()
            if raid is None:
                return
            added = RaidAttendance.objects.filter(attendance_check__raid=raid).exists()
            added = added or LootDistribution.objects.filter(raid=raid).exists() or raid.unmatched.exists()
            added = added or raid.checks.count() > 1
            if not added:
                raid.checks.all().delete()
                if self._delete(raid):
                    self._forget(record)
                    return
            if (
                raid.reversed_at is None
                and not RaidAttendance.objects.filter(attendance_check__raid=raid, reversed_at=None).exists()
            ):
                raid.reversed_at, raid.reversed_by, raid.reversal_reason = clock.now(), self.actor, UNDO_REASON
                raid.save()
            self.done.kept.append(f"raid {raid} of {raid.started_at:%Y-%m-%d}: something was added to it here")

        self._each(Kind.RAID, work)

    def _characters(self) -> None:
        def work(record: LegacyRecord) -> None:
            character = Character.objects.select_related("user").filter(pk=record.object_id or 0).first()
            if character is None:
                return
            used = RaidAttendance.objects.filter(character=character).exists()
            used = used or LootDistribution.objects.filter(character=character).exists()
            used = used or character.aliases.exists()
            claimed = character.user is not None and not character.user.is_placeholder
            if used or claimed:
                why = "its owner has claimed it" if claimed else "it was used here"
                self.done.kept.append(f"character {character}: {why}")
                return
            Character.objects.filter(main_character=character).update(main_character=None)
            if self._delete(character):
                self._forget(record)
            else:
                self.done.kept.append(f"character {character}: something here refers to it")

        self._each(Kind.MEMBER, work)

    def _simple(self, kind: str) -> None:
        model = _MODELS[kind]

        def work(record: LegacyRecord) -> None:
            row = model._default_manager.filter(pk=record.object_id or 0).first()
            if row is None:
                return
            if kind == Kind.EVENT and Raid.objects.filter(event_id=row.pk).exists():
                self.done.kept.append(f"event {row}: raids of it stay")
            elif kind == Kind.ITEM_POOL and Event.objects.filter(item_pools=row.pk).exists():
                self.done.kept.append(f"item pool {row}: events here use it")
            elif self._delete(row):
                self._forget(record)
            else:
                self.done.kept.append(f"{kind} {row}: something here refers to it")

        self._each(kind, work)

    def _items(self) -> None:
        """Items that only this import's awards spoke of."""

        def work() -> None:
            made = Item.objects.filter(awards=None, created_at__gte=self.run.created_at, description="", category="")
            for item in made.iterator():
                if item.history.count() == 0 and self._delete(item):
                    self.done.note("items")
            self._records(Kind.ITEM).update(object_id=None)
            self._records(Kind.ADJUSTMENT).update(object_id=None)

        run_in_transaction(work)

    def _pools(self) -> None:
        def work(record: LegacyRecord) -> None:
            pool = DKPPool.objects.filter(pk=record.object_id or 0).first()
            if pool is None:
                return
            native = pool.entries.exclude(self.ours).exists() or pool.events.exists() or pool.item_pools.exists()
            if native:
                self.done.kept.append(f"pool {pool}: movements, events or item pools here use it")
                return
            UserPointsSummary.objects.filter(pool=pool, balance=0, held=0, earned=0, spent=0, adjusted=0).exclude(
                user__ledger_entries__pool=pool
            ).delete()
            if self._delete(pool):
                self._forget(record)
            else:
                DKPPool.objects.filter(pk=pool.pk).update(is_active=False, is_default=False)
                self.done.note("pools closed")

        self._each(Kind.POOL, work)

    def _people(self) -> None:
        """Accounts and placeholders: removed, or closed where the ledger's history needs their name."""

        def work(record: LegacyRecord) -> None:
            user = User.objects.filter(pk=record.object_id or 0).first()
            if user is None:
                return
            touched = (
                not user.is_placeholder
                or bool(user.discord_id)
                or user.characters.exists()
                or LedgerEntry.objects.filter(user=user).exclude(self.ours).exists()
            )
            if touched:
                self.done.kept.append(f"person {user}: claimed, or with characters or movements of their own here")
                return
            if not LedgerEntry.objects.filter(user=user).exists():
                UserPointsSummary.objects.filter(user=user).delete()
                user.groups.clear()
                if self._delete(user):
                    self._forget(record)
                    return
            User.objects.filter(pk=user.pk).update(is_active=False)
            self.done.note("people closed (their reversed history stays)")

        self._each(Kind.PERSON, work)
        self._each(Kind.USER, work)
