"""Every use case that executes a preview requires its digest: take `previews.require` out of one and its row fails here.

A use case that is registered with `previews.executes_preview` and has no row fails too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from guildhall.accounts.models import RoleGroup
from guildhall.accounts.services import create_person
from guildhall.core import batches, clock, previews
from guildhall.core.errors import GuildhallError
from guildhall.core.models import AuditEvent
from guildhall.core.previews import PreviewChanged
from guildhall.discord.roles.drift import preview_role_sync
from guildhall.discord.roles.sync import request_sync
from guildhall.eqdkp.models import ImportRun
from guildhall.eqdkp.wizard import preview_import, start_import
from guildhall.loot.services import create_item, merge_items, preview_merge_items
from guildhall.points import services as points
from guildhall.points.ledger import preview_reversal, reverse_entries
from guildhall.points.models import DKPPool, LedgerEntry
from guildhall.raids import services as raids
from guildhall.raids.parsers import parse_attendance
from guildhall.raids.selectors import preview_attendance
from guildhall.roster import services as roster
from guildhall.roster.models import Character

pytestmark = pytest.mark.django_db

Operation = tuple[Callable[[], str | None], Callable[[str | None], Any]]
"""The digest of its preview as it is now; and carrying it out with a digest."""


class Scenario:
    def __init__(self) -> None:
        self.boss = create_person(display_name="Boss", role_group=RoleGroup.OFFICER)
        self.pool = points.create_pool(name="Velious")
        self.people = [create_person(display_name=name) for name in ("Aelric", "Borin")]
        for person in self.people:
            roster.create_character(name=str(person), user=person, character_class="Cleric", level=50, actor=self.boss)
        self.ids = [person.pk for person in self.people]
        self.made = points.adjust_points(user_ids=self.ids, pool=self.pool, amount=100, reason="x", actor=self.boss)
        event = raids.create_event(name="Siege", pools=[self.pool], default_points="10", actor=self.boss)
        self.raid = raids.create_raid(event=event, started_at=clock.now() - dt.timedelta(hours=1), actor=self.boss)

    def attended(self) -> None:
        raids.award_attendance(raid=self.raid, attendees=["Aelric", "Borin"], actor=self.boss)


def adjusting(h: Scenario) -> Operation:
    asked: dict[str, Any] = {"user_ids": h.ids, "pool": h.pool, "amount": "5", "reason": "Food"}
    return (
        lambda: points.preview_adjustment(**asked).digest,
        lambda digest: points.adjust_points(**asked, digest=digest, actor=h.boss),
    )


def running(h: Scenario) -> Operation:
    rule = points.create_rule(name="Decay", pool=h.pool, kind="decay_percent", percent=Decimal(10), actor=None)
    return (
        lambda: points.shown_now(rule, points.preview_rule(rule=rule)).digest,
        lambda digest: points.run_rule(rule=rule, actor=h.boss, digest=digest),
    )


def start_points(h: Scenario) -> Operation:
    DKPPool.objects.filter(pk=h.pool.pk).update(start_points=20)
    h.pool.refresh_from_db()
    return (
        lambda: points.start_points_shown(h.pool, points.preview_start_points(pool=h.pool)).digest,
        lambda digest: points.grant_start_points(pool=h.pool, actor=h.boss, digest=digest),
    )


def merging(h: Scenario) -> Operation:
    source, target = h.people
    return (
        lambda: points.preview_merge(source=source, target=target, actor=h.boss).digest,
        lambda digest: points.merge_people(source=source, target=target, actor=h.boss, reason="same", digest=digest),
    )


def reversing(h: Scenario) -> Operation:
    documents = [h.made[0].document]
    return (
        lambda: preview_reversal(documents=documents).digest,
        lambda digest: reverse_entries(documents=documents, actor=h.boss, reason="x", digest=digest),
    )


def reversing_an_entry(h: Scenario) -> Operation:
    entry = LedgerEntry.objects.get(document=h.made[0].document)
    return (
        lambda: preview_reversal(documents=[entry.document] if entry.document else []).digest,
        lambda digest: points.reverse_entry(entry_id=entry.pk, reason="x", actor=h.boss, digest=digest),
    )


def reversing_a_lone_entry(h: Scenario) -> Operation:
    entry = LedgerEntry.objects.get(document=h.made[0].document)
    from guildhall.points.history import post_history

    row = (h.ids[0], h.pool.pk, "import", "adjusted", entry.amount, entry.occurred_at, "", "old", None, None)
    post_history(rows=[row], actor=None)
    lone = LedgerEntry.objects.get(document=None)
    return (
        lambda: preview_reversal(entries=[lone]).digest,
        lambda digest: points.reverse_entry(entry_id=lone.pk, reason="x", actor=h.boss, digest=digest),
    )


def reversing_a_run(h: Scenario) -> Operation:
    rule = points.create_rule(name="Decay", pool=h.pool, kind="decay_percent", percent=Decimal(10), actor=None)
    run = points.run_rule(rule=rule, actor=h.boss)
    return (
        lambda: preview_reversal(context=run.document).digest,
        lambda digest: points.reverse_rule_run(run=run, reason="x", actor=h.boss, digest=digest),
    )


def reversing_a_raid(h: Scenario) -> Operation:
    h.attended()
    return (
        lambda: preview_reversal(context=h.raid.context).digest,
        lambda digest: raids.reverse_raid(raid=h.raid, reason="x", actor=h.boss, digest=digest),
    )


def amending(h: Scenario) -> Operation:
    h.attended()
    wanted: dict[str, Any] = {"raid": h.raid, "attendees": ["Aelric"]}
    return (
        lambda: raids.preview_amendment(**wanted).digest,
        lambda digest: raids.amend_attendance(**wanted, actor=h.boss, digest=digest),
    )


def importing(h: Scenario) -> Operation:
    parse = parse_attendance("Aelric\nBorin")
    return (
        lambda: preview_attendance(raid=h.raid, parse=parse).digest,
        lambda digest: raids.commit_parsed_attendance(raid=h.raid, parse=parse, actor=h.boss, digest=digest),
    )


def ranking(h: Scenario) -> Operation:
    rank = roster.create_rank(name="Raider", actor=h.boss)
    who: dict[str, Any] = {"character_ids": list(Character.objects.values_list("pk", flat=True)), "rank": rank}
    return (
        lambda: roster.preview_bulk_rank(**who).digest,
        lambda digest: roster.bulk_set_rank(**who, actor=h.boss, digest=digest),
    )


def dumping(h: Scenario) -> Operation:
    asked: dict[str, Any] = {"members": [roster.DumpMember("Aelric", 60, "Cleric", "")], "is_partial": True}
    return (
        lambda: roster.preview_guild_dump(**asked).digest,
        lambda digest: roster.apply_guild_dump(**asked, choices=roster.DumpChoices(), actor=h.boss, digest=digest),
    )


def undoing_a_batch(h: Scenario) -> Operation:
    batch = batches.find(h.made[0].batch)
    return (
        lambda: batches.preview_undo_batch(batch=batch).digest,
        lambda digest: batches.undo_batch(batch=batch, actor=h.boss, reason="x", digest=digest),
    )


def merging_items(h: Scenario) -> Operation:
    source, target = (create_item(name=name, actor=h.boss) for name in ("Cloak of Flame", "Cloak of Flames"))
    return (
        lambda: preview_merge_items(source=source, target=target).digest,
        lambda digest: merge_items(source=source, target=target, actor=h.boss, reason="typo", digest=digest),
    )


def leaving_eqdkp(h: Scenario) -> Operation:
    run = ImportRun.objects.create(
        origin="old", state=ImportRun.State.CHECKED, report={"tables": {}}, upload="gone.zip"
    )
    return (
        lambda: preview_import(run=run).digest,
        lambda digest: start_import(run=run, actor=h.boss, digest=digest),
    )


def syncing_roles(h: Scenario) -> Operation:
    return (
        lambda: preview_role_sync(user_ids=h.ids).shown.digest,
        lambda digest: request_sync(user_ids=h.ids, source="test", actor=h.boss, digest=digest),
    )


OPERATIONS: dict[str, Callable[[Scenario], Operation]] = {
    "guildhall.points.services.adjustments.adjust_points": adjusting,
    "guildhall.points.services.rules.run_rule": running,
    "guildhall.points.services.start_points.grant_start_points": start_points,
    "guildhall.points.services.merging.merge_people": merging,
    "guildhall.loot.services.merging.merge_items": merging_items,
    "guildhall.points.ledger.reversing.reverse_entries": reversing,
    "guildhall.raids.services.amending.amend_attendance": amending,
    "guildhall.raids.services.awarding.commit_parsed_attendance": importing,
    "guildhall.roster.services.ranks.bulk_set_rank": ranking,
    "guildhall.roster.services.guild_dump.apply_guild_dump": dumping,
    "guildhall.core.batches.undo_batch": undoing_a_batch,
    "guildhall.eqdkp.wizard.start_import": leaving_eqdkp,
    "guildhall.discord.roles.sync.request_sync": syncing_roles,
}
#: They hand the digest on to `reverse_entries`.
BEHIND: dict[str, Callable[[Scenario], Operation]] = {
    "an entry undone": reversing_an_entry,
    "an entry without a document undone": reversing_a_lone_entry,
    "a run undone": reversing_a_run,
    "a raid undone": reversing_a_raid,
}


def test_every_use_case_that_carries_a_preview_out_has_a_row() -> None:
    assert set(OPERATIONS) == set(previews.registered().values())


@pytest.mark.parametrize("operation", [*OPERATIONS, *BEHIND])
def test_nothing_but_what_was_shown_is_carried_out(operation: str) -> None:
    digest, carry_out = {**OPERATIONS, **BEHIND}[operation](Scenario())
    shown = digest()
    assert shown
    before = (LedgerEntry.objects.count(), AuditEvent.objects.count())
    asked, outcome = shown.split(".")
    for other in ("not.this", f"{asked}.{'x' * len(outcome)}", f"{'x' * len(asked)}.{outcome}", ""):
        with pytest.raises(PreviewChanged) as refused:
            carry_out(other)
        assert refused.value.figures["digest"] == shown
    assert (LedgerEntry.objects.count(), AuditEvent.objects.count()) == before
    try:
        carry_out(digest())
    except PreviewChanged:  # pragma: no cover
        raise
    except GuildhallError as error:
        assert error.code == "upload_gone"
