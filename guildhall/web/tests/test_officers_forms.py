from __future__ import annotations

import pytest

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core.models import AuditEvent
from guildhall.points.models import LedgerEntry, PointRule
from guildhall.points.selectors import balance_of
from guildhall.points.services import update_rule

from .conftest import Guild, confirmed, token, version


def test_an_adjustment_is_previewed_then_posted(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    key = token(client.get("/officers/adjust/"))
    form = {"form": "adjust", "once": key, "pool": guild.pool.pk, "amount": "10", "reason": "Brought food",
            "names": "Sorrel, Brakkus"}  # fmt: skip
    preview = client.post("/officers/adjust/", {**form, "step": "preview"})
    assert "35.50" in preview.content.decode()
    assert balance_of(user_id=guild.member.pk, pool=guild.pool).balance == 25.5
    response = client.post("/officers/adjust/", {**form, **confirmed(preview), "step": "post"}, follow=True)
    assert "Posted 10.00 to 2 people" in response.content.decode()
    assert balance_of(user_id=guild.member.pk, pool=guild.pool).balance == 35.5


def test_pressing_twice_posts_once_and_says_so(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    form = {"form": "adjust", "once": token(client.get("/officers/adjust/")), "pool": guild.pool.pk, "amount": "10",
            "reason": "Brought food", "people": guild.member.pk}  # fmt: skip
    form |= {**confirmed(client.post("/officers/adjust/", form)), "step": "post"}
    client.post("/officers/adjust/", form)
    again = client.post("/officers/adjust/", form, follow=True)
    assert "done already" in again.content.decode()
    assert balance_of(user_id=guild.member.pk, pool=guild.pool).balance == 35.5


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("NaN", "finite number"),
        ("1000000000", "between"),
        ("1.234", "too many decimals"),
        ("ten", "not a number"),
        ("0", "changes nothing"),
        ("", "not a number"),
    ],
)
def test_a_bad_amount_is_refused_beside_the_field_and_nothing_typed_is_lost(
    sign_in, guild: Guild, amount: str, words: str
) -> None:
    client = sign_in("officer")
    entries = LedgerEntry.objects.count()
    form = {"form": "adjust", "once": token(client.get("/officers/adjust/")), "pool": guild.pool.pk, "amount": amount,
            "reason": "Brought food", "people": guild.member.pk}  # fmt: skip
    response = client.post("/officers/adjust/", form)
    page = response.content.decode()
    assert response.status_code == 400
    assert words in page
    assert 'role="alert"' in page
    assert 'value="Brought food"' in page
    assert LedgerEntry.objects.count() == entries


