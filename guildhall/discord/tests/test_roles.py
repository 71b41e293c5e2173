"""Roles follow the roster: who gets what, what is never touched, and what an officer is told when it cannot be."""

from __future__ import annotations

import datetime as dt

import pytest

from guildhall.accounts.services import deactivate_person, reactivate_person, set_role_group
from guildhall.core import clock
from guildhall.core.models import OutboxMessage
from guildhall.discord.client import default_client
from guildhall.discord.linking.services import unlink_discord
from guildhall.discord.models import DiscordMember, DiscordRole, DiscordRoleMapping, DiscordSyncLog
from guildhall.discord.roles.drift import drift
from guildhall.discord.roles.reconcile import reconcile
from guildhall.discord.roles.sync import request_sync
from guildhall.discord.tests.people import Guild, deliver, make_guild
from guildhall.roster.services import reassign_character, set_rank, update_character
from tests.fake_discord import FakeDiscordServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def guild(fake_discord: FakeDiscordServer) -> Guild:
    return make_guild(fake_discord)


def log(**filters: object) -> list[tuple[str, str, str]]:
    rows = DiscordSyncLog.objects.filter(action__startswith="role_", **filters).order_by("id")
    return [(row.action, row.role_name, row.outcome) for row in rows]


def test_a_new_member_gets_the_mapped_roles(guild: Guild) -> None:
    _, anna, _ = guild.join("Anna")
    deliver()
    assert guild.held(anna) == {"Raider", "Member"}
    assert log() == [("role_add", "Raider", "done"), ("role_add", "Member", "done")]


def test_a_change_of_rank_moves_the_roles(guild: Guild) -> None:
    _, anna, character = guild.join("Anna", rank=guild.trial)
    deliver()
    assert guild.held(anna) == {"Trial", "Member"}
    set_rank(character=character, rank=guild.raider, actor=None)
    deliver()
    assert guild.held(anna) == {"Raider", "Member"}


def test_a_change_of_role_group_moves_the_roles(guild: Guild) -> None:
    user, anna, _ = guild.join("Anna")
    deliver()
    set_role_group(user=user, role_group="recruiter", actor=None)
    deliver()
    assert guild.held(anna) == {"Raider"}


def test_closing_an_account_takes_the_roles_and_opening_gives_them_back(guild: Guild) -> None:
    user, anna, _ = guild.join("Anna")
    deactivate_person(user=user, actor=None)
    deliver()
    assert guild.held(anna) == set()
    reactivate_person(user=user, actor=None)
    deliver()
    assert guild.held(anna) == {"Raider", "Member"}


def test_deactivating_the_character_takes_its_rank_role(guild: Guild) -> None:
    _, anna, character = guild.join("Anna")
    update_character(character=character, actor=None, status="inactive")
    deliver()
    assert guild.held(anna) == {"Member"}


def test_a_character_that_moves_takes_its_role_along(guild: Guild) -> None:
    _, anna, character = guild.join("Anna")
    other, bert, _ = guild.join("Bert", rank=guild.trial)
    deliver()
    reassign_character(character=character, user=other, actor=None)
    deliver()
    assert guild.held(anna) == {"Member"}
    assert guild.held(bert) == {"Trial", "Member"}


def test_unlinking_takes_the_mapped_roles(guild: Guild) -> None:
    user, anna, _ = guild.join("Anna")
    deliver()
    unlink_discord(user=user, actor=None)
    deliver()
    assert guild.held(anna) == set()


def test_unmapped_and_managed_roles_are_never_touched(guild: Guild) -> None:
    _, anna, character = guild.join("Anna")
    party = guild.fake.state.add_role("Party", position=5)
    booster = guild.fake.state.add_role("Booster", position=6, managed=True)
    guild.fake.state.members[anna.id].roles = [party.id, booster.id]
    deliver()
    set_rank(character=character, rank=None, actor=None)
    deliver()
    assert guild.held(anna) == {"Party", "Booster", "Member"}


