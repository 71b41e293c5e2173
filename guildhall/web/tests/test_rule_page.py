"""A point rule changed on its page: previewed, stored, refused where it is stale, and removed where it never ran."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from guildhall.points.models import PointRule
from guildhall.points.selectors import balance_of
from guildhall.points.services import create_rule, run_rule, update_pool, update_rule

from .conftest import Guild, token

pytestmark = pytest.mark.django_db


@pytest.fixture
def rule(guild: Guild) -> PointRule:
    return create_rule(
        name="Monthly decay", pool=guild.pool, kind="decay_percent", percent=10, period="month", actor=guild.officer
    )


def filled(page, **changed: object) -> dict[str, object]:
    """What the form sends where nothing is touched."""
    form = page.context["change"]
    values = {name: form[name].value() for name in form.fields}
    values["pool"] = getattr(values["pool"], "pk", values["pool"])
    version = re.search(r'name="version" value="([^"]+)"', page.content.decode())
    assert version
    sent = {name: value for name, value in values.items() if value not in (None, False)}
    return {"form": "change", "once": token(page), "version": version.group(1), **sent, **changed}


def test_a_rule_is_previewed_as_changed_and_then_stored(sign_in, guild: Guild, rule: PointRule) -> None:
    client, path = sign_in("officer"), f"/officers/rules/{rule.pk}/"
    sent = filled(client.get(path), percent="20", name="Heavy decay")
    preview = client.post(path, {**sent, "step": "preview"})
    text = preview.content.decode()
    assert preview.status_code == 200
    assert "takes 20.00 % of each balance" in text
    assert "−8.00" in text or "-8.00" in text  # of the officer's 40
    rule.refresh_from_db()
    assert (rule.name, rule.percent) == ("Monthly decay", Decimal(10))
    assert 'value="Heavy decay"' in text
    stored = client.post(path, {**sent, "step": "save"}, follow=True)
    assert "The rule Heavy decay is changed; what it did stays." in stored.content.decode()
    rule.refresh_from_db()
    assert (rule.name, rule.percent, rule.is_active) == ("Heavy decay", Decimal(20), True)


def test_another_kind_drops_the_figure_of_the_former_one(sign_in, guild: Guild, rule: PointRule) -> None:
    client, path = sign_in("officer"), f"/officers/rules/{rule.pk}/"
    sent = filled(client.get(path), kind="cap_upper", amount="30", step="save")
    client.post(path, sent)
    rule.refresh_from_db()
    assert (rule.kind, rule.percent, rule.amount) == ("cap_upper", None, Decimal(30))
    refused = client.post(path, filled(client.get(path), amount="", step="save"))
    assert refused.status_code == 400
    assert "Give the amount of points." in refused.content.decode()
    previewed = client.post(path, filled(client.get(path), amount="", step="preview"))
    assert previewed.status_code == 400
    assert "Give the amount of points." in previewed.content.decode()


def test_a_stale_change_is_refused_with_both_versions(sign_in, guild: Guild, rule: PointRule) -> None:
    client, path = sign_in("officer"), f"/officers/rules/{rule.pk}/"
    sent = filled(client.get(path), percent="20", step="save")
    update_rule(rule=rule, percent=15, name="Decay", actor=guild.recruiter)
    refused = client.post(path, sent)
    text = refused.content.decode()
    assert refused.status_code == 409
    assert "percent: “15” (you sent “20”)" in text
    assert "name: “Decay” (you sent “Monthly decay”)" in text
    rule.refresh_from_db()
    assert rule.percent == 15
    assert client.post(path, filled(refused, step="save")).status_code == 302
    rule.refresh_from_db()
    assert (rule.percent, rule.name) == (20, "Monthly decay")


def test_what_is_refused_for_another_reason_stays_opened_on_what_it_was(sign_in, guild: Guild, rule: PointRule) -> None:
    client, path = sign_in("officer"), f"/officers/rules/{rule.pk}/"
    sent = filled(client.get(path), percent="", step="save")
    update_rule(rule=rule, name="Decay", actor=guild.recruiter)
    refused = client.post(path, sent)
    assert "somebody else changed" in refused.content.decode() or refused.status_code == 400
    again = client.post(path, {**sent, "percent": "20"})
    assert again.status_code == 409
    assert "somebody else changed Decay" in again.content.decode()


def test_a_rule_that_never_ran_is_removed_and_one_that_ran_is_switched_off(
    sign_in, guild: Guild, rule: PointRule
) -> None:
    client, path = sign_in("officer"), f"/officers/rules/{rule.pk}/"
    update_pool(pool=guild.pool, name="Velious", actor=guild.officer)
    run_rule(rule=rule, actor=guild.officer)
    page = client.get(path)
    assert "To end it, switch it off above" in page.content.decode()
    refused = client.post(path, {"form": "remove", "once": token(page)})
    assert refused.status_code == 409
    assert "its runs stay on the record" in refused.content.decode()
    sent = filled(page, step="save")
    sent.pop("is_active")
    assert "It is off: it does not run." in client.post(path, sent, follow=True).content.decode()
    assert balance_of(user_id=guild.officer.pk, pool=guild.pool).balance == 36
    other = create_rule(name="Cap", pool=guild.pool, kind="cap_upper", amount=30, actor=guild.officer)
    path = f"/officers/rules/{other.pk}/"
    gone = client.post(path, {"form": "remove", "once": token(client.get(path))}, follow=True)
    assert "The rule Cap is removed; it never ran." in gone.content.decode()
    assert not PointRule.objects.filter(pk=other.pk).exists()
