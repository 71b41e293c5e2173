"""Who may change somebody's access: every way to do it, for everybody who might try, against everybody it might hit.

`WAYS` has a row for each endpoint, page, form and admin action that changes how somebody gets in, what they may do or who
they are. `test_every_caller_of_a_service_that_changes_access_is_known` fails where a function calls one of those services and
stands in no row.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.authority import Change, require_authority_over
from guildhall.accounts.models import APIKey, PermissionGroup, User
from guildhall.accounts.permissions import NOT_FOR_BOTS, ROLE_SCOPES, SCOPES, principal_for
from guildhall.accounts.services import (
    create_api_key,
    create_person,
    get_or_create_bot,
    give_group,
    update_person,
)
from guildhall.core import clock
from guildhall.core.errors import NotAllowed
from guildhall.core.models import AuditEvent
from guildhall.discord.models import Claim
from guildhall.eqdkp.compat.site import Kind, Site
from guildhall.points.services import create_pool
from guildhall.raids.services import award_attendance, create_event, create_raid, introduce_unmatched
from guildhall.recruitment.models import Application
from guildhall.roster.services import create_character

from .ways_of_access import (
    ACCESS_SERVICES,
    CALLERS,
    CHARACTER_CHANGES,
    IN_PERSON,
    LINKED,
    OFFICERS_POWERS,
    REACH,
    TARGETS,
    USERS,
    WAYS,
    Way,
    form,
    person_claim,
    spare,
)

pytestmark = pytest.mark.django_db


def caller(name: str, way: Way) -> tuple[Any, User]:
    """A client of the kind that `name` says, and whose it is."""
    if name.startswith("bot"):
        bot = get_or_create_bot(name="helper")
        powers = {
            "bot, one scope": list(way.scopes),
            "bot, all scopes of an officer": [scope for scope in OFFICERS_POWERS if scope not in NOT_FOR_BOTS],
            "bot, every scope": [scope for scope in SCOPES if scope not in NOT_FOR_BOTS],
        }[name]
        return with_key(bot, powers, "bot"), bot
    person = create_person(display_name="Caller", role_group="officer")
    if name.startswith("superuser"):
        User.objects.filter(pk=person.pk).update(is_superuser=True, is_staff=True)
        person.refresh_from_db()
    if name in IN_PERSON:
        client: Any = Client() if way.tools == "site" else APIClient()
        client.force_login(person)
        return client, person
    return with_key(person, list(way.scopes) if name.endswith("one scope") else None), person


def with_key(user: User, scopes: list[str] | None, kind: str = "personal") -> APIClient:
    if scopes is None:
        scopes = [scope for scope in SCOPES if user.is_superuser or scope in ROLE_SCOPES[user.role_group]]
    _, plain = create_api_key(user=user, name="key", scopes=scopes, kind=kind)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {plain}")
    return client


def make_target(kind: str, asker: User, before: dict[str, Any] | None) -> User:
    if kind == "self":
        target = asker
    elif kind == "bot":
        target = get_or_create_bot(name="other bot")
        User.objects.filter(pk=target.pk).update(role_group="member")
    else:
        target = create_person(display_name="Target", role_group="officer" if kind == "superuser" else kind)
        User.objects.filter(pk=target.pk).update(is_superuser=kind == "superuser")
    changes = dict(before or {})
    target.refresh_from_db()
    if changes.pop("password", None):
        target.set_password("a usable password")
    for name, value in changes.items():
        setattr(target, name, value)
    target.save()
    return User.objects.get(pk=target.pk)


def state(user: User) -> Any:
    """Everything about a person's access that a way might change."""
    found = User.objects.get(pk=user.pk)
    keys = APIKey.objects.filter(user=user).order_by("pk").values_list("pk", "key_hash", "revoked_at", "scopes")
    claims = Claim.objects.order_by("pk").values_list("pk", "state")
    return (
        found.discord_id, found.role_group, found.is_active, found.display_name, found.merged_into_id, found.email,
        found.is_staff, found.is_superuser, found.sign_in_links.count(), [str(key) for key in keys if key[2] is not None],
        [claim for claim in claims if claim[1] != "open"], User.objects.filter(merged_into=user).count(),
        AuditEvent.objects.filter(action__in=CHARACTER_CHANGES).count(), found.extra_scopes,
    )  # fmt: skip


