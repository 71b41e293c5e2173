"""The endpoints of PRD 5.2.8 and `force-discord-sync`: what they answer, and to whom."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person, make_sign_in_key
from guildhall.core import clock
from guildhall.core.models import OutboxMessage
from guildhall.discord.client import default_client
from guildhall.discord.models import DiscordRoleMapping, DiscordSyncLog
from guildhall.discord.roles.reconcile import reconcile
from guildhall.discord.tests.people import Guild, bot_key, deliver, make_guild, officer
from guildhall.roster.models import Rank
from tests.fake_discord import FakeDiscordServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def guild(fake_discord: FakeDiscordServer) -> Guild:
    return make_guild(fake_discord)


def api(user: User | None = None, key: str = "") -> APIClient:
    client = APIClient()
    if user is not None:
        key = make_sign_in_key(user=user, origin="discord")
    if key:
        client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return client


def code(response: Any) -> str:
    return str(response.json()["errors"][0]["code"])


WRITES = [
    ("post", "/api/discord/sync-roles/", {}),
    ("post", "/api/discord/link-member/", {"user_id": 1, "discord_id": "123456"}),
    ("delete", "/api/discord/unlink-member/1/", None),
    ("post", "/api/discord/webhooks/member-update/", {"event": "left", "discord_id": "123456", "event_id": "1"}),
    ("post", "/api/discord/role-mappings/", {"role_id": "123456", "kind": "linked"}),
    ("post", "/api/discord/connection/", {}),
    ("post", "/api/admin/force-discord-sync/", {}),
    ("get", "/api/discord/audit-log/", None),
    ("get", "/api/discord/drift/", None),
]
READS = ["/api/discord/roster/", "/api/discord/roles/", "/api/discord/members/123456/"]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize("role", ["member", "recruiter", "developer", "applicant", "guest"])
def test_only_officers_and_bots_write_or_see_the_log(
    guild: Guild, method: str, path: str, body: Any, role: str
) -> None:
    user = create_person(display_name="Nosy", role_group=role)
    assert getattr(api(user), method)(path, body).status_code == 403
    assert getattr(api(), method)(path, body).status_code == 401


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_bots_key_without_the_scope_is_refused(guild: Guild, method: str, path: str, body: Any) -> None:
    assert getattr(api(key=bot_key("roster:read")), method)(path, body).status_code == 403


@pytest.mark.parametrize("path", READS)
def test_reads_need_the_scope(guild: Guild, path: str) -> None:
    assert api().get(path).status_code == 401
    assert api(create_person(display_name="Gast", role_group="guest")).get(path).status_code == 403
    assert api(key=bot_key("discord:read")).get(path).status_code in (200, 404)


def test_the_roster_names_the_roles_that_each_should_hold(guild: Guild, django_assert_max_num_queries: Any) -> None:
    user, account, character = guild.join("Anna")
    create_person(display_name="Nobody special")
    for number in range(5):
        guild.join(f"Extra{'abcde'[number]}")
    client = api(key=bot_key("discord:read"))
    with django_assert_max_num_queries(9):
        body = client.get("/api/discord/roster/").json()
    assert body["count"] == 6
    row = next(r for r in body["results"] if r["user_id"] == user.pk)
    assert row["discord_id"] == account.id
    assert row["rank"] == "Raider"
    assert row["main_character"] == "Anna"
    assert row["characters"][0]["id"] == character.pk
    assert set(row["role_ids"]) == {guild.raider_role.id, guild.member_role.id}


def test_the_roster_answers_304_until_something_changes(guild: Guild) -> None:
    guild.join("Anna")
    client = api(key=bot_key("discord:read", "discord:write"))
    etag = client.get("/api/discord/roster/")["ETag"]
    assert client.get("/api/discord/roster/", headers={"If-None-Match": etag}).status_code == 304
    client.post("/api/discord/role-mappings/", {"role_id": guild.trial_role.id, "kind": "linked"})
    assert client.get("/api/discord/roster/", headers={"If-None-Match": etag}).status_code == 200


def test_roles_say_what_they_stand_for_and_what_is_wrong(guild: Guild) -> None:
    guild.fake.state.roles[guild.raider_role.id].position = 300
    guild.join("Anna")
    deliver()
    rows = {row["name"]: row for row in api(officer()).get("/api/discord/roles/").json()["results"]}
    assert rows["Raider"]["mappings"][0]["rank_name"] == "Raider"
    assert not rows["Raider"]["is_assignable"]
    assert "Drag" in rows["Raider"]["problem"]
    assert rows["Guildhall Bot"]["is_managed"]


def test_a_member_desired_and_actual(guild: Guild) -> None:
    _, account, _ = guild.join("Anna")
    reconcile(client=default_client(), source="test")
    body = api(officer()).get(f"/api/discord/members/{account.id}/").json()
    assert body["in_server"]
    assert body["actual_role_ids"] == []
    assert {change["role_name"] for change in body["changes"]} == {"Raider", "Member"}
    assert code(api(officer("Other")).get("/api/discord/members/999999/")) == "unknown_user"


def test_sync_is_queued_and_done_by_the_worker(guild: Guild) -> None:
    user, account, _ = guild.join("Anna")
    guild.join("Bert")
    OutboxMessage.objects.all().delete()
    response = api(officer()).post("/api/discord/sync-roles/", {"user_ids": [user.pk]})
    assert (response.status_code, response.json()) == (202, {"queued": 1})
    assert guild.held(account) == set()
    deliver()
    assert guild.held(account) == {"Raider", "Member"}


def test_sync_of_everybody_reads_the_members_once(guild: Guild) -> None:
    for name in ("Anna", "Bert", "Cora"):
        guild.join(name)
    OutboxMessage.objects.all().delete()
    assert api(officer()).post("/api/discord/sync-roles/").json() == {"queued": 3}
    deliver()
    assert len([r for r in guild.fake.log() if r.path.endswith("/members")]) == 1
    assert DiscordSyncLog.objects.filter(action="role_add", outcome="done", source="sync").count() == 6


def test_a_dry_run_changes_nothing(guild: Guild) -> None:
    user, account, _ = guild.join("Anna")
    guild.join("Bert")
    reconcile(client=default_client(), source="test")
    boss = api(officer())
    OutboxMessage.objects.all().delete()
    body = boss.post("/api/discord/sync-roles/", {"user_ids": [user.pk], "dry_run": True}).json()
    assert {(c["discord_id"], c["action"], c["role_name"]) for c in body["changes"]} == {
        (account.id, "role_add", "Raider"),
        (account.id, "role_add", "Member"),
    }
    assert not OutboxMessage.objects.exists()


def test_force_tries_again_what_was_refused(guild: Guild) -> None:
    _, account, _ = guild.join("Anna")
    deliver()
    from guildhall.discord.models import DiscordRole

    guild.fake.state.members[account.id].roles = []
    DiscordRole.objects.filter(role_id=guild.raider_role.id).update(problem="refused before")
    boss = api(officer())
    boss.post("/api/discord/sync-roles/")
    deliver()
    assert guild.held(account) == {"Member"}
    assert boss.post("/api/admin/force-discord-sync/").status_code == 202
    deliver()
    assert guild.held(account) == {"Raider", "Member"}


def test_an_unknown_person_is_not_synced(guild: Guild) -> None:
    response = api(officer()).post("/api/discord/sync-roles/", {"user_ids": [987654]})
    assert (response.status_code, code(response)) == (404, "unknown_user")


def test_without_a_bot_it_says_so(guild: Guild, settings: Any) -> None:
    settings.DISCORD_BOT_TOKEN = ""
    body = api(officer()).post("/api/discord/sync-roles/").json()
    assert body["queued"] == 0
    assert "No bot is set up" in body["detail"]


def test_linking_and_unlinking(guild: Guild) -> None:
    user = create_person(display_name="Anna")
    account = guild.fake.state.add_person("anna")
    boss = api(officer())
    response = boss.post("/api/discord/link-member/", {"user_id": user.pk, "discord_id": account.id})
    assert response.json()["discord_id"] == account.id
    deliver()
    assert guild.held(account) == {"Member"}
    assert boss.delete(f"/api/discord/unlink-member/{user.pk}/").status_code == 204
    deliver()
    assert guild.held(account) == set()
    assert code(boss.delete(f"/api/discord/unlink-member/{user.pk}/")) == "not_linked"
    assert [r["action"] for r in boss.get("/api/discord/audit-log/?search=nothing").json()["results"]] == []
    actions = [r["action"] for r in boss.get(f"/api/discord/audit-log/?user_id={user.pk}").json()["results"]]
    assert {"link", "unlink"} <= set(actions)


def test_a_taken_discord_id_is_a_conflict(guild: Guild) -> None:
    _, account, _ = guild.join("Anna")
    other = create_person(display_name="Other")
    response = api(officer()).post("/api/discord/link-member/", {"user_id": other.pk, "discord_id": account.id})
    assert (response.status_code, code(response)) == (409, "discord_id_taken")


@pytest.mark.parametrize("discord_id", ["", "abc", "12", "1" * 21, "12345 6", "１２３４５６"])
def test_a_malformed_discord_id_is_refused(guild: Guild, discord_id: str) -> None:
    user = create_person(display_name="Anna")
    response = api(officer()).post("/api/discord/link-member/", {"user_id": user.pk, "discord_id": discord_id})
    assert response.status_code == 400


def test_mappings_are_made_changed_and_dropped(guild: Guild) -> None:
    guild.join("Anna")
    deliver()
    boss = api(officer())
    made = boss.post(
        "/api/discord/role-mappings/", {"role_id": guild.trial_role.id, "kind": "status", "value": "retired"}
    )
    assert made.status_code == 201
    assert made.json()["role_name"] == "Trial"
    path = f"/api/discord/role-mappings/{made.json()['id']}/"
    assert boss.patch(path, {"value": "on_leave"}).json()["value"] == "on_leave"
    again = boss.post(
        "/api/discord/role-mappings/", {"role_id": guild.trial_role.id, "kind": "status", "value": "on_leave"}
    )
    assert code(again) == "mapping_exists"
    assert boss.delete(path).status_code == 204
    assert not DiscordRoleMapping.objects.filter(kind="status").exists()


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "rank"},
        {"kind": "nonsense"},
        {"kind": "role_group", "value": "emperor"},
        {"kind": "linked", "value": "x"},
        {"kind": "rank", "rank": 999999},
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(guild: Guild, body: dict) -> None:
    response = api(officer()).post("/api/discord/role-mappings/", {"role_id": guild.trial_role.id, **body})
    assert response.status_code == 400


def test_managed_roles_and_everyone_cannot_be_mapped(guild: Guild) -> None:
    guild.join("Anna")
    deliver()
    rank = Rank.objects.first()
    assert rank is not None
    for role_id in (guild.fake.state.bot_role.id, guild.fake.state.guild_id):
        body = {"role_id": role_id, "kind": "rank", "rank": rank.pk}
        assert code(api(officer(f"O{role_id[-2:]}")).post("/api/discord/role-mappings/", body)) == "role_not_assignable"


def test_the_connection_is_tested_part_by_part(guild: Guild, settings: Any) -> None:
    boss = api(officer())
    states = {row["name"]: row["state"] for row in boss.post("/api/discord/connection/").json()}
    assert states["Bot token"] == states["Server"] == states["Roles"] == states["Members"] == "ok"
    assert states["Webhook raids"] == "off"
    guild.fake.state.members_intent = False
    rows = {row["name"]: row for row in boss.post("/api/discord/connection/").json()}
    assert "Server Members Intent" in rows["Bot token"]["detail"]
    settings.DISCORD_BOT_TOKEN = "wrong"
    rows = {row["name"]: row for row in boss.post("/api/discord/connection/").json()}
    assert "refuses the bot token" in rows["Bot token"]["detail"]
    settings.DISCORD_PUBLIC_KEY = "zz"
    rows = {row["name"]: row for row in boss.post("/api/discord/connection/").json()}
    assert rows["Slash commands"]["state"] == "failed"


# -- inbound ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tell(guild: Guild) -> Any:
    client = api(key=bot_key("discord:write", "discord:read"))

    def send(event: str, discord_id: str, event_id: str = "", **more: Any) -> dict:
        body = {"event": event, "discord_id": discord_id, **more}
        body |= {"event_id": event_id} if event_id else {"occurred_at": clock.now().isoformat()}
        response = client.post("/api/discord/webhooks/member-update/", body)
        assert response.status_code == 200, response.content
        return response.json()

    return send


def test_roles_changed_by_hand_are_put_back(guild: Guild, tell: Any) -> None:
    _, account, _ = guild.join("Anna")
    deliver()
    guild.fake.state.members[account.id].roles = [guild.trial_role.id]
    assert tell("updated", account.id, role_ids=[guild.trial_role.id])["action"] == "sync_queued"
    deliver()
    assert guild.held(account) == {"Raider", "Member"}
    assert "lacks" in DiscordSyncLog.objects.get(action="roles_seen").detail


def test_with_report_they_are_only_noted(guild: Guild, tell: Any, settings: Any) -> None:
    settings.DISCORD_AUTHORITY = "report"
    _, account, _ = guild.join("Anna")
    deliver()
    guild.fake.state.members[account.id].roles = []
    assert tell("updated", account.id, role_ids=[])["action"] == "reported"
    deliver()
    assert guild.held(account) == set()


def test_our_own_changes_come_back_and_lead_to_nothing(guild: Guild, tell: Any) -> None:
    _, account, _ = guild.join("Anna")
    deliver()
    assert tell("updated", account.id, role_ids=sorted(guild.fake.state.roles_of(account.id)))["action"] == "none"
    assert not OutboxMessage.objects.filter(state="pending").exists()


def test_the_same_event_counts_once(guild: Guild, tell: Any) -> None:
    _, account, _ = guild.join("Anna")
    deliver()
    first = tell("left", account.id, event_id="e1")
    again = tell("left", account.id, event_id="e1")
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert {**first, "repeated": True} == again
    assert DiscordSyncLog.objects.filter(action="left").count() == 1


def test_who_joins_again_gets_their_roles(guild: Guild, tell: Any) -> None:
    _, account, _ = guild.join("Anna", in_server=False)
    deliver()
    from tests.fake_discord.state import Member

    guild.fake.state.members[account.id] = Member(guild.fake.state.people[account.id])
    assert tell("joined", account.id, role_ids=[])["action"] == "sync_queued"
    deliver()
    assert guild.held(account) == {"Raider", "Member"}


def test_a_stranger_is_noted(guild: Guild, tell: Any) -> None:
    answer = tell("joined", "987654321", username="stranger")
    assert (answer["linked"], answer["user_id"], answer["action"]) == (False, None, "none")


def test_an_event_older_than_what_we_know_is_left_aside(guild: Guild, tell: Any) -> None:
    _, account, _ = guild.join("Anna")
    deliver()
    long_ago = (clock.now() - dt.timedelta(hours=1)).isoformat()
    assert tell("updated", account.id, event_id="old", occurred_at=long_ago, role_ids=[])["action"] == "outdated"


def test_nicknames_are_logged(guild: Guild, tell: Any) -> None:
    _, account, _ = guild.join("Anna")
    deliver()
    assert "nickname" in tell("updated", account.id, nickname="Annie")["changes"]
    assert "Annie" in DiscordSyncLog.objects.get(action="nickname").detail


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event": "exploded", "discord_id": "123456", "event_id": "1"},
        {"event": "left", "discord_id": "nobody", "event_id": "1"},
        {"event": "left", "discord_id": "123456"},
        {"event": "updated", "discord_id": "123456", "event_id": "1", "role_ids": "no list"},
        {"event": "updated", "discord_id": "123456", "event_id": "1", "role_ids": ["x"]},
    ],
)
def test_an_event_that_makes_no_sense_is_refused(guild: Guild, body: dict) -> None:
    response = api(key=bot_key("discord:write")).post("/api/discord/webhooks/member-update/", body)
    assert response.status_code == 400, response.content
