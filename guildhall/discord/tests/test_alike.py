"""Commands let in whom the API lets in, and the admin nobody whom the API refuses: by role and ready-made group."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.test import RequestFactory

from guildhall.accounts.models import PermissionGroup, User
from guildhall.accounts.services import create_person, give_group, set_role_group
from guildhall.auctions.services import NewSession, start_session
from guildhall.core.errors import NotAllowed
from guildhall.discord.interactions.registry import commands
from guildhall.discord.tests.people import make_guild
from guildhall.discord.tests.talking import Talk
from guildhall.points.services import create_pool
from guildhall.raids.services import create_event, create_raid
from guildhall.roster.models import Rank

pytestmark = pytest.mark.django_db
TABLE = Path(__file__).parents[3] / "tests" / "contract" / "who_may.csv"
GROUPS = ["Raid leader", "Loot officer", "Recruiter", "Treasurer"]
COLUMNS = ["guest", "on trial", "member", "recruiter", "officer", *GROUPS]
#: Each command, what it is given, and the operation of the API that does the same.
SAME: list[tuple[str, dict[str, Any], str]] = [
    ("dkp", {"who": "Bert"}, "get /api/points/entries/"),
    ("dkp", {}, "get /api/points/user/{user_id}/"),
    ("history", {}, "get /api/points/history/user/{user_id}/"),
    ("history", {"who": "Bert"}, "get /api/points/entries/"),
    ("standings", {}, "get /api/points/leaderboard/{dkp_pool_id}/"),
    ("item", {"name": "Cloak"}, "get /api/items/{id}/price-history/"),
    ("whois", {"who": "Bert"}, "get /api/characters/by-name/{name}/"),
    ("raid", {"sub": "show"}, "get /api/raids/{id}/"),
    ("raid", {"sub": "list"}, "get /api/raids/"),
    ("raid", {"sub": "start", "event": "Siege"}, "post /api/raids/"),
    ("attendance", {"log": {"id": "1"}}, "post /api/raids/{raid_id}/attendance/"),
    ("auction", {"sub": "list"}, "get /api/bidding/active/"),
    ("auction", {"sub": "mine", "auction": "Cloak"}, "get /api/bidding/me/"),
    ("auction", {"sub": "start", "item": "Ring"}, "post /api/bidding/start-bid/"),
    ("auction", {"sub": "close", "auction": "Cloak"}, "post /api/bidding/close-bid/"),
    ("auction", {"sub": "cancel", "auction": "Cloak"}, "post /api/bidding/{bid_session_id}/cancel/"),
    ("auction", {"sub": "undo", "award": "1", "reason": "x"}, "post /api/bidding/{bid_session_id}/undo-award/"),
    ("vote", {"applicant": "Nobody", "vote": "pass"}, "post /api/applications/{app_id}/vote/"),
]
#: What the API has otherwise: bidding for others is not bidding; asking for and linking one's own account is everybody's.
WITHOUT = {"bid", "apply", "link"}
#: Models of the admin, with the operation that changes the same row.
ADMIN = {
    "points.dkppool": "patch /api/dkp-pools/{id}/",
    "points.pointrule": "patch /api/points/rules/{id}/",
    "raids.event": "patch /api/events/{id}/",
    "raids.raid": "patch /api/raids/{id}/",
    "raids.itempool": "patch /api/item-pools/{id}/",
    "loot.item": "patch /api/items/{id}/",
    "roster.character": "patch /api/characters/{id}/",
    "roster.rank": "patch /api/ranks/{id}/",
    "auctions.biddingrule": "patch /api/bidding/rules/{id}/",
    "auctions.biddingpolicy": "patch /api/bidding/policies/{dkp_pool_id}/",
    "recruitment.applicationquestion": "patch /api/applications/questions/{id}/",
    "recruitment.recruitmentpolicy": "patch /api/applications/policy/",
    "accounts.visitoraccess": "patch /api/guild/visitor-access/",
}


def table() -> dict[str, dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["operation"]: row for row in csv.DictReader(file)}


def as_column(person: User, column: str) -> User:
    role = "member" if column in GROUPS else "applicant" if column == "on trial" else column
    set_role_group(user=person, role_group=role, actor=None)
    if column in GROUPS:
        give_group(user=person, group=PermissionGroup.objects.get(name=column), actor=None)
    return User.objects.get(pk=person.pk)


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every refusal for want of a right, while a command is answered."""
    found: list[str] = []
    begin = NotAllowed.__init__

    def noted(self: NotAllowed, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        found.append(self.code)

    monkeypatch.setattr(NotAllowed, "__init__", noted)
    return found


def test_each_command_lets_in_whom_the_api_lets_in(talk: Talk, refused: list[str]) -> None:
    pool = create_pool(name="Main", actor=None)
    guild = make_guild(talk.fake)
    guild.join("Bert")
    talk.fake.state.add_channel("general")
    create_raid(event=create_event(name="Siege", pools=[pool], default_points="1"), actor=None)
    start_session(session=NewSession(item_name="Cloak"), actor=create_person(display_name="Olaf", role_group="officer"))
    assert {name for name, _, _ in SAME} | WITHOUT == set(commands)
    expected, differs = table(), []
    for column in COLUMNS:
        user, account, _ = guild.join(
            ("G" if column in GROUPS else "R") + column.lower().replace(" ", ""),
            rank=Rank.objects.get(name="Trial" if column == "on trial" else "Raider"),
        )
        as_column(user, column)
        for name, options, operation in SAME:
            cache.clear()  # so many at once are more than an address may ask
            refused.clear()
            talk.slash(account, name, **options)
            lets_in, api = "permission_denied" not in refused, expected[operation][column] not in ("401", "403")
            if lets_in != api:
                differs.append((column, name, options, "command" if lets_in else "API"))
    assert [f"{row}" for row in differs] == []


def test_the_admin_lets_in_nobody_whom_the_api_refuses(db: None) -> None:
    expected, differs, opened = table(), [], 0
    pages = {model._meta.label_lower: page for model, page in admin.site._registry.items()}
    for column in COLUMNS:
        request = RequestFactory().get("/admin/")
        request.user = as_column(create_person(display_name=column), column)
        for label, operation in ADMIN.items():
            lets_in = admin.site.has_permission(request) and pages[label].has_change_permission(request)
            opened += lets_in
            api = expected[operation][column] not in ("401", "403")
            if (lets_in and not api) or (column == "officer" and lets_in != api):
                differs.append((column, label, "admin" if lets_in else "API"))
    assert differs == []
    assert opened >= len(ADMIN) - 1