def cases() -> list[Any]:
    found = []
    for way_name, way in WAYS.items():
        for who in REACH:
            if way.tools == "site" and who not in IN_PERSON:
                continue
            for target in TARGETS:
                if target == "bot" and not way.bots:
                    continue
                if target == "self" and (
                    way.on_self is None or who.startswith("bot") or way_name == "admin revoke a key"
                ):
                    continue
                found.append(pytest.param(way_name, who, target, id=f"{way_name}-{who}-{target}"))
    return found


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)


@pytest.mark.parametrize(("way_name", "who", "target_kind"), cases())
def test_nobody_reaches_beyond_their_own_powers(way_name: str, who: str, target_kind: str) -> None:
    way = WAYS[way_name]
    create_person(display_name="Another officer", role_group="officer")  # so that nobody is the last
    client, asker = caller(who, way)
    if way.tools == "site":
        asker.set_password("a usable password")
        asker.save()
        client.force_login(asker)
    target = make_target(target_kind, asker, way.before)
    if target_kind == "self" and who in IN_PERSON:
        client.force_login(target)
    if way.prepare is not None:
        way.prepare(target)
    before = state(target)
    response = way.go(client, target)
    assert response.status_code < 500, response.content
    if target_kind == "self":
        assert way.on_self is not None
        expected = who in way.on_self or (who.endswith("key, all scopes") and bool(way.on_self))
        if way_name.startswith("api unlink"):
            expected = False  # Discord is their only way in
    else:
        expected = target_kind in (way.reach or REACH)[who]
    if "preview" in way_name:
        assert (response.status_code == 200) == expected, response.content
        assert state(target) == before
    else:
        assert (state(target) != before) == expected, (response.status_code, response.content[:600])
        if way.tools == "api":
            assert (response.status_code in (401, 403)) == (not expected), response.content


@pytest.mark.parametrize("change", list(Change))
def test_the_guard_holds_for_every_kind_of_change(change: Change) -> None:
    """Also for those that no endpoint asks for today: a password or an e-mail address of somebody else."""
    people = {kind: make_target(kind, spare(), None) for kind in ("superuser", "officer", "recruiter", "member")}
    for who, target in (("officer", "superuser"), ("recruiter", "officer"), ("member", "recruiter")):
        with pytest.raises(NotAllowed) as refusal:
            require_authority_over(principal_for(people[who]), people[target], change=change)
        assert refusal.value.code == "role_beyond_yours"
    key, _ = create_api_key(user=people["superuser"], name="k", scopes=list(SCOPES))
    with pytest.raises(NotAllowed):
        # No key counts as a superuser.
        other = make_target("superuser", spare(), None)
        require_authority_over(principal_for(people["superuser"], key), other, change=change)
    require_authority_over(principal_for(people["superuser"]), people["officer"], change=change)


def test_nobody_sets_the_email_or_the_password_of_somebody_who_may_do_more() -> None:
    boss = make_target("superuser", spare(), None)
    boss.set_password("the former password")
    boss.save()
    officer = make_target("officer", spare(), None)
    with pytest.raises(NotAllowed):
        update_person(user=boss, actor=officer, email="mine@example.org")
    User.objects.filter(pk=officer.pk).update(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=officer.pk))
    new = {"new_password1": "another password 9", "new_password2": "another password 9", "usable_password": "true"}
    for path in (f"/admin/accounts/user/{boss.pk}/password/", f"/admin/auth/user/{boss.pk}/password/"):
        client.post(path, new)  # Django's own form for an administrator's password; there is none here
    boss.refresh_from_db()
    assert boss.check_password("the former password")
    assert boss.email == ""


def callers() -> set[str]:
    """Every function of ours, tests apart, that calls a service of `ACCESS_SERVICES`."""
    found: set[str] = set()
    root = Path(django_settings.BASE_DIR)
    for path in sorted((root / "guildhall").rglob("*.py")):
        where = path.relative_to(root).as_posix()
        if "/tests/" in where or where.startswith("guildhall/accounts/services/"):
            continue

        def walk(node: ast.AST, inside: str, where: str = where) -> None:
            for child in ast.iter_child_nodes(node):
                name = inside
                if isinstance(child, ast.FunctionDef | ast.ClassDef):
                    name = f"{inside}.{child.name}" if inside else child.name
                named = getattr(child, "attr", None) if isinstance(child, ast.Attribute) else getattr(child, "id", None)
                if named in ACCESS_SERVICES and isinstance(getattr(child, "ctx", None), ast.Load) and inside:
                    found.add(f"{where}:{inside}")
                walk(child, name)

        walk(ast.parse(path.read_text()), "")
    return found


