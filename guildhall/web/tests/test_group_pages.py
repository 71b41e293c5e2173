"""Permission groups on the pages: officers give them, menus and buttons follow, and everybody reads why they may what."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from guildhall.accounts.models import PermissionGroup, User
from guildhall.accounts.services import give_group
from guildhall.discord.models import DiscordMember, DiscordRole
from guildhall.discord.roles.groups import create_group_mapping, delete_group_mapping, follow_members
from guildhall.web.context import MAIN, OFFICERS

from .conftest import Guild, version

GROUPS = ["Raid leader", "Loot officer", "Recruiter", "Treasurer"]


def group(name: str) -> PermissionGroup:
    return PermissionGroup.objects.get(name=name)


def send(client: Client, path: str, form: str, **values: Any) -> Any:
    opened = version(client.get(path), form)
    return client.post(path, {"form": form, "once": uuid.uuid4().hex, **opened, **values}, follow=True)


def may(guild: Guild, role: str = "member") -> set[str]:
    return set(User.objects.get(pk=guild.person(role).pk).extra_scopes)


@pytest.mark.parametrize("name", GROUPS)
def test_each_group_opens_the_pages_in_its_menu_and_no_others(guild: Guild, sign_in: Any, name: str) -> None:
    give_group(user=guild.member, group=group(name), actor=guild.officer)
    client = sign_in("member")
    menu = client.get("/").content.decode().partition("<main")[0]
    shown = {page for _, page, *_ in (*MAIN, *OFFICERS) if f'href="{reverse(page)}"' in menu}
    for _, page, *_ in (*MAIN, *OFFICERS):
        if page != "admin:index":
            assert client.get(reverse(page)).status_code == (200 if page in shown else 403), page
    assert ("web:adjust" in shown) == (name == "Treasurer")
    assert ("web:raid-import" in shown) == (name == "Raid leader")
    assert not shown & {"web:people", "web:groups", "web:audit", "web:visitors", "web:discord", "admin:index"}


def test_an_officer_gives_and_takes_a_group(guild: Guild, sign_in: Any) -> None:
    client = sign_in("officer")
    page = reverse("web:group", args=[group("Raid leader").pk])
    shown = send(client, page, "give", person=guild.member.pk)
    assert "Member has Raid leader now" in shown.content.decode()
    assert "raids:write" in may(guild)
    shown = send(client, reverse("web:person", args=[guild.member.pk]), "take-group", group=group("Raid leader").pk)
    assert "no longer has Raid leader" in shown.content.decode()
    assert may(guild) == set()
    send(client, reverse("web:person", args=[guild.member.pk]), "give-group", group=group("Treasurer").pk)
    assert "points:write" in may(guild)


def test_an_officer_makes_changes_and_removes_a_group(guild: Guild, sign_in: Any) -> None:
    client = sign_in("officer")
    shown = send(client, reverse("web:groups"), "create", name="raid LEADER", scopes=["raids:read"])
    assert shown.status_code == 409
    assert "raid LEADER" in shown.content.decode()
    send(client, reverse("web:groups"), "create", name="Scribe", scopes=["raids:write"])
    page = reverse("web:group", args=[group("Scribe").pk])
    send(client, page, "change", name="Scribe", description="writes", scopes=["loot:write"])
    assert group("Scribe").scopes == ["loot:write"]
    assert send(client, page, "change", name="Scribe", scopes=["admin"]).status_code == 400
    send(client, page, "remove")
    assert not PermissionGroup.objects.filter(name="Scribe").exists()
    assert client.get(page).status_code == 404


def test_what_may_i_do_says_why(guild: Guild, sign_in: Any) -> None:
    give_group(user=guild.member, group=group("Raid leader"), actor=guild.officer)
    client = sign_in("member")
    text = re.sub(r"\s+", " ", client.get(reverse("web:my-permissions")).content.decode())
    assert "raids:write</span></th><td>the group Raid leader</td>" in text
    assert "the role member; the group Raid leader" in text
    assert client.get(reverse("web:permissions", args=[guild.officer.pk])).status_code == 403
    assert client.get(reverse("web:permissions", args=[guild.member.pk])).status_code == 200
    assert "the group Raid leader" in sign_in("officer").get(
        reverse("web:permissions", args=[guild.member.pk])
    ).content.decode()  # fmt: skip


def test_somebody_on_trial_sees_their_own_and_the_calendar_and_no_more(guild: Guild, sign_in: Any) -> None:
    client = sign_in("applicant")
    me, other = guild.applicant.pk, guild.member.pk
    for name in ("statement", "why-attendance"):
        assert client.get(reverse(f"web:{name}", args=[me])).status_code == 200
        assert client.get(reverse(f"web:{name}", args=[other])).status_code == 403
    for name in ("explain",):
        assert client.get(reverse(f"web:{name}", args=[me, guild.pool.pk])).status_code == 200
        assert client.get(reverse(f"web:{name}", args=[other, guild.pool.pk])).status_code == 403
    assert client.get(reverse("web:statement-export", args=[me, "csv"])).status_code == 200
    assert client.get(reverse("web:statement-export", args=[other, "csv"])).status_code == 403
    assert client.get(reverse("web:calendar")).status_code == 200
    assert client.get(reverse("web:standings")).status_code == 403
    assert client.get(reverse("web:raids")).status_code == 403
    assert "My points" in client.get("/").content.decode()
    assert sign_in("guest").get(reverse("web:mine")).status_code == 403


def test_whoever_has_a_discord_role_has_its_group_as_long_as_they_have_it(guild: Guild) -> None:
    User.objects.filter(pk=guild.member.pk).update(discord_id="90000000000000111")
    DiscordRole.objects.create(role_id="80000000000000001", name="Raid Lead")
    mapping = create_group_mapping(role_id="80000000000000001", group=group("Raid leader"), actor=guild.officer)

    def seen(*roles: str, in_server: bool = True) -> None:
        member = DiscordMember(discord_id="90000000000000111", role_ids=list(roles), in_server=in_server)
        follow_members([member])

    seen("80000000000000001", "80000000000000009")
    assert "raids:write" in may(guild)
    seen("80000000000000009")
    assert may(guild) == set()
    seen("80000000000000001")
    seen(in_server=False)
    assert may(guild) == set()
    seen("80000000000000001")
    delete_group_mapping(mapping=mapping, actor=guild.officer)
    assert may(guild) == set()


def test_what_a_bot_tells_of_somebodys_roles_takes_groups_and_gives_none(guild: Guild) -> None:
    from guildhall.discord.inbound import MemberUpdate, receive_member_update

    User.objects.filter(pk=guild.member.pk).update(discord_id="90000000000000111")
    DiscordRole.objects.create(role_id="80000000000000001", name="Raid Lead")
    create_group_mapping(role_id="80000000000000001", group=group("Raid leader"), actor=guild.officer)

    def told(event: str, *roles: str) -> None:
        update = MemberUpdate("updated", "90000000000000111", event_id=event, role_ids=roles)
        receive_member_update(update=update, actor=None)

    told("one", "80000000000000001")
    assert may(guild) == set()
    follow_members([DiscordMember(discord_id="90000000000000111", role_ids=["80000000000000001"])])
    assert "raids:write" in may(guild)
    told("two")
    assert may(guild) == set()