def test_a_form_that_was_refused_can_be_sent_again(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    form = {"form": "adjust", "once": token(client.get("/officers/adjust/")), "pool": guild.pool.pk, "amount": "5",
            "reason": "", "people": guild.member.pk}  # fmt: skip
    refused = client.post("/officers/adjust/", form)
    assert refused.status_code == 400
    form["reason"] = "Now with one"
    preview = client.post("/officers/adjust/", form)
    response = client.post("/officers/adjust/", {**form, **confirmed(preview), "step": "post"})
    assert response.status_code == 302


def test_an_unknown_name_is_named_with_what_was_probably_meant(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    form = {"form": "adjust", "once": token(client.get("/officers/adjust/")), "pool": guild.pool.pk, "amount": "5",
            "reason": "x", "names": "Sorell"}  # fmt: skip
    page = client.post("/officers/adjust/", form).content.decode()
    assert "did you mean Sorrel" in page


def test_a_form_without_its_key_does_nothing(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    response = client.post("/officers/adjust/", {"form": "adjust", "step": "post"})
    assert response.status_code == 400
    assert "its key is missing" in response.content.decode()


def test_a_form_without_its_csrf_token_is_refused_in_words(guild: Guild) -> None:
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(guild.officer)
    response = client.post("/officers/adjust/", {"form": "adjust"})
    assert response.status_code == 403
    assert "Send it once more" in response.content.decode()


def test_a_movement_is_undone_with_its_reason_and_shown_struck_through(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    entry = LedgerEntry.objects.get(user=guild.member)
    path = f"/entries/{entry.pk}/reverse/"
    seen = confirmed(client.get(path))
    response = client.post(path, {"form": "", **seen, "reason": "Wrong person"}, follow=True)
    page = response.content.decode()
    assert 'class="reversed"' in page
    assert "Wrong person" in page
    assert "undone" in page
    again = client.post(path, {"form": "", **seen, "once": "another", "reason": "Once more"})
    assert again.status_code == 409
    assert "reversed already" in again.content.decode()


def test_a_member_cannot_undo_anything(sign_in, guild: Guild) -> None:
    entry = LedgerEntry.objects.get(user=guild.member)
    assert sign_in("member").get(f"/entries/{entry.pk}/reverse/").status_code == 403


def test_a_rule_is_made_previewed_run_and_undone(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    made = client.post(
        "/officers/rules/",
        {"form": "create", "once": token(client.get("/officers/rules/")), "name": "Monthly decay", "pool": guild.pool.pk,
         "kind": "decay_percent", "percent": "10", "period": "month", "scope": "all"},
        follow=True,
    )  # fmt: skip
    page = made.content.decode()
    assert "−4.00" in page
    rule = PointRule.objects.get()
    assert rule.as_text() in page
    assert rule.as_text() in client.get("/officers/rules/").content.decode()
    ran = client.post(f"/officers/rules/{rule.pk}/", {"form": "run", **confirmed(made)}, follow=True)
    assert "3 people" in ran.content.decode()
    assert balance_of(user_id=guild.officer.pk, pool=guild.pool).balance == 36
    run = rule.runs.get()
    undo = f"/officers/rules/runs/{run.pk}/undo/"
    # It runs once a month: what would be refused is not offered, here or on the list.
    path = f"/officers/rules/{rule.pk}/"
    assert f"It has run for {run.period_key}" in client.get(path).content.decode()
    assert "Run it for" not in client.get(path).content.decode()
    assert f"has run for {run.period_key}" in client.get("/officers/rules/").content.decode()
    client.post(undo, {"form": "", **confirmed(client.get(undo)), "reason": "Too early"})
    assert balance_of(user_id=guild.officer.pk, pool=guild.pool).balance == 40
    assert "Run it for" in client.get(path).content.decode()
    update_rule(rule=rule, is_active=False, actor=guild.officer)
    assert "Run it for" not in client.get(path).content.decode()
    update_rule(rule=rule, is_active=True, actor=guild.officer)


def test_a_second_run_in_the_same_period_is_refused_in_words(sign_in, guild: Guild) -> None:
    test_a_rule_is_made_previewed_run_and_undone(sign_in, guild)
    client = sign_in("officer")
    path = f"/officers/rules/{PointRule.objects.get().pk}/"
    seen = confirmed(client.get(path))
    client.post(path, {"form": "run", **seen, "once": "one"})
    response = client.post(path, {"form": "run", **seen, "once": "two"})
    assert response.status_code == 409
    assert "has been run for" in response.content.decode()


def test_an_officer_gives_a_role(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    path = f"/officers/people/{guild.guest.pk}/"
    response = client.post(
        path, {"form": "role", "once": token(client.get(path)), "role_group": "member", "reason": "Passed"}, follow=True
    )
    assert "is member now" in response.content.decode()
    assert User.objects.get(pk=guild.guest.pk).role_group == "member"


def test_the_last_officer_cannot_step_down(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    path = f"/officers/people/{guild.officer.pk}/"
    response = client.post(path, {"form": "role", "once": token(client.get(path)), "role_group": "member"})
    assert response.status_code == 403
    assert "last officer" in response.content.decode()


def test_a_pool_is_made_and_changed(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    fields = {"name": "Kunark", "decimal_places": "0", "alt_policy": "part", "alt_share_percent": "50",
              "start_points": "5", "is_active": "1"}  # fmt: skip
    made = client.post(
        "/officers/pools/", {"form": "create", "once": token(client.get("/officers/pools/")), **fields}, follow=True
    )
    assert "The pool Kunark is made" in made.content.decode()
    taken = client.post("/officers/pools/", {"form": "create", "once": "again", **fields})
    assert taken.status_code == 409
    path = f"/officers/pools/{guild.pool.pk}/"
    page = client.get(path)
    client.post(path, {"form": "change", "once": token(page), **version(page, "change"), **fields, "name": "Luclin",
                       "decimal_places": "2"})  # fmt: skip
    guild.pool.refresh_from_db()
    assert guild.pool.name == "Luclin"


def test_two_accounts_of_one_person_become_one(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    path = f"/officers/people/{guild.member.pk}/"
    form = {"form": "merge", "once": token(client.get(path)), "source": guild.recruiter.pk, "reason": "Told us so"}
    preview = client.post(path, {**form, "step": "preview"})
    assert "1 entries" in preview.content.decode() or "1 entry" in preview.content.decode()
    client.post(path, {**form, **confirmed(preview), "step": "merge"})
    assert balance_of(user_id=guild.member.pk, pool=guild.pool).balance == 51


def test_the_audit_log_says_who_did_what(sign_in, guild: Guild) -> None:
    page = sign_in("officer").get("/officers/audit/?app=points").content.decode()
    assert "First raid" in page
    assert "points.adjust" in page


def test_an_officer_unlinks_a_discord_account_and_links_another(sign_in, guild: Guild) -> None:
    other = create_person(display_name="Somebody", discord_id="100000000000000111")
    officer = sign_in("officer")
    path = f"/officers/people/{other.pk}/"
    assert "Unlink" in officer.get(path).content.decode()
    officer.post(path, {"form": "discord", "once": token(officer.get(path)), "reason": "lost his account"}, follow=True)
    other.refresh_from_db()
    assert other.discord_id is None
    taken = create_person(display_name="Holder", discord_id="100000000000000222")
    refused = officer.post(path, {"form": "discord", "once": token(officer.get(path)), "discord_id": taken.discord_id})
    assert refused.status_code == 409
    assert "linked to Holder already" in refused.content.decode()
    wrong = officer.post(path, {"form": "discord", "once": token(officer.get(path)), "discord_id": "Somebody#1"})
    assert wrong.status_code == 400
    assert "Somebody#1" in wrong.content.decode(), "what was typed is still there"
    officer.post(path, {"form": "discord", "once": token(officer.get(path)), "discord_id": "100000000000000333"})
    other.refresh_from_db()
    assert other.discord_id == "100000000000000333"
    said = AuditEvent.objects.filter(action__startswith="discord.").order_by("pk").values_list("action", flat=True)
    assert list(said) == ["discord.unlink", "discord.link"]


@pytest.mark.parametrize(
    ("path", "form", "field"),
    [
        ("/officers/events/", {"form": "create", "default_points": "1"}, "name"),
        ("/officers/adjust/", {"form": "adjust", "amount": "1", "names": "Sorrel"}, "reason"),
        ("/officers/people/", {"form": "create", "role_group": "member"}, "display_name"),
        ("/me/keys/", {"form": "create", "scopes": "points:read"}, "name"),
        ("/apply/", {"form": "apply"}, "availability"),
    ],
)
def test_a_page_takes_no_control_character(sign_in, guild: Guild, path: str, form: dict[str, str], field: str) -> None:
    """Whatever the page: it says so beside the field, and nothing is stored."""
    client = sign_in("guest" if path == "/apply/" else "officer")
    page = client.get(path)
    assert page.status_code == 200
    before = AuditEvent.objects.count()
    sent = {**form, "once": token(page), "pools": guild.pool.pk, "pool": guild.pool.pk, field: "Ab\x01c"}
    response = client.post(path, sent)
    assert response.status_code == 400
    assert "There is a control character in it" in response.content.decode()
    assert AuditEvent.objects.count() == before