def test_every_caller_of_a_service_that_changes_access_is_known() -> None:
    """A new endpoint, page, command or admin action gets its row, or the reason why it needs none."""
    assert callers() == set(CALLERS)
    ways = {way for reason in CALLERS.values() if isinstance(reason, tuple) for way in reason}
    assert ways == set(WAYS)


def test_slash_commands_change_nobodys_access() -> None:
    assert not [name for name in CALLERS if "/interactions/commands/" in name]


def test_a_bot_that_links_members_cannot_become_an_administrator() -> None:
    """The issue's example: a key with `discord:write` alone linked its own Discord id to a superuser, and signed in."""
    boss = make_target("superuser", spare(), None)
    officer = make_target("officer", spare(), LINKED)
    bot = with_key(get_or_create_bot(name="helper"), ["discord:write"], "bot")
    link = {"user_id": boss.pk, "discord_id": "90000000000000666"}
    assert bot.post("/api/discord/link-member/", link).status_code == 403
    assert bot.delete(f"/api/discord/unlink-member/{officer.pk}/").status_code == 403
    assert User.objects.get(pk=officer.pk).discord_id == LINKED["discord_id"]
    assert not User.objects.filter(discord_id="90000000000000666").exists()


#: What a key might do to the account of its owner: method, path, body.
OWN_ACCOUNT: list[tuple[str, str, dict[str, Any]]] = [
    ("get", "/api/auth/api-keys/", {}),
    ("post", "/api/auth/api-keys/", {"name": "more"}),
    ("post", "/api/auth/api-keys/{key}/rotate/", {}),
    ("delete", "/api/auth/api-keys/{key}/", {}),
    ("get", "/api/users/me/access-history/", {}),
    ("patch", "/api/users/me/", {"display_name": "Another"}),
    ("put", "/api/users/me/", {"display_name": "Another"}),
    ("get", "/api/discord/claims/", {}),
    ("post", "/api/discord/claims/", {"character_name": "Mine"}),
    ("post", "/api/discord/claims/{claim}/withdraw/", {}),
    ("post", "/api/discord/link-member/", {"user_id": "{me}", "discord_id": "90000000000000666"}),
    ("delete", "/api/discord/unlink-member/{me}/", {}),
]


@pytest.mark.parametrize(("method", "path", "body"), OWN_ACCOUNT, ids=[f"{row[0]} {row[1]}" for row in OWN_ACCOUNT])
def test_what_a_key_may_do_to_its_owners_account(method: str, path: str, body: dict[str, Any]) -> None:
    """Nothing without `account:read` or `account:write`, whatever else the key may do; `GET /api/users/me/` is open."""
    owner = create_person(display_name="Owner", role_group="officer", password="a usable password")
    create_character(name="Mine", user=spare())
    linking = "link-member" in path
    if "unlink" in path:
        User.objects.filter(pk=owner.pk).update(**LINKED)
    other = create_api_key(user=owner, name="other", scopes=["points:read"])[0]
    claim = person_claim(owner)
    names = {"key": other.pk, "claim": claim.pk, "me": owner.pk}
    sent = {name: owner.pk if value == "{me}" else value for name, value in body.items()}
    reads = "account:read" if method == "get" else "account:write"
    for scopes, expected in (
        ([scope for scope in OFFICERS_POWERS if scope not in NOT_FOR_BOTS and scope != "discord:read"], False),
        (["points:read", reads, *(["discord:write"] if linking else [])], True),
    ):
        client = with_key(owner, scopes)
        assert client.get("/api/users/me/").status_code == 200
        before = state(owner), APIKey.objects.filter(user=owner).count()
        response = getattr(client, method)(path.format(**names), **({"data": sent} if method != "get" else {}))
        assert (response.status_code not in (401, 403)) == expected, response.content
        assert response.status_code < 500
        if not expected:
            assert (state(owner), APIKey.objects.filter(user=owner).count()) == before


@pytest.mark.parametrize("who", REACH)
@pytest.mark.parametrize("role", ["officer", "recruiter", "member", "guest"])
def test_nobody_makes_somebody_who_may_do_more(who: str, role: str) -> None:
    client, _ = caller(who, Way(lambda c, t: None, scopes=USERS))
    made = client.post("/api/users/", {"display_name": "New", "role_group": role, "discord_id": "90000000000000777"})
    reach = REACH[who] | {"guest"}
    assert (made.status_code == 201) == (role in reach), made.content
    assert made.status_code in (201, 403)
    promoted = client.patch(f"/api/users/{spare().pk}/", {"role_group": role})
    assert promoted.status_code == (200 if role in reach else 403), promoted.content


