"""Every address of the site, asked by the applicant before and while there is a vote on them: the answers are the same.

What a page, an answer of the API, a file or the admin tells besides its words (counts, orders, headers, ETags) is compared
too, so that an interface nobody thought of is checked too (PRD 3.10.5).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from difflib import unified_diff
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person, set_role_group
from guildhall.core import clock
from guildhall.core.models import IdempotencyKey
from guildhall.discord.tests.people import deliver, make_guild
from guildhall.points.services import create_pool
from guildhall.raids.services import award_attendance, create_event, create_raid
from guildhall.recruitment.models import Application
from guildhall.recruitment.services import accept_trial, add_comment, cast_vote, start_voting
from guildhall.recruitment.services.applying import apply
from guildhall.roster.services import create_character
from tests.fake_discord import FakeDiscordServer

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
BACKEND = "django.contrib.auth.backends.ModelBackend"
# Headers that are of the request, not of the answer.
PASSING = (
    "Expires", "Retry-After", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-Request-ID", "Set-Cookie", "Server-Timing",
    "Date", "Content-Length", "Content-Security-Policy",
)  # fmt: skip
NOW = dt.datetime(2026, 11, 23, 20, tzinfo=dt.UTC)
# What never ends, what signs in and out, and what is of the machinery: the state of the machine, and whose form was answered
# when (`test_the_kept_answers_show_no_vote`).
LEFT_OUT = (
    "api/bidding/stream/", "sign-out", "logout", "sign-in/as", "accounts/", "api/schema", "api/docs", "jsi18n", "metrics",
    "healthz", "system-health", "core/idempotencykey",
)  # fmt: skip
LISTS = ("", "?format=csv", "?status=voting_active", "?q=pip")
VARYING = re.compile(
    r'data-token="[^"]+"|name="csrfmiddlewaretoken" value="[^"]+"|name="once" value="[^"]+"|nonce="[^"]+"|"csrfToken": ?"[^"]+"'
    r"|csrf[A-Za-z_-]*[\"': ]+[A-Za-z0-9]{32,}"
)


def routes(patterns: Any = None, prefix: str = "") -> Iterator[str]:
    """Every address of the site, with its parameters as ``<kind:name>``."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(one.pattern).removeprefix("^").removesuffix("$").removesuffix("\\Z")
        if isinstance(one, URLResolver):
            yield from routes(one.url_patterns, route)
        elif isinstance(one, URLPattern):
            yield re.sub(r"\(\?P<(\w+)>[^)]*\)(?:\{[^}]*\}\))?", r"<\1>", route)


