"""Rows that an import merely changed go back to what an earlier one had brought."""

from __future__ import annotations

from typing import cast

from django.db import models

from guildhall.accounts.models import User
from guildhall.eqdkp.importer import adjustments, items
from guildhall.eqdkp.importer.characters import CharacterState, apply_character
from guildhall.eqdkp.importer.context import UNDO_REASON
from guildhall.eqdkp.importer.raid_difference import RaidState
from guildhall.eqdkp.importer.raid_writing import sync
from guildhall.eqdkp.models import ImportRun, LegacyChange, LegacyComment, LegacyLog, LegacyRecord
from guildhall.loot.models import LootDistribution
from guildhall.points.models import DKPPool, PointAdjustment
from guildhall.raids.models import CalendarEvent, CalendarSignup, Event, ItemPool, Raid
from guildhall.roster.models import Character, Rank

Kind = LegacyRecord.Kind
MODELS: dict[str, type[models.Model]] = {
    Kind.RANK: Rank, Kind.POOL: DKPPool, Kind.ITEM_POOL: ItemPool, Kind.EVENT: Event, Kind.CALENDAR_EVENT: CalendarEvent,
    Kind.SIGNUP: CalendarSignup, Kind.GUEST: CalendarSignup, Kind.COMMENT: LegacyComment, Kind.LOG: LegacyLog,
}  # fmt: skip


def restore(change: LegacyChange, *, run: ImportRun, actor: User | None) -> None:
    """Put the row that `run` changed back to what it was before, in the caller's transaction."""
    record, before = change.record, change.before
    if record.kind == Kind.RAID:
        raid = Raid.objects.get(pk=record.object_id or 0)
        sync(record.run, raid, RaidState.from_json(before), actor=actor, without=run)
    elif record.kind == Kind.ITEM:
        award = LootDistribution.objects.get(pk=record.object_id or 0)
        standing = award.reversed_at is None
        if standing:
            items.mark_award_reversed(award, actor, UNDO_REASON, by_import=run)
        key = items.store_awards(record.run, [items.AwardState.from_json(before)], actor)[0]
        if not standing and change.after:  # people here undid it: it comes back undone
            again = LootDistribution.objects.get(pk=key)
            items.mark_award_reversed(again, award.reversed_by, award.reversal_reason, by_import=None)
        LegacyRecord.objects.filter(pk=record.pk).update(object_id=key)
    elif record.kind == Kind.ADJUSTMENT:
        adjustment = PointAdjustment.objects.get(pk=record.object_id or 0)
        standing = adjustment.reversed_at is None
        if standing:
            adjustments.mark_adjustment_reversed(adjustment, actor, UNDO_REASON, by_import=run)
        key = adjustments.store_adjustments(record.run, [adjustments.AdjustmentState.from_json(before)], actor)[0]
        if not standing and change.after:
            again_ = PointAdjustment.objects.get(pk=key)
            adjustments.mark_adjustment_reversed(again_, adjustment.reversed_by, "undone here before", by_import=None)
        LegacyRecord.objects.filter(pk=record.pk).update(object_id=key)
    elif record.kind == Kind.MEMBER:
        character = Character.objects.filter(pk=record.object_id or 0).first()
        if character is not None:
            values = {name: value for name, value in before.items() if name != "is_main"}
            apply_character(character, cast(CharacterState, values), is_main=bool(before.get("is_main")))
    else:
        model = User if record.kind == Kind.USER else MODELS.get(record.kind)
        if model is not None:
            fields = {field.attname for field in model._meta.concrete_fields}
            values = {name: value for name, value in before.items() if name in fields}
            rows = model._default_manager.filter(pk=record.object_id or 0)
            if values and not rows.update(**{k: v for k, v in values.items() if k != "id"}) and "id" in values:
                model._default_manager.create(**values)  # it was deleted there, so the import deleted it here