@pytest.mark.parametrize("who", REACH)
def test_only_administrators_handle_bots_keys(who: str) -> None:
    client, _ = caller(who, Way(lambda c, t: None, scopes=("discord:write",)))
    key = create_api_key(user=get_or_create_bot(name="other bot"), name="k", scopes=["points:read"], kind="bot")[0]
    path = "/api/auth/bot-keys/"
    answers = [
        client.get(path),
        client.post(path, {"name": "new bot", "scopes": ["points:read"]}),
        client.put(f"{path}{key.pk}/permissions/", {"scopes": ["roster:read"]}),
        client.delete(f"{path}{key.pk}/"),
    ]
    may = who in ("superuser in person", "superuser's key, all scopes", "bot, every scope")
    assert [answer.status_code for answer in answers] == ([200, 201, 200, 204] if may else [403] * 4)


@pytest.mark.parametrize("role", ["superuser", "officer", "recruiter"])
def test_recruiting_touches_nobody_who_may_do_more(role: str) -> None:
    """An application of somebody who is more than a member is accepted and rejected without changing their role."""
    target = make_target("officer" if role == "superuser" else role, spare(), None)
    if role == "superuser":
        User.objects.filter(pk=target.pk).update(is_superuser=True, role_group="guest")
    application = Application.objects.create(
        user=target, character_name="Climber", name_key="climber", character_class="Cleric", level=60,
        status="submitted", submitted_at=clock.now(),
    )  # fmt: skip
    before = state(target)
    bot = with_key(get_or_create_bot(name="helper"), ["recruitment:read", "recruitment:write"], "bot")
    assert bot.post(f"/api/applications/{application.pk}/trial-accept/", {}).status_code == 200
    assert bot.post(f"/api/applications/{application.pk}/reject/", {"reason": "no"}).status_code == 200
    assert state(target) == before


def test_an_unknown_name_becomes_nobodys_who_may_do_more() -> None:
    """Who writes the roster settles a name of a raid: a new person is a plain member, and a key is asked as anybody's is."""
    event = create_event(name="Night", default_points=1, pools=[create_pool(name="Main", actor=None)], actor=None)
    raid = create_raid(event=event, actor=None)
    (name,) = award_attendance(raid=raid, attendees=["Nobodys"], actor=None).unmatched
    create_character(name="Nobodys", user=None)
    leader = give_group(user=spare(), group=PermissionGroup.objects.get(name="Raid leader"), actor=None)
    boss = make_target("officer", spare(), None)
    clerk = principal_for(create_person(display_name="Clerk", role_group="member"))
    with pytest.raises(NotAllowed):  # gives an officer no character
        introduce_unmatched(unmatched=name, person=boss, actor=clerk.person, by=clerk)
    client = Client()
    client.force_login(leader)
    assert form(client, f"/raids/{raid.pk}/", "settle", unmatched=name.pk, step="new").status_code == 403
    introduce_unmatched(unmatched=name, person=None, actor=boss)
    made = User.objects.get(display_name="Nobodys")
    assert (made.role_group, made.extra_scopes, made.is_staff) == ("member", [], False)


@pytest.mark.parametrize(("role", "may"), [("member", True), ("officer", False)])
def test_the_old_api_gives_nobody_a_character_beyond_its_key(role: str, may: bool) -> None:
    """A character of nobody's becomes a twink of a member's main, not of an officer's, with a key of one scope."""
    owner = create_person(display_name="Owner", role_group=role)
    main, free = create_character(name="Themain", user=owner), create_character(name="Freechar")
    _, key = create_api_key(user=get_or_create_bot(name="helper"), name="k", scopes=["roster:write"], kind="bot")
    number = Site(trusted=True).numbers(Kind.MEMBER).old(main.pk)
    answer = Client().post(
        f"/api.php?function=character&format=json&atoken={key}",
        json.dumps({"name": free.name, "mainid": number}), content_type="application/json",
    ).json()  # fmt: skip
    free.refresh_from_db()
    assert (free.user_id == owner.pk, answer["status"]) == (may, int(may)), answer
    assert may or "may do more" in answer["error"]
