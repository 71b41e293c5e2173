"""Every page in a real Chromium, under the policy it is sent with: nothing that a page needs is refused to it.

`core/middleware.py` says what browsers refuse on our pages. A page that is added, and needs something that is refused,
fails here: all of `web/urls.py` is opened, what has no page is named with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from guildhall.accounts.models import PermissionGroup, Section, User
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.auctions.models import BidSession
from guildhall.auctions.services import save_rule
from guildhall.core.models import Batch
from guildhall.eqdkp.models import ImportRun
from guildhall.loot.models import LootDistribution
from guildhall.points.models import DKPPool, LedgerEntry, PointRule, PointRuleRun
from guildhall.raids.models import AttendanceCheck, CalendarEvent, Event, ItemPool, Raid, RaidAttendance
from guildhall.recruitment.models import Application, ApplicationQuestion
from guildhall.recruitment.services import apply
from guildhall.recruitment.tests.conftest import FORM
from guildhall.roster.models import Character
from guildhall.web.urls import urlpatterns
from tests.browser.people import until, watch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

NO_PAGES = {
    "demo-sign-in": "takes POST alone",
    "sign-out": "takes POST alone",
    "setup": "is there for a guild without officers alone, see test_invitation.py",
    "join": "is there with a link alone, see test_invitation.py",
    "reset": "is there with a link alone, see test_invitation.py",
    "follow": "is a stranger's, see below",
    "standings-export": "a file",
    "loot-export": "a file",
    "item-suggest": "a part of a page",
    "statement-export": "a file",
}


class Look:
    """A browser of somebody who is signed in, or of nobody."""

    def __init__(self, browser: Any, server: str, user: User | None) -> None:
        self.server = server
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        if user is not None:
            client = Client()
            client.force_login(user)
            cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": server}
            self.context.add_cookies([cookie])
        self.page = self.context.new_page()
        self.problems = watch(self.page)

    def at(self, path: str, status: int = 200) -> Any:
        """Open it; every complaint is kept with the path."""
        before = len(self.problems)
        answer = self.page.goto(f"{self.server}{path}", wait_until="load")
        assert answer.status == status, path
        self.problems[before:] = [f"{path}: {problem}" for problem in self.problems[before:]]
        return self.page


@pytest.fixture
def look(live_server: Any, chromium: Any) -> Iterator[Any]:
    made: list[Look] = []

    def come(user: User | None) -> Look:
        made.append(Look(chromium, live_server.url, user))
        return made[-1]

    yield come
    for one in made:
        assert one.problems == []
        one.context.close()


@pytest.fixture
def demo() -> User:
    """The demo guild, with an import beside it; its officer."""
    call_command("load_demo", verbosity=0)
    ImportRun.objects.create(state=ImportRun.State.DONE, origin="guild.sql")
    return User.objects.get(username="officer")


def places() -> dict[str, Any]:
    """What the addresses' parameters stand for, by the name of the page where it matters."""
    run, award = PointRuleRun.objects.latest("pk"), LootDistribution.objects.filter(reversed_at=None).latest("pk")
    entry = LedgerEntry.objects.filter(kind="raid").latest("pk")
    return {
        "user_id": entry.user_id,
        "pool_id": DKPPool.objects.earliest("pk").pk,
        "character_id": Character.objects.earliest("pk").pk,
        "entry_id": entry.pk,
        "rule_id": PointRule.objects.earliest("pk").pk,
        "run_id": run.pk,
        "eqdkp-import": {"run_id": ImportRun.objects.get().pk},
        "application_id": Application.objects.get(status=Application.Status.VOTING_ACTIVE).pk,
        "date_id": CalendarEvent.objects.earliest("pk").pk,
        "raid_id": Raid.objects.filter(reversed_at=None).latest("pk").pk,
        "attendance_id": RaidAttendance.objects.filter(reversed_at=None).latest("pk").pk,
        "check_id": AttendanceCheck.objects.filter(raid__reversed_at=None).latest("pk").pk,
        "event_id": Event.objects.earliest("pk").pk,
        "group_id": PermissionGroup.objects.earliest("pk").pk,
        "item_id": award.item_id,
        "award_id": award.pk,
        "bid_session_id": BidSession.objects.earliest("pk").pk,
        "step": "guild",
        "item_pool_id": ItemPool.objects.earliest("pk").pk,
        "question_id": ApplicationQuestion.objects.earliest("pk").pk,
        "bidding_rule_id": save_rule(name="Trials", effect="deny", is_trial=True, actor=None).pk,
        "batch_id": Batch.objects.earliest("at").pk,
    }


