"""The admin: every page opens, forms save through services, money cannot be edited or deleted."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from guildhall.accounts.models import APIKey, RoleGroup, User
from guildhall.accounts.services import create_api_key, create_person
from guildhall.core.models import AuditEvent
from guildhall.points.models import LedgerEntry, PointAdjustment, UserPointsSummary
from guildhall.points.services import adjust_points, create_pool
from guildhall.roster.models import Character, Rank, RankChange
from guildhall.roster.services import bulk_set_rank, create_character, create_rank

pytestmark = pytest.mark.django_db
APPS = {"core", "accounts", "roster", "points"}


@pytest.fixture
def guild() -> dict[str, Any]:
    officer = create_person(display_name="Boss", role_group=RoleGroup.OFFICER)
    aeli, borel = create_person(display_name="Aeli"), create_person(display_name="Borel")
    pool, rank = create_pool(name="Velious"), create_rank(name="Raider", order=5, actor=None)
    characters = [create_character(name=one.display_name, user=one, actor=None) for one in (aeli, borel)]
    bulk_set_rank(character_ids=[one.pk for one in characters], rank=rank, actor=officer)
    adjust_points(user_ids=[aeli.pk, borel.pk], pool=pool, amount=10, reason="to begin with", actor=officer)
    create_api_key(user=aeli, name="stats")
    return {"officer": officer, "aeli": aeli, "borel": borel, "pool": pool, "rank": rank, "characters": characters}


@pytest.fixture
def browser(guild: dict[str, Any]) -> Client:
    found = Client()
    found.force_login(guild["officer"])
    return found


def act(browser: Client, model: str, action: str, rows: Any) -> Any:
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return browser.post(reverse(f"admin:{model}_changelist"), data, follow=True)


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


@pytest.mark.parametrize("role", ["officer", "administrator"])
def test_every_page_opens(guild: dict[str, Any], role: str) -> None:
    if role == "administrator":
        User.objects.filter(pk=guild["officer"].pk).update(is_superuser=True)
    browser = Client()
    browser.force_login(User.objects.get(pk=guild["officer"].pk))
    for model, page in admin.site._registry.items():
        label = model._meta
        if label.app_label not in APPS:
            continue
        base = f"admin:{label.app_label}_{label.model_name}"
        response = browser.get(reverse(f"{base}_changelist"), {"q": "a"})
        assert response.status_code == 200, label
        assert page.list_per_page == 50, label
        adding = browser.get(reverse(f"{base}_add")).status_code
        assert adding == (200 if page.has_add_permission(response.wsgi_request) else 403), label
        row = model._default_manager.first()
        if row is not None:
            assert browser.get(reverse(f"{base}_change", args=[row.pk])).status_code == 200, label
        assert not page.has_delete_permission(response.wsgi_request), label


def test_a_member_does_not_come_in(guild: dict[str, Any]) -> None:
    browser = Client()
    browser.force_login(guild["aeli"])
    assert browser.get("/admin/").status_code == 302


def test_lists_cost_the_same_however_long(
    browser: Client, guild: dict[str, Any], django_assert_max_num_queries: Any
) -> None:
    people = [create_person(display_name=f"Person{n}") for n in range(20)]
    adjust_points(user_ids=[one.pk for one in people], pool=guild["pool"], amount=1, reason="x", actor=None)
    for name in ("points_ledgerentry", "points_userpointssummary", "points_pointadjustment", "accounts_user"):
        with django_assert_max_num_queries(16):
            assert browser.get(reverse(f"admin:{name}_changelist")).status_code == 200


def test_the_ledger_is_undone_and_never_edited(browser: Client, guild: dict[str, Any]) -> None:
    entry = LedgerEntry.objects.filter(user=guild["aeli"]).get()
    change = reverse("admin:points_ledgerentry_change", args=[entry.pk])
    assert browser.post(change, {"amount": "999"}).status_code == 403
    assert browser.post(reverse("admin:points_ledgerentry_delete", args=[entry.pk]), {"post": "yes"}).status_code == 403
    assert "1 reversed" in said(act(browser, "points_ledgerentry", "undo", [entry]))
    assert "already" in said(act(browser, "points_ledgerentry", "undo", [entry]))
    assert UserPointsSummary.objects.get(user=guild["aeli"]).balance == 0


def test_many_are_adjusted_in_one_form(browser: Client, guild: dict[str, Any]) -> None:
    led = act(browser, "points_userpointssummary", "adjust", UserPointsSummary.objects.all())
    assert led.request["PATH_INFO"] == reverse("admin:points_pointadjustment_add")
    assert sorted(led.context["adminform"].form.initial["people"]) == sorted(
        [str(guild["aeli"].pk), str(guild["borel"].pk)]
    )
    form = {
        "people": [guild["aeli"].pk, guild["borel"].pk], "pool": guild["pool"].pk, "amount": "2.50",
        "reason": "Stayed late", "notes": "", "character_name": "", "occurred_at_0": "", "occurred_at_1": "",
    }  # fmt: skip
    add = reverse("admin:points_pointadjustment_add")
    refused = browser.post(add, {**form, "amount": "0"})
    assert refused.status_code == 200
    assert "changes nothing" in refused.content.decode()
    done = browser.post(add, form)
    assert done.status_code == 302, done.content.decode()
    assert PointAdjustment.objects.filter(reason="Stayed late", created_by=guild["officer"]).count() == 2
    assert [str(row.balance) for row in UserPointsSummary.objects.all()] == ["12.50", "12.50"]


def test_a_role_changes_through_the_service(browser: Client, guild: dict[str, Any]) -> None:
    assert "now recruiter" in said(act(browser, "accounts_user", "make_recruiter", [guild["aeli"]]))
    aeli = User.objects.get(pk=guild["aeli"].pk)
    assert (aeli.role_group, aeli.is_staff, aeli.groups.get().name) == ("recruiter", True, "recruiter")
    assert AuditEvent.objects.filter(action="accounts.set_role", actor=guild["officer"]).exists()
    act(browser, "accounts_user", "make_member", [guild["officer"]])
    assert User.objects.get(pk=guild["officer"].pk).role_group == "officer"  # the last one stays


def test_a_person_is_added_and_changed(browser: Client, guild: dict[str, Any]) -> None:
    add = reverse("admin:accounts_user_add")
    form = {"display_name": "Cyra", "role_group": "member", "discord_id": "123456789", "discord_username": "cyra"}
    assert browser.post(add, form).status_code == 302
    taken = browser.post(add, {**form, "display_name": "Dain"})
    assert "linked to Cyra already" in taken.content.decode()
    cyra = User.objects.get(display_name="Cyra")
    change = reverse("admin:accounts_user_change", args=[cyra.pk])
    assert browser.post(change, {"display_name": "Cyra", "role_group": "guest", "is_active": "on"}).status_code == 302
    assert User.objects.get(pk=cyra.pk).role_group == "guest"


def test_a_character_is_changed_through_services(browser: Client, guild: dict[str, Any]) -> None:
    character = guild["characters"][0]
    change = reverse("admin:roster_character_change", args=[character.pk])
    form = {
        "name": "Aelindra", "character_class": "sk", "race": "", "level": "60", "rank": guild["rank"].pk,
        "status": "active", "user": guild["aeli"].pk, "is_main": "on", "note": "", "reason": "renamed",
        "joined_at_0": f"{character.joined_at:%Y-%m-%d}", "joined_at_1": f"{character.joined_at:%H:%M:%S}",
        "initial-joined_at_0": f"{character.joined_at:%Y-%m-%d}",
        "initial-joined_at_1": f"{character.joined_at:%H:%M:%S}",
    }  # fmt: skip
    for inline in ("aliases", "ownerships", "rank_changes"):
        form |= {f"{inline}-TOTAL_FORMS": "0", f"{inline}-INITIAL_FORMS": "0"}
    done = browser.post(change, form)
    assert done.status_code == 302, done.content.decode()[-3000:]
    character.refresh_from_db()
    assert (character.name, character.character_class) == ("Aelindra", "Shadow Knight")
    assert character.aliases.get().name == "Aeli"
    refused = browser.post(change, {**form, "name": "Borel"})
    assert "called Borel already" in refused.content.decode()


def test_many_get_a_rank_and_lose_it_again(browser: Client, guild: dict[str, Any]) -> None:
    elder = create_rank(name="Elder", order=1, actor=None)
    act(browser, "roster_character", f"give_rank_{elder.pk}", guild["characters"])
    assert set(Character.objects.values_list("rank__name", flat=True)) == {"Elder"}
    act(browser, "roster_rankchange", "undo", RankChange.objects.filter(to_rank=elder))
    assert set(Character.objects.values_list("rank__name", flat=True)) == {"Raider"}


def test_a_pool_and_a_rule_are_kept(browser: Client, guild: dict[str, Any]) -> None:
    pool = {
        "name": "Luclin", "description": "", "is_active": "on", "decimal_places": "2", "alt_policy": "full",
        "alt_share_percent": "100", "start_points": "0",
    }  # fmt: skip
    assert browser.post(reverse("admin:points_dkppool_add"), pool).status_code == 302
    again = browser.post(reverse("admin:points_dkppool_add"), pool)
    assert "called Luclin already" in again.content.decode()
    rule = {
        "name": "decay", "pool": guild["pool"].pk, "kind": "decay_percent", "percent": "10", "period": "month",
        "days": "30", "scope": "all", "is_active": "on",
    }  # fmt: skip
    assert browser.post(reverse("admin:points_pointrule_add"), rule).status_code == 302
    assert browser.post(reverse("admin:points_pointrule_add"), {**rule, "name": "x", "percent": "0"}).status_code == 200


def test_only_administrators_revoke_keys_of_others(browser: Client, guild: dict[str, Any]) -> None:
    key = APIKey.objects.get()
    page = browser.get(reverse("admin:accounts_apikey_change", args=[key.pk])).content.decode()
    assert key.key_hash not in page
    act(browser, "accounts_apikey", "revoke", [key])
    assert APIKey.objects.get().revoked_at is None
    User.objects.filter(pk=guild["officer"].pk).update(is_superuser=True)
    act(browser, "accounts_apikey", "revoke", [key])
    assert APIKey.objects.get().revoked_at is not None


def test_an_amount_has_a_box_that_can_be_seen(browser: Client, guild: dict[str, Any]) -> None:
    for name in ("points_pointadjustment", "points_dkppool", "points_pointrule", "raids_event"):
        form = browser.get(reverse(f"admin:{name}_add")).context["adminform"].form
        amounts = [
            field for field in form.visible_fields() if field.name in ("amount", "start_points", "default_points")
        ]
        assert amounts, name
        assert all("border" in field.field.widget.attrs.get("class", "") for field in amounts), name


def test_the_admin_takes_no_control_character(browser: Client, guild: dict[str, Any]) -> None:
    page = browser.post(reverse("admin:roster_rank_add"), {"name": "Rai\x01der", "order": "7"})
    assert page.status_code == 200
    assert "There is a control character in it" in page.content.decode()
    assert not Rank.objects.filter(order=7).exists()
