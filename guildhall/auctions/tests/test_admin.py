"""The admin of auctions opens, edits by the services and runs sessions by its actions."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from guildhall.accounts.models import User
from guildhall.auctions.models import BiddingPolicy, BiddingRule
from guildhall.core.models import AuditEvent

from . import build
from .build import bid, session

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    boss = User.objects.create_superuser("boss", password="x")
    found = Client()
    found.force_login(boss)
    return found


def test_every_list_and_form_opens(admin: Client) -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=50, pool=pool)
    cloak = session()
    bid(cloak, aeli, 5)
    for model in ("bidsession", "biddingrule", "biddingpolicy", "bidhistory", "chatline"):
        assert admin.get(f"/admin/auctions/{model}/").status_code == 200
    shown = admin.get(f"/admin/auctions/bidsession/{cloak.pk}/change/")
    assert shown.status_code == 200
    assert cloak.seed not in shown.content.decode()
    for path in ("/admin/loot/item/", "/admin/loot/lootdistribution/", "/admin/loot/item/add/"):
        assert admin.get(path).status_code == 200


def test_a_rule_is_saved_by_the_service_and_nonsense_is_said_beside_the_field(admin: Client) -> None:
    form: dict[str, Any] = {
        "name": "An alt bids at most 5",
        "position": 10,
        "is_active": "on",
        "effect": "cap",
        "cap": "5",
        "character_kind": "alt",
        "roles": "[]",
        "character_classes": "[]",
        "item_categories": "[]",
        "is_trial": "unknown",
    }
    assert b"needs its amount" in admin.post("/admin/auctions/biddingrule/add/", {**form, "cap": ""}).content
    saved = admin.post("/admin/auctions/biddingrule/add/", form)
    assert saved.status_code == 302, saved.content.decode()[:3000]
    rule = BiddingRule.objects.get()
    assert str(rule.cap) == "5.00"
    assert AuditEvent.objects.filter(action="auctions.save_rule").exists()
    assert admin.post(f"/admin/auctions/biddingrule/{rule.pk}/delete/", {"post": "yes"}).status_code == 302


def test_a_policy_is_saved_by_the_service(admin: Client) -> None:
    pool = build.pool()
    form = {
        "pool": pool.pk,
        "mode": "sealed",
        "minimum_bid": "2",
        "increment": "1",
        "duration_seconds": 60,
        "anti_snipe_seconds": 5,
        "anti_snipe_limit": 3,
        "tie_breaks": '["roll"]',
    }
    bad = admin.post("/admin/auctions/biddingpolicy/add/", {**form, "tie_breaks": '["coin"]'})
    assert b"not a tie-break" in bad.content
    assert admin.post("/admin/auctions/biddingpolicy/add/", form).status_code == 302
    assert BiddingPolicy.objects.get().tie_breaks == ["roll"]


def test_sessions_are_run_by_actions(admin: Client) -> None:
    pool = build.pool()
    aeli = build.person("Aeli", points=50, pool=pool)
    cloak = session()
    bid(cloak, aeli, 5)

    def act(name: str) -> str:
        admin.post("/admin/auctions/bidsession/", {"action": name, "_selected_action": [str(cloak.pk)]})
        cloak.refresh_from_db()
        return cloak.status

    act("pause")
    assert cloak.paused_at is not None
    act("resume")
    assert [act("close"), act("award"), act("undo"), act("cancel")] == ["closed", "awarded", "closed", "cancelled"]
    assert build.balance(aeli, pool) == "50.00/0.00"