# What a page with a hole in it would do.
WRONGS = {
    "inline script": (
        "script-src",
        "const s = document.createElement('script'); s.text = '1'; document.body.append(s)",
    ),
    "inline style": ("style-src", "document.body.setAttribute('style', 'color: red')"),
    "script of a stranger": (
        "script-src",
        "const s = document.createElement('script'); s.src = 'http://127.0.0.1:1/'; document.body.append(s)",
    ),
    "picture of a stranger": ("img-src", "new Image().src = 'http://127.0.0.1:1/x.png'"),
    "words to a stranger": ("connect-src", "fetch('http://127.0.0.1:1/').catch(() => 0)"),
    "form for a stranger": (
        "form-action",
        "const f = document.createElement('form'); f.action = 'http://127.0.0.1:1/'; document.body.append(f); f.submit()",
    ),
    "other base": (
        "base-uri",
        "const b = document.createElement('base'); b.href = 'http://127.0.0.1:1/'; document.head.append(b)",
    ),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_a_page_that_went_wrong_is_refused_and_the_tests_hear_of_it(
    live_server: Any, chromium: Any, wrong: str
) -> None:
    directive, script = WRONGS[wrong]
    stranger = Look(chromium, live_server.url, None)
    page = stranger.at("/sign-in/")
    page.evaluate(f"() => {{ {script} }}")
    for _ in range(200):
        if stranger.problems:
            break
        page.wait_for_timeout(50)
    assert directive in stranger.problems[0]
    stranger.context.close()


def test_every_page_opens_under_its_policy(look: Any, demo: User) -> None:
    known = places()
    boss = look(demo)
    for pattern in urlpatterns:
        if pattern.name in NO_PAGES:
            continue
        wanted = pattern.pattern.converters
        here = {**known, **known.get(pattern.name, {})}
        path = reverse(f"web:{pattern.name}", kwargs={name: here[name] for name in wanted})
        boss.at(path).locator("main").wait_for()
    boss.at("/nowhere/", 404)
    boss.at("/standings/?pool=abc", 400)
    # What moves: the search that loads as one types, the colours, the auction that comes by itself.
    page = boss.at("/standings/")
    page.fill("input[type=search]", "Sorrel")
    until(page, "document.querySelectorAll('tbody tr').length === 1")
    page.locator("[data-theme-switch]").click()
    boss.at("/auctions/").locator(".lot").first.wait_for()

    answers = [{"question_id": one.pk, "answer": "1"} for one in ApplicationQuestion.objects.filter(is_active=True)]
    _, token = apply(user=None, answers=answers, **{**FORM, "character_name": "Stranger"})
    edit_visitor_access(actor=None, **dict.fromkeys(Section.values, True))
    nobody = look(None)
    for path in (
        "/",
        "/sign-in/",
        "/standings/",
        "/roster/",
        "/raids/",
        "/calendar/",
        "/items/",
        "/apply/",
        f"/apply/follow/?token={token}",
    ):
        nobody.at(path)
    pipwick = User.objects.get(username="applicant")
    applicant = look(pipwick)
    applicant.at("/")
    applicant.at(f"/recruitment/{Application.objects.get(user=pipwick).pk}/")
    applicant.at("/standings/", 403)


def test_the_apis_pages_work_under_theirs(look: Any, demo: User) -> None:
    boss = look(demo)
    page = boss.at("/api/docs/")
    block = page.locator(".opblock-get", has=page.locator("[data-path='/api/admin/system-health/']"))
    block.locator("button").first.click(timeout=60_000)
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    block.locator(".live-responses-table .response-col_status", has_text="200").first.wait_for(timeout=30_000)
    # The browsable API: a list with filters and a form, and what is refused.
    for path, status in (("/api/characters/", 200), (f"/api/users/{demo.pk}/", 200), ("/api/raids/999999/", 404)):
        boss.at(path, status)
    look(None).at("/api/characters/", 401)


def test_the_admin_works_under_its_own(look: Any, demo: User) -> None:
    User.objects.filter(pk=demo.pk).update(is_superuser=True, is_staff=True)
    boss = look(demo)
    boss.at("/admin/")
    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        boss.at(reverse(f"{base}_changelist"))
        row = model._default_manager.order_by("pk").first()
        if row is not None:
            boss.at(reverse(f"{base}_change", args=[row.pk]))
    page = boss.at(reverse("admin:roster_character_add"))
    # Alpine lives: the account's menu opens.
    menu = page.locator("[x-show=openUserLinks]").first
    assert not menu.is_visible()
    page.locator("[x-data*=openUserLinks] > div").first.click()
    menu.wait_for(timeout=10_000)
    look(None).at("/admin/login/")
