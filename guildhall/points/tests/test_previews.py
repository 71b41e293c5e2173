"""What was previewed is what is posted; anything else is not posted, and the API says what it would be now."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from guildhall.core.previews import PreviewChanged
from guildhall.points import services
from guildhall.points.models import DKPPool, LedgerEntry, PointAdjustment, PointRule
from guildhall.roster.services import create_character


@pytest.fixture
def api(officer) -> APIClient:
    client = APIClient()
    client.force_authenticate(officer)
    return client


def entries() -> int:
    return LedgerEntry.objects.count()


def test_an_adjustment_that_was_changed_after_its_preview_is_not_posted(member, officer, pool) -> None:
    asked = {"user_ids": [member.pk], "pool": pool, "amount": "10", "reason": "Brought food"}
    digest = services.preview_adjustment(**asked).digest
    for change in ({"amount": "100"}, {"user_ids": [member.pk, officer.pk]}, {"reason": "Other"}, {"notes": "x"}):
        with pytest.raises(PreviewChanged) as refused:
            services.adjust_points(**{**asked, **change}, digest=digest, actor=officer)
        assert refused.value.input_changed
    assert entries() == 0
    services.adjust_points(**asked, digest=digest, actor=officer)
    assert entries() == 1


def test_an_adjustment_is_not_posted_on_other_balances_than_were_shown(member, officer, pool) -> None:
    asked = {"user_ids": [member.pk], "pool": pool, "amount": "10", "reason": "Brought food"}
    digest = services.preview_adjustment(**asked).digest
    services.adjust_points(user_ids=[member.pk], pool=pool, amount="1", reason="Somebody else", actor=officer)
    with pytest.raises(PreviewChanged) as refused:
        services.adjust_points(**asked, digest=digest, actor=officer)
    assert not refused.value.input_changed
    assert entries() == 1


def test_the_api_previews_an_adjustment_and_answers_409_with_the_new_preview(api, member, officer, pool) -> None:
    body = {"user_ids": [member.pk, officer.pk], "dkp_pool_id": pool.pk, "amount": "10", "reason": "Brought food"}
    seen = api.post("/api/points/adjustments/", {**body, "preview": True}, format="json")
    assert seen.status_code == 200, seen.data
    assert (seen.data["people"], entries()) == (2, 0)
    changed = api.post(
        "/api/points/adjustments/", {**body, "amount": "100", "digest": seen.data["digest"]}, format="json"
    )
    assert changed.status_code == 409, changed.data
    problem = changed.data["errors"][0]
    assert problem["code"] == "preview_changed"
    assert problem["figures"]["preview"]["amount"] == "100.00"
    assert entries() == 0
    again = {**body, "amount": "100", "digest": problem["figures"]["digest"]}
    assert api.post("/api/points/adjustments/", again, format="json").status_code == 201
    assert entries() == 2


def test_a_refusal_is_kept_under_its_idempotency_key_and_posts_nothing(api, member, pool) -> None:
    body = {"user_id": member.pk, "dkp_pool_id": pool.pk, "amount": "10", "reason": "x", "digest": "old.old"}
    for _ in range(2):
        refused = api.post("/api/points/adjustments/", body, format="json", headers={"Idempotency-Key": "k1"})
        assert (refused.status_code, entries()) == (409, 0)


def test_a_bot_that_never_previews_goes_on_working(api, member, pool) -> None:
    body = {"user_id": member.pk, "dkp_pool_id": pool.pk, "amount": "10", "reason": "Brought food"}
    assert api.post("/api/points/adjustments/", body, format="json").status_code == 201


@pytest.fixture
def decay(pool, member, officer) -> PointRule:
    services.adjust_points(user_ids=[member.pk], pool=pool, amount="100", reason="Start", actor=officer)
    return services.create_rule(
        name="Decay", pool=pool, kind=PointRule.Kind.DECAY_PERCENT, percent=Decimal(10), actor=officer
    )


def test_a_rule_runs_as_it_was_previewed_or_not_at_all(api, decay, member, officer, pool) -> None:
    seen = api.get(f"/api/points/rules/{decay.pk}/preview/").data
    services.adjust_points(user_ids=[member.pk], pool=pool, amount="50", reason="Raid", actor=officer)
    refused = api.post(f"/api/points/rules/{decay.pk}/run/", {"digest": seen["digest"]}, format="json")
    assert refused.status_code == 409, refused.data
    now = refused.data["errors"][0]["figures"]
    assert now["preview"]["total"] == "-15.00"
    services.update_rule(rule=decay, percent=Decimal(20), actor=officer)
    refused = api.post(f"/api/points/rules/{decay.pk}/run/", {"digest": now["digest"]}, format="json")
    assert refused.data["errors"][0]["code"] == "preview_changed"
    digest = refused.data["errors"][0]["figures"]["digest"]
    done = api.post(f"/api/points/rules/{decay.pk}/run/", {"digest": digest}, format="json")
    assert (done.status_code, done.data["total"]) == (201, "-30.00")


def test_start_points_go_to_whom_they_were_shown_for(api, member, officer, pool) -> None:
    DKPPool.objects.filter(pk=pool.pk).update(start_points=500)
    path = f"/api/dkp-pools/{pool.pk}/start-points/"
    seen = api.get(path).data
    given = services.adjust_points(user_ids=[member.pk], pool=pool, amount="5", reason="Start points", actor=officer)
    PointAdjustment.objects.filter(pk=given[0].pk).update(is_start_points=True)  # given to one of them meanwhile
    refused = api.post(path, {"digest": seen["digest"]}, format="json")
    assert refused.status_code == 409
    now = refused.data["errors"][0]["figures"]
    assert member.pk not in now["preview"]["user_ids"]
    assert api.post(path, {"digest": now["digest"]}, format="json").status_code == 200


def test_a_merge_moves_what_was_shown(api, member, officer, pool) -> None:
    services.adjust_points(user_ids=[member.pk], pool=pool, amount="100", reason="Start", actor=officer)
    body = {"source_user_id": member.pk, "reason": "the same person"}
    path = f"/api/users/{officer.pk}/merge/"
    seen = api.post(path, {**body, "preview": True}, format="json").data
    create_character(name="Latecomer", user=member, actor=officer)
    refused = api.post(path, {**body, "digest": seen["digest"]}, format="json")
    assert refused.status_code == 409, refused.data
    now = refused.data["errors"][0]["figures"]
    assert now["preview"]["characters"] == ["Latecomer"]
    assert api.post(path, {**body, "digest": now["digest"]}, format="json").data["merged"] is True
