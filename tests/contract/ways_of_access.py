"""The ways of changing somebody's access, who may go them, and every caller of a service that does it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import PermissionGroup, User
from guildhall.accounts.permissions import ROLE_SCOPES
from guildhall.accounts.services import create_api_key, create_person, give_group
from guildhall.discord.models import Claim
from guildhall.points.services import preview_merge
from guildhall.raids.models import MemberRequest
from guildhall.raids.services.requests import make_request
from guildhall.roster.models import Character
from guildhall.roster.services import create_character
from guildhall.web.tests.conftest import version

OFFICERS_POWERS = sorted(ROLE_SCOPES["officer"])
TARGETS = ("superuser", "officer", "recruiter", "member", "bot", "self")
#: Whom each may change, beside themselves.
REACH = {
    "bot, one scope": {"member"},
    "bot, all scopes of an officer": {"member", "recruiter", "officer"},
    "bot, every scope": {"member", "recruiter", "officer"},
    "officer's key, one scope": {"member"},
    "officer's key, all scopes": {"member", "recruiter", "officer"},
    "officer in person": {"member", "recruiter", "officer"},
    "superuser's key, all scopes": {"member", "recruiter", "officer"},
    "superuser in person": {"member", "recruiter", "officer", "superuser", "bot"},
}
IN_PERSON = ("officer in person", "superuser in person")


@dataclass(frozen=True)
class Way:
    """One way to change somebody's access.

    `tools` is ``api`` or ``site`` (a page or the admin: in person alone). `scopes`: what its endpoint asks a key for.
    `on_self`: who may do it to themselves, None where that makes no sense. `bots`: whether it is for bots' accounts too. `prepare`: what is
    done to the target before.
    """

    go: Callable[[Any, User], Any]
    tools: str = "api"
    scopes: tuple[str, ...] = ()
    before: dict[str, Any] | None = None
    on_self: tuple[str, ...] | None = ("officer in person", "superuser in person", "…key, all scopes")
    bots: bool = False
    reach: dict[str, set[str]] | None = None
    prepare: Callable[[User], None] | None = None


def spare(name: str = "Spare") -> User:
    return create_person(display_name=f"{name} {uuid.uuid4().hex[:6]}")


def form(client: Client, path: str, name: str, /, **values: Any) -> Any:
    opened = version(client.get(path), name) if name in ("edit", "change") else {}
    return client.post(path, {"form": name, "once": uuid.uuid4().hex, **opened, **values})


def person_form(name: str, /, **values: Any) -> Callable[[Client, User], Any]:
    return lambda client, target: form(client, f"/officers/people/{target.pk}/", name, **values)


def merge_form(client: Client, target: User) -> Any:
    into = spare()
    digest = preview_merge(source=target, target=into, actor=None).digest  # what the guard must refuse all the same
    path = f"/officers/people/{into.pk}/"
    return form(client, path, "merge", step="merge", source=target.pk, reason="same", digest=digest)


def admin_action(action: str) -> Callable[[Client, User], Any]:
    def go(client: Client, target: User) -> Any:
        body = {"action": action, "_selected_action": [str(target.pk)]}
        return client.post("/admin/accounts/user/", body)

    return go


def admin_form(**changes: Any) -> Callable[[Client, User], Any]:
    def go(client: Client, target: User) -> Any:
        values = {"display_name": target.display_name, "role_group": target.role_group, "is_active": "on", **changes}
        body = {name: value for name, value in values.items() if value is not None}
        return client.post(f"/admin/accounts/user/{target.pk}/change/", body)

    return go


def revoke_in_admin(client: Client, target: User) -> Any:
    key = create_api_key(
        user=target, name="theirs", scopes=["roster:read"], kind="bot" if target.is_bot else "personal"
    )[0]
    return client.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [str(key.pk)]})


def invite(client: Client, target: User) -> Any:
    return form(client, "/officers/invitations/", "make", person=target.pk, role_group="guest", uses="", days=1)


def person_claim(target: User) -> Claim:
    placeholder = create_person(display_name=f"Old {uuid.uuid4().hex[:6]}", is_placeholder=True)
    return Claim.objects.create(kind="person", user=target, person=placeholder, code=uuid.uuid4().hex[:9])


def character_claim(target: User) -> Claim:
    character = create_character(
        name="Stolen" + "".join(chr(97 + int(c, 16)) for c in uuid.uuid4().hex[:6]), user=target
    )
    return Claim.objects.create(kind="character", user=spare(), character=character, code=uuid.uuid4().hex[:9])


def approve(make: Callable[[User], Claim]) -> Callable[[APIClient, User], Any]:
    return lambda client, target: client.post(f"/api/discord/claims/{make(target).pk}/approve/", {})


def approve_on_page(client: Client, target: User) -> Any:
    return form(client, "/officers/discord/", "approve", claim=person_claim(target).pk)


def main_of(target: User) -> Character:
    """Their character, made by the system where they have none yet."""
    made = Character.objects.filter(user=target, is_main=True).first()
    return made or create_character(name=unused_name("Main"), user=target)


def unused_name(start: str) -> str:
    return start + "".join(chr(97 + int(c, 16)) for c in uuid.uuid4().hex[:6])


def on_main(method: str, path: str = "", **body: Any) -> Callable[[APIClient, User], Any]:
    def go(client: APIClient, target: User) -> Any:
        return getattr(client, method)(f"/api/characters/{main_of(target).pk}/{path}", body)

    return go


def given_away(client: APIClient, target: User, *, path: str, method: str) -> Any:
    return getattr(client, method)(f"/api/characters/{main_of(target).pk}/{path}", {"user_id": spare().pk})


def given_to(client: APIClient, target: User, *, path: str, method: str) -> Any:
    main_of(target)
    theirs = create_character(name=unused_name("Other"), user=spare())
    return getattr(client, method)(f"/api/characters/{theirs.pk}/{path}", {"user_id": target.pk})


def in_character_admin(**changes: Any) -> Callable[[Client, User], Any]:
    def go(client: Client, target: User) -> Any:
        one = main_of(target)
        values = {"name": one.name, "status": one.status, "user": target.pk, "is_main": "on", "rank": one.rank_id or ""}
        values |= {"joined_at_0": "2026-01-01", "joined_at_1": "12:00:00"}
        values |= {name: value(one) if callable(value) else value for name, value in changes.items()}
        return client.post(
            f"/admin/roster/character/{one.pk}/change/",
            {key: value for key, value in values.items() if value is not None},
        )

    return go


def character_form(which: str, /, **values: Any) -> Callable[[Client, User], Any]:
    """A form on the page of their main; a value that is callable is made when it is sent."""

    def go(client: Client, target: User) -> Any:
        one = main_of(target)
        sent = {key: value() if callable(value) else value for key, value in values.items()}
        sent["seen"] = one.updated_at.isoformat()
        if which == "edit":
            sent = {"name": one.name, "status": one.status, "joined_at": "2026-01-01", **sent}
        return form(client, f"/characters/{one.pk}/edit/", which, **sent)

    return go


def given_on_page(client: Client, target: User) -> Any:
    theirs = create_character(name=unused_name("Other"), user=spare())
    return form(client, f"/characters/{theirs.pk}/edit/", "transfer", user=target.pk, reason="swapped")


def leaders() -> PermissionGroup:
    return PermissionGroup.objects.get(name="Raid leader")


def make_leader(target: User) -> None:
    give_group(user=target, group=leaders(), actor=None)


def remove_in_admin(client: Client, target: User) -> Any:
    body = {"action": "retire", "_selected_action": [str(main_of(target).pk)]}
    return client.post("/admin/roster/character/", body)


def transfer_asked(user: User, to_user: User) -> MemberRequest:
    return make_request(user=user, kind="transfer", character=main_of(user), to_user=to_user)


def approved(client: APIClient, asked: MemberRequest) -> Any:
    return client.post(f"/api/requests/{asked.pk}/approve/", {})


def approved_on_page(client: Client, target: User) -> Any:
    return form(client, "/officers/requests/", "approve", asked=transfer_asked(target, spare()).pk)


LINKED = {"discord_id": "90000000000000555", "discord_username": "theirs"}
USERS, MERGES = ("roster:write",), ("points:write", "roster:write")
ONLY_SUPERUSERS = {
    name: ({"member", "recruiter", "officer", "superuser", "bot"} if name == "superuser in person" else set())
    for name in REACH
}
#: Groups are an officer's alone to give and to take, also to and from members.
OFFICERS_GROUPS = {name: set() if "one scope" in name else reach - {"bot"} for name, reach in REACH.items()}
#: Closing one's own account, and approving one's own claim, are refused to everybody.
NOBODY: tuple[str, ...] = ()

WAYS: dict[str, Way] = {
    "api link": Way(
        lambda c, t: c.post("/api/discord/link-member/", {"user_id": t.pk, "discord_id": "90000000000000666"}),
        scopes=("discord:write",),
    ),
    "api unlink": Way(
        lambda c, t: c.delete(f"/api/discord/unlink-member/{t.pk}/"), scopes=("discord:write",), before=LINKED
    ),
    "api role": Way(lambda c, t: c.patch(f"/api/users/{t.pk}/", {"role_group": "guest"}), scopes=USERS, bots=True),
    "api role by put": Way(lambda c, t: c.put(f"/api/users/{t.pk}/", {"role_group": "guest"}), scopes=USERS, bots=True),
    "api name": Way(lambda c, t: c.patch(f"/api/users/{t.pk}/", {"display_name": "Another"}), scopes=USERS, bots=True),
    "api close": Way(
        lambda c, t: c.patch(f"/api/users/{t.pk}/", {"is_active": False}), scopes=USERS, bots=True, on_self=NOBODY
    ),
    "api reopen": Way(
        lambda c, t: c.patch(f"/api/users/{t.pk}/", {"is_active": True}),
        scopes=USERS, before={"is_active": False}, bots=True, on_self=None,
    ),
    "api merge away": Way(
        lambda c, t: c.post(f"/api/users/{spare().pk}/merge/", {"source_user_id": t.pk, "reason": "x"}), scopes=MERGES
    ),
    "api merge into": Way(
        lambda c, t: c.post(f"/api/users/{t.pk}/merge/", {"source_user_id": spare().pk, "reason": "x"}), scopes=MERGES
    ),
    "api merge preview": Way(
        lambda c, t: c.post(f"/api/users/{spare().pk}/merge/", {"source_user_id": t.pk, "preview": True}),
        scopes=MERGES,
    ),
    "api approve a claim by them": Way(approve(person_claim), scopes=("discord:write", "discord:read"), on_self=NOBODY),
    "api approve a claim on theirs": Way(approve(character_claim), scopes=("discord:write", "discord:read")),
    "api give a character away": Way(partial(given_away, path="reassign/", method="post"), scopes=USERS),
    "api give a character away by patch": Way(partial(given_away, path="", method="patch"), scopes=USERS),
    "api give them a character": Way(partial(given_to, path="reassign/", method="post"), scopes=USERS),
    "api give them a character by patch": Way(partial(given_to, path="", method="patch"), scopes=USERS),
    "api rename a character": Way(on_main("post", "rename/", name="Renamed"), scopes=USERS),
    "api rename a character by patch": Way(on_main("patch", name="Renamed"), scopes=USERS),
    "api remove a character": Way(on_main("delete"), scopes=USERS),
    "api remove a character by patch": Way(on_main("patch", status="removed"), scopes=USERS),
    "api approve that theirs is given away": Way(
        lambda c, t: approved(c, transfer_asked(t, spare())), scopes=("roster:write",)
    ),
    "api approve that they are given one": Way(
        lambda c, t: approved(c, transfer_asked(spare(), t)), scopes=("roster:write",)
    ),
    "page approve that theirs is given away": Way(approved_on_page, "site"),
    "page link": Way(person_form("discord", discord_id="90000000000000666"), "site"),
    "page unlink": Way(person_form("discord"), "site", before=LINKED | {"password": "usable"}),
    "page role": Way(person_form("role", role_group="guest"), "site"),
    "page name": Way(person_form("name", display_name="Another"), "site"),
    "page close": Way(person_form("state"), "site", on_self=NOBODY),
    "page reopen": Way(person_form("state"), "site", before={"is_active": False}, on_self=None),
    "page sign-in link": Way(person_form("link"), "site", before={"password": "usable"}),
    "page invitation for them": Way(invite, "site", before={"password": "usable"}),
    "page merge": Way(merge_form, "site"),
    "page merge preview": Way(
        lambda c, t: form(c, f"/officers/people/{spare().pk}/", "merge", step="preview", source=t.pk), "site"
    ),
    "api give a group": Way(
        lambda c, t: c.post(f"/api/permission-groups/{leaders().pk}/members/", {"user_id": t.pk}),
        scopes=USERS, reach=OFFICERS_GROUPS,
    ),
    "api take a group": Way(
        lambda c, t: c.delete(f"/api/permission-groups/{leaders().pk}/members/{t.pk}/"),
        scopes=USERS, reach=OFFICERS_GROUPS, prepare=make_leader,
    ),
    "page give a group": Way(lambda c, t: person_form("give-group", group=leaders().pk)(c, t), "site"),
    "page take a group": Way(
        lambda c, t: person_form("take-group", group=leaders().pk)(c, t), "site", prepare=make_leader
    ),
    "page give somebody the group": Way(
        lambda c, t: form(c, f"/officers/groups/{leaders().pk}/", "give", person=t.pk), "site"
    ),
    "page take the group from somebody": Way(
        lambda c, t: form(c, f"/officers/groups/{leaders().pk}/", "take", person=t.pk), "site", prepare=make_leader
    ),
    "page give a character away": Way(character_form("transfer", user=lambda: spare().pk, reason="swapped"), "site"),
    "page give them a character": Way(given_on_page, "site"),
    "page rename a character": Way(character_form("edit", name=lambda: unused_name("Renamed")), "site"),
    "page remove a character": Way(character_form("remove", reason="gone"), "site"),
    "page approve": Way(approve_on_page, "site", on_self=NOBODY),
    "admin role": Way(admin_form(role_group="guest"), "site", bots=True),
    "admin name": Way(admin_form(display_name="Another"), "site", bots=True),
    "admin close": Way(admin_form(is_active=None), "site", bots=True, on_self=NOBODY),
    "admin action role": Way(admin_action("make_guest"), "site", bots=True),
    "admin action close": Way(admin_action("close"), "site", bots=True, on_self=NOBODY),
    "admin action reopen": Way(
        admin_action("reopen"), "site", before={"is_active": False}, bots=True, on_self=None
    ),
    "admin give a character away": Way(in_character_admin(user=lambda _: spare().pk), "site"),
    "admin rename a character": Way(in_character_admin(name="Renamed"), "site"),
    "admin remove a character": Way(in_character_admin(status="removed"), "site"),
    "admin action remove a character": Way(remove_in_admin, "site"),
    "admin revoke a key": Way(revoke_in_admin, "site", bots=True, reach=ONLY_SUPERUSERS),
}  # fmt: skip

#: Every function that calls a service that changes access: the ways that lead to it, or why it needs none.
CALLERS: dict[str, str | tuple[str, ...]] = {
    "guildhall/discord/api/views.py:LinkMemberView.post": ("api link",),
    "guildhall/discord/api/views.py:UnlinkMemberView.delete": ("api unlink",),
    "guildhall/discord/api/claims.py:ClaimViewSet.approve": (
        "api approve a claim by them", "api approve a claim on theirs"
    ),
    "guildhall/raids/api/request_views.py:MemberRequestViewSet.approve": (
        "api approve that theirs is given away", "api approve that they are given one"
    ),
    "guildhall/raids/services/requests.py:_carry_out": "asked in approve_request",
    "guildhall/web/views/requests.py:decide.approve": ("page approve that theirs is given away",),
    "guildhall/discord/linking/throttled.py:verify_claims_from_sent_log": "a character moves by proof alone; merges nobody",
    "guildhall/discord/linking/claims.py:_carry_out": "asked in approve_claim",
    "guildhall/discord/linking/services.py:sign_in_with_discord": "Discord has vouched for the person themselves",
    "guildhall/discord/linking/services.py:unlink_discord": "asks itself",
    "guildhall/discord/linking/token_exchange.py:exchange_token": "Discord has vouched for the person themselves",
    "guildhall/discord/interactions/context.py:Context.sign_in": "Discord has vouched for the person themselves",
    "guildhall/discord/signin/adapter.py:SocialAdapter.pre_social_login": "the person themselves, in person",
    "guildhall/discord/pretend.py:_link": "the command line of a demo",
    "guildhall/roster/api/people.py:MeView.patch": "own account: test_what_a_key_may_do_to_its_owners_account",
    "guildhall/roster/api/people.py:UserViewSet.create": "a new person; test_nobody_makes_somebody_who_may_do_more",
    "guildhall/roster/api/people.py:UserViewSet.partial_update": (
        "api role", "api role by put", "api name", "api close", "api reopen"
    ),
    "guildhall/points/api/pools.py:MergeView.post": ("api merge away", "api merge into", "api merge preview"),
    "guildhall/web/views/raid_import.py:_remember_zone": "one of their own preferences",
    "guildhall/web/views/officers.py:people.act": "a new person; test_nobody_makes_somebody_who_may_do_more",
    "guildhall/web/views/officers.py:_preview": ("page merge preview",),
    "guildhall/web/views/officers.py:person.set_role": ("page role",),
    "guildhall/accounts/api/groups.py:PermissionGroupViewSet.give": ("api give a group",),
    "guildhall/accounts/api/groups.py:PermissionGroupViewSet.take": ("api take a group",),
    "guildhall/web/views/groups.py:group.given": ("page give somebody the group",),
    "guildhall/web/views/groups.py:group.taken": ("page take the group from somebody",),
    "guildhall/web/views/groups.py:PersonGroups._give": ("page give a group",),
    "guildhall/web/views/groups.py:PersonGroups._take": ("page take a group",),
    "guildhall/web/views/sign_in_links.py:invitations.made": ("page invitation for them",),
    "guildhall/web/views/sign_in_links.py:PersonLink.make": ("page sign-in link",),
    "guildhall/web/views/sign_in_links.py:_use": "whoever has the link: accounts/tests/test_sign_in_links.py",
    "guildhall/discord/roles/groups.py:follow_members": "what Discord itself says, mapped by who holds it all",
    "guildhall/discord/roles/groups.py:keep_groups_of_roles": "takes alone",
    "guildhall/discord/roles/groups.py:delete_group_mapping": "asks itself",
    "guildhall/web/views/officers.py:person.set_name": ("page name",),
    "guildhall/web/views/officers.py:person.set_state": ("page close", "page reopen"),
    "guildhall/web/views/officers.py:person.set_discord": ("page link", "page unlink"),
    "guildhall/web/views/officers.py:person.do_merge": ("page merge",),
    "guildhall/web/views/discord.py:_OfficersForms.approve_claim": ("page approve",),
    "guildhall/web/views/discord.py:_OfficersForms.__init__": "names its own approve_claim, below",
    "guildhall/web/views/discord.py:my_discord.cut": "the person themselves, in person",
    "guildhall/web/views/keys.py:account.choose": "the person's own time zone, in person",
    "guildhall/web/views/characters.py:_change": ("page rename a character",),
    "guildhall/web/views/characters.py:_transfer": ("page give a character away", "page give them a character"),
    "guildhall/web/views/characters.py:_remove": ("page remove a character",),
    "guildhall/web/views/characters.py:_bring_back": "takes nothing from anybody: the character is its owner's again",
    "guildhall/raids/services/introducing.py:introduce_unmatched": (
        "takes nothing from anybody: a new character, or one of nobody's; test_an_unknown_name_becomes_nobodys_who_may_do_more"
    ),
    "guildhall/raids/services/introducing.py:withdraw_introduction": (
        "takes back what the same person did, and nobody else's: test_a_name_that_became_somebody_is_taken_back"
    ),
    "guildhall/web/views/keys.py:keys.make": "own keys, in person",
    "guildhall/web/views/keys.py:keys.make_personal": "own keys, in person",
    "guildhall/web/views/keys.py:keys.renew": "own keys, in person",
    "guildhall/web/views/keys.py:keys.stop": "own keys, in person",
    "guildhall/web/views/applying.py:follow.take": "the person themselves, by the private link",
    "guildhall/accounts/admin.py:UserForm.perform": ("admin role", "admin name", "admin close"),
    "guildhall/accounts/admin.py:_role_action.act": ("admin action role",),
    "guildhall/accounts/admin.py:UserAdmin.close": ("admin action close",),
    "guildhall/accounts/admin.py:UserAdmin.reopen": ("admin action reopen",),
    "guildhall/accounts/admin.py:APIKeyAdmin.revoke": ("admin revoke a key",),
    "guildhall/accounts/api/views.py:TokenView.post": "the password has proven who it is",
    "guildhall/accounts/api/views.py:_Keys.destroy": "own keys: test_what_a_key_may_do_to_its_owners_account",
    "guildhall/accounts/api/views.py:APIKeyViewSet.create": "own keys: test_what_a_key_may_do_to_its_owners_account",
    "guildhall/accounts/api/views.py:APIKeyViewSet.rotate": "own keys: test_what_a_key_may_do_to_its_owners_account",
    "guildhall/accounts/api/views.py:BotKeyViewSet.create": "test_only_administrators_handle_bots_keys",
    "guildhall/accounts/api/views.py:BotKeyViewSet.update_permissions": "test_only_administrators_handle_bots_keys",
    "guildhall/accounts/management/commands/create_api_key.py:Command.handle": "the server's command line",
    "guildhall/accounts/management/commands/create_api_key.py:Command._make_for_bot": "the server's command line",
    "guildhall/recruitment/services/welcome.py:ensure_person": "test_recruiting_touches_nobody_who_may_do_more",
    "guildhall/recruitment/services/reviewing.py:take_off_trial": "test_recruiting_touches_nobody_who_may_do_more",
    "guildhall/recruitment/services/applying.py:claim_application": "test_recruiting_touches_nobody_who_may_do_more",
    "guildhall/recruitment/merging.py:follow_merge": "part of a merge; makes a guest an applicant",
    "guildhall/points/services/merging.py:merge_people": "asks itself",
    "guildhall/demo/people.py:make_people": "the command line of a demo",
    "guildhall/demo/people.py:remember_typos": "the command line of a demo",
    "guildhall/demo/season.py:_mistakes": "the command line of a demo",
    "guildhall/roster/api/views.py:CharacterViewSet._edit": (
        "api give a character away by patch", "api give them a character by patch", "api rename a character by patch",
        "api remove a character by patch",
    ),
    "guildhall/roster/api/views.py:CharacterViewSet.reassign": ("api give a character away", "api give them a character"),
    "guildhall/roster/api/views.py:CharacterViewSet.rename": ("api rename a character",),
    "guildhall/roster/api/views.py:CharacterViewSet.destroy": ("api remove a character",),
    "guildhall/roster/api/views.py:CharacterViewSet.create": "takes nothing from anybody: a new character",
    "guildhall/roster/admin.py:CharacterForm.perform": (
        "admin give a character away", "admin rename a character", "admin remove a character"
    ),
    "guildhall/roster/admin.py:CharacterAdmin.retire": ("admin action remove a character",),
    "guildhall/roster/services/editing.py:edit_character": "hands on what its caller came with",
    "guildhall/roster/services/characters.py:retire_character": "hands on what its caller came with",
    "guildhall/roster/services/guild_dump.py:apply_guild_dump": "a guild dump runs as the system",
    "guildhall/roster/services/guild_dump.py:_apply": "a guild dump removes and renames nobody here",
    "guildhall/roster/services/guild_dump.py:_give": "gives characters of nobody to members; asks for people on a page of officers alone",
    "guildhall/roster/batches.py:_undo_dump": "undoing a guild dump runs as the system",
    "guildhall/eqdkp/compat/characters.py:add_character": "test_the_old_api_gives_nobody_a_character_beyond_its_key",
    "guildhall/recruitment/services/welcome.py:ensure_character": "test_recruiting_touches_nobody_who_may_do_more",
}  # fmt: skip

ACCESS_SERVICES = {
    "link_discord", "unlink_discord", "sign_in_with_discord", "merge_people", "preview_merge", "set_role_group",
    "manage_person", "update_person", "deactivate_person", "reactivate_person", "create_person", "create_own_key",
    "create_bot_key", "create_api_key", "make_sign_in_key", "rotate_api_key", "revoke_api_key", "set_bot_permissions",
    "make_invitation", "make_sign_in_link", "use_link",
    "give_group", "take_group", "set_groups_by_discord", "end_access", "approve_claim", "verify_claims_from_log", "claim_application",
    "approve_request", "edit_character", "reassign_character", "rename_character", "retire_character", "update_character",
}  # fmt: skip
CHARACTER_CHANGES = (
    "roster.reassign_character", "roster.rename_character", "roster.retire_character", "roster.update_character"
)  # fmt: skip
#: Fields that only these modules may set.
ACCESS_FIELDS = {
    "role_group",
    "is_superuser",
    "is_staff",
    "discord_id",
    "merged_into",
    "session_epoch",
    "is_bot",
    "extra_scopes",
}