def fill(route: str, application: Application) -> str:
    """An address of `route` that is about `application` and its applicant."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1).rpartition(":")[2]
        if name in ("user_id",) or ("user" in route and name in ("pk", "object_id", "id")):
            return str(application.user_id)
        if name in ("pk", "app_id", "application_id", "object_id", "id"):
            return str(application.pk)
        if name == "character_id" or "character" in route:
            return str(application.character_id)
        return {"file_format": "csv", "format": "json", "app_label": "recruitment"}.get(name, "1")

    return "/" + re.sub(r"<([\w:]+)>", value, route).replace("\\", "").replace("/?", "/")


class Scenario:
    """Pip is on trial and has been to a raid; three members may vote. Nothing has been voted on yet."""

    def __init__(self, fake: FakeDiscordServer, role: str) -> None:
        self.guild = make_guild(fake)
        joined = NOW - dt.timedelta(days=200)
        self.voters = [create_person(display_name=f"Voter{letter}", username=f"voter{letter}") for letter in "abc"]
        for voter in self.voters:
            create_character(name=voter.display_name, user=voter, joined_at=joined)
        event = create_event(name="Siege", pools=[create_pool(name="Main", actor=None)], default_points=5, actor=None)
        pip = create_person(display_name="Pip", role_group=RoleGroup.GUEST, discord_id="900000000000000900")
        self.application, self.token = apply(
            user=pip, character_name="Pipwick", character_class="Cleric", level=60, availability="x", timezone="UTC",
            discord_username="pip", email="pip@example.invalid",
        )  # fmt: skip
        accept_trial(application=self.application, actor=None)
        self.application.refresh_from_db()
        raid = create_raid(event=event, started_at=NOW, actor=None)
        award_attendance(raid=raid, attendees=["Votera", "Voterb", "Pipwick"], actor=None)
        add_comment(application=self.application, author=self.voters[0], body="Hello.", visible_to_applicant=True)
        if role == "superuser":
            User.objects.filter(pk=pip.pk).update(is_superuser=True, is_staff=True)
        elif role != RoleGroup.APPLICANT:
            set_role_group(user=pip, role_group=RoleGroup(role), actor=None)
        self.pip = User.objects.get(pk=pip.pk)
        deliver()

    def vote(self) -> None:
        """A vote is opened, people vote by page and by API, change their minds, and all of it is delivered."""
        start_voting(application=self.application, actor=None)
        for voter, choice in zip(self.voters, ("pass", "fail", "recycle"), strict=True):
            cast_vote(application=self.application, voter=voter, vote=choice, comment="secret words")
        client = Client()
        client.force_login(self.voters[0], BACKEND)
        page = {"form": "vote", "once": "k" * 24, "vote": "fail"}
        assert client.post(f"/recruitment/{self.application.pk}/", page).status_code == 302
        address = f"/api/applications/{self.application.pk}/vote/"
        sent = client.post(address, {"vote": "pass"}, "application/json", headers={"Idempotency-Key": "a-key"})
        assert sent.status_code == 200, sent.content
        deliver()

    def read(self) -> dict[str, str]:
        """What Pip gets at every address."""
        client = Client(raise_request_exception=False)
        client.force_login(self.pip, BACKEND)
        found = {}
        # At its first form Unfold changes how the forms of other apps look in this process.
        client.get("/admin/raids/event/add/")
        for path in self.paths():
            response = client.get(path)
            body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
            text = "" if path.endswith("=xlsx") else VARYING.sub("", body.decode(errors="replace"))
            headers = {name: value for name, value in sorted(response.headers.items()) if name not in PASSING}
            found[path] = f"{response.status_code} {headers}\n{text}"
        return found

    def paths(self) -> list[str]:
        found = {f"/apply/follow/?token={self.token}", f"/api/applications/by-link/?token={self.token}"}
        for route in routes():
            if not any(part in route for part in LEFT_OUT):
                path = fill(route, self.application)
                found |= {f"{path}{query}" for query in (LISTS if path.endswith("/") and "<" not in route else ("",))}
        return sorted(found)


@pytest.mark.parametrize("role", [RoleGroup.APPLICANT, RoleGroup.MEMBER, RoleGroup.RECRUITER, "superuser"])
def test_every_address_answers_as_if_there_were_no_vote(
    fake_discord: FakeDiscordServer, settings: Any, role: str
) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    with clock.frozen(NOW):
        scenario = Scenario(fake_discord, role)
        before = scenario.read()
        scenario.vote()
        after = scenario.read()
    assert len(before) > 800
    told = [path for path in before if before[path] != after[path]]
    shown = [list(unified_diff(before[path].split("\n"), after[path].split("\n"), n=0))[:20] for path in told[:3]]
    assert told == [], shown


def test_the_kept_answers_show_no_vote(fake_discord: FakeDiscordServer) -> None:
    """What was answered to a voter is kept for a repeated request; nobody reads or searches it in the admin."""
    scenario = Scenario(fake_discord, "superuser")
    scenario.vote()
    client = Client()
    client.force_login(scenario.pip, BACKEND)
    kept = IdempotencyKey.objects.get(key="a-key")
    assert kept.body["vote"] == "pass"
    shown = client.get(f"/admin/core/idempotencykey/{kept.pk}/change/").content.decode()
    assert "a-key" in shown
    assert not any(word in shown for word in ("Your vote", "attendance_percentage", kept.request_hash))
    for query in ("body__icontains=pass", "body__vote=pass", f"request_hash={kept.request_hash}"):
        found = client.get(f"/admin/core/idempotencykey/?{query}")
        assert found.status_code in (302, 400), query
        assert "a-key" not in found.content.decode()


@pytest.mark.parametrize("role", [RoleGroup.APPLICANT, RoleGroup.MEMBER, RoleGroup.RECRUITER, "superuser"])
def test_every_refusal_is_as_if_there_were_no_vote(fake_discord: FakeDiscordServer, settings: Any, role: str) -> None:
    """What Pip tries to do to their own application is refused in the same words, by API and by page."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    api = {
        "": ["put", "patch"], "vote/": ["post", "put", "patch", "delete"], "trial-accept/": ["post"], "reject/": ["post"],
        "start-voting/": ["post"], "promote-trial/": ["post"], "assign/": ["post"], "comments/": ["post"], "submit/": ["post"],
        "discord-webhook/": ["post"],
    }  # fmt: skip
    body = {"vote": "pass", "reason": "x", "hours": 5, "days": 5, "user_id": None, "body": "x", "level": 50}
    pages = ("vote", "unvote", "trial", "reject", "start", "promote", "assign", "comment")

    def tried(scenario: Scenario) -> dict[str, str]:
        client = Client()
        client.force_login(scenario.pip, BACKEND)
        found = {}
        for path, methods in api.items():
            for method in methods:
                answer = getattr(client, method)(
                    f"/api/applications/{scenario.application.pk}/{path}", body, content_type="application/json"
                )
                found[f"{method} {path}"] = f"{answer.status_code} {answer.content.decode()}"
        for name in pages:
            sent = {"form": name, "once": f"{name}-{len(found)}", "vote": "pass", "reason": "x", "body": "x"}
            answer = client.post(f"/recruitment/{scenario.application.pk}/", sent)
            found[f"page {name}"] = f"{answer.status_code} {VARYING.sub('', answer.content.decode())}"
        sent = {"form": "apply", "once": "again", "do": "send", "character_name": "Pipwick", "level": "60"}
        answer = client.post("/apply/", sent)
        found["apply"] = f"{answer.status_code} {VARYING.sub('', answer.content.decode())}"
        return found

    with clock.frozen(NOW):
        scenario = Scenario(fake_discord, role)
        before = tried(scenario)
        scenario.vote()
        after = tried(scenario)
    assert {name: (before[name], after[name]) for name in before if before[name] != after[name]} == {}
    assert not any(text.startswith("5") for text in before.values())