def test_where_nothing_differs_nothing_is_written(guild: Guild) -> None:
    guild.join("Anna")
    deliver()
    guild.fake.state.requests.clear()
    request_sync(user_ids=None, source="test")
    deliver()
    assert not guild.fake.log(method="PUT")
    assert not guild.fake.log(method="DELETE")


def test_a_change_costs_a_put_of_one_role_never_the_whole_list(guild: Guild) -> None:
    guild.join("Anna")
    deliver()
    assert not guild.fake.log(method="PATCH")
    assert len(guild.fake.log(method="PUT")) == 2


def test_the_audit_log_of_the_server_says_why(guild: Guild) -> None:
    guild.join("Anna")
    deliver()
    assert all(entry.reason and entry.reason.startswith("Guildhall: ") for entry in guild.fake.state.audit)


def test_a_role_above_the_bot_is_said_in_words_and_not_tried(guild: Guild) -> None:
    guild.fake.state.roles[guild.raider_role.id].position = 300
    _, anna, _ = guild.join("Anna")
    deliver()
    assert guild.held(anna) == {"Member"}
    refused = DiscordSyncLog.objects.get(role_id=guild.raider_role.id)
    assert refused.outcome == "refused"
    assert "Drag the bot's role above it" in refused.detail
    assert not guild.fake.log(method="PUT", contains=guild.raider_role.id)
    assert "Drag" in DiscordMember.objects.get(discord_id=anna.id).problem


def test_a_refusal_is_logged_once_however_often_it_is_met(guild: Guild) -> None:
    guild.fake.state.roles[guild.raider_role.id].position = 300
    guild.join("Anna")
    for _ in range(3):
        request_sync(user_ids=None, source="nightly")
        deliver()
    assert len(log(role_id=guild.raider_role.id)) == 1


def test_once_the_role_is_moved_it_works(guild: Guild) -> None:
    role = guild.fake.state.roles[guild.raider_role.id]
    role.position = 300
    _, anna, _ = guild.join("Anna")
    deliver()
    role.position = 12
    request_sync(user_ids=None, source="nightly")
    deliver()
    assert guild.held(anna) == {"Raider", "Member"}


def test_a_missing_permission_is_named(guild: Guild) -> None:
    guild.fake.state.bot_role.permissions = 0
    guild.join("Anna")
    deliver()
    assert {row.detail for row in DiscordSyncLog.objects.filter(action="role_add")} == {
        "The bot lacks the permission “Manage Roles”. Tick it on the bot's role under Server Settings → Roles."
    }


def test_a_403_that_nothing_foretold_is_met_once(guild: Guild) -> None:
    guild.join("Anna")
    deliver()
    guild.fake.state.roles[guild.member_role.id].position = 300  # what we know of the roles is minutes old
    _, bert, _ = guild.join("Bert")
    _, cora, _ = guild.join("Cora")
    deliver()
    assert len([r for r in guild.fake.log(method="PUT", contains=guild.member_role.id) if r.status == 403]) == 1
    assert guild.held(bert) == guild.held(cora) == {"Raider"}
    assert DiscordRole.objects.get(role_id=guild.member_role.id).problem


def test_a_deleted_role_is_said_and_not_tried_again(guild: Guild) -> None:
    guild.fake.state.delete_role(guild.raider_role.id)
    _, anna, _ = guild.join("Anna")
    deliver()
    assert guild.held(anna) == {"Member"}
    assert "no such role" in DiscordSyncLog.objects.get(role_id=guild.raider_role.id).detail
    assert not guild.fake.log(method="PUT", contains=guild.raider_role.id)


def test_somebody_who_left_is_noted_and_the_queue_goes_on(guild: Guild) -> None:
    _, anna, _ = guild.join("Anna", in_server=False)
    _, bert, _ = guild.join("Bert")
    deliver()
    assert guild.held(bert) == {"Raider", "Member"}
    assert not DiscordMember.objects.get(discord_id=anna.id).in_server
    assert not OutboxMessage.objects.exclude(state="delivered").exists()


def test_reconcile_reports_drift_and_mends_it(guild: Guild) -> None:
    _, anna, _ = guild.join("Anna")
    guild.join("Gone", in_server=False)
    deliver()
    stranger = guild.fake.state.add_person("stranger", roles=[guild.raider_role.id])
    guild.fake.state.members[anna.id].roles = [guild.trial_role.id]
    report = reconcile(client=default_client(), source="nightly")
    assert (len(report.plans), len(report.absent), len(report.strangers)) == (1, 1, 1)
    assert "1 differ" in DiscordSyncLog.objects.get(action="reconcile").detail
    deliver()
    assert guild.held(anna) == {"Raider", "Member"}
    assert guild.held(stranger) == {"Raider"}  # reported, not stripped: nobody here knows who that is
    assert drift().plans == []


def test_drift_is_told_without_asking_discord(guild: Guild) -> None:
    _, _, character = guild.join("Anna")
    deliver()
    reconcile(client=default_client(), source="nightly")
    guild.fake.state.requests.clear()
    set_rank(character=character, rank=guild.trial, actor=None)
    changes = drift().plans[0].changes
    assert {(c.action, c.role_name) for c in changes} == {("role_add", "Trial"), ("role_remove", "Raider")}
    assert not guild.fake.state.requests


def test_many_members_are_listed_in_pages(guild: Guild) -> None:
    for number in range(30):
        guild.fake.state.add_person(f"extra{number}")
    assert len(list(default_client().members(page=10))) >= 30


def test_a_killed_workers_change_is_finished_under_its_own_row(guild: Guild) -> None:
    _, anna, _ = guild.join("Anna")
    left_open = DiscordSyncLog.objects.create(
        discord_id=anna.id, action="role_add", role_id=guild.raider_role.id, role_name="Raider",
        open_key=f"{anna.id}:{guild.raider_role.id}",
    )  # fmt: skip
    guild.fake.state.members[anna.id].roles = [guild.raider_role.id]  # it was killed after Discord had done it
    deliver()
    assert log(role_id=guild.raider_role.id) == [("role_add", "Raider", "done")]
    left_open.refresh_from_db()
    assert left_open.open_key is None


def test_discord_down_for_an_hour_costs_nobody_anything(guild: Guild) -> None:
    _, anna, character = guild.join("Anna", rank=guild.trial)
    deliver()
    guild.fake.faults.down = True
    with clock.frozen(clock.now()) as held:
        default_client().clock = lambda: clock.now().timestamp()
        default_client().limiter.clock = default_client().clock
        default_client().sleep = lambda seconds: None
        for minute in range(60):
            rank = guild.raider if minute % 2 else guild.trial
            set_rank(character=character, rank=rank, actor=None)  # what people do goes on as ever
            deliver()
            held.advance(dt.timedelta(minutes=1))
        guild.fake.faults.down = False
        for _ in range(40):
            held.advance(dt.timedelta(minutes=1))
            deliver()
    assert guild.held(anna) == {"Raider", "Member"}
    assert set(OutboxMessage.objects.values_list("state", flat=True)) == {"delivered"}


def test_without_a_bot_nothing_is_queued(settings: object) -> None:
    settings.DISCORD_BOT_TOKEN = ""  # type: ignore[attr-defined]
    assert request_sync(user_ids=None, source="test") == 0
    assert not OutboxMessage.objects.exists()


def test_a_role_that_is_mapped_no_more_is_touched_no_more(guild: Guild) -> None:
    _, anna, character = guild.join("Anna")
    deliver()
    DiscordRoleMapping.objects.filter(role_id=guild.raider_role.id).delete()
    set_rank(character=character, rank=None, actor=None)
    deliver()
    assert guild.held(anna) == {"Raider", "Member"}
