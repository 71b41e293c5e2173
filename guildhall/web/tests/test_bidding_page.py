"""Officers see and change what auctions start with, and what is shown of losing bids, as the API does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from guildhall.auctions.models import BiddingPolicy, BiddingRule, Disclosure, TieBreak
from guildhall.auctions.services import NewSession, save_policy, save_rule, start_session, stored_rule
from guildhall.points.models import DKPPool
from guildhall.points.services import create_pool
from guildhall.roster.services import create_rank

from .conftest import Guild, version

GOOD = {
    "form": "policy", "once": "a-key", "mode": "sealed", "minimum_bid": "2", "increment": "5", "duration_seconds": "60",
    "anti_snipe_seconds": "10", "anti_snipe_limit": "3", "disclosure": "amounts", "tie_breaks": ["attendance", "roll"],
}  # fmt: skip


def browser(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def address(guild: Guild) -> str:
    return f"/officers/bidding/{guild.pool.pk}/"


def test_each_pool_is_listed_with_what_it_starts_with(guild: Guild, django_assert_max_num_queries: Any) -> None:
    second = create_pool(name="Luclin", actor=guild.officer)
    save_policy(pool=second, actor=guild.officer, mode="second_price", disclosure="all", tie_breaks=["roll"])
    client = browser(guild.officer)
    with django_assert_max_num_queries(6):
        page = client.get("/officers/bidding/").content.decode()
    for words in (
        "Velious",
        "as delivered",
        "Luclin",
        "every bid, with its bidder",
        "who won and at what price",
        "a roll",
    ):
        assert words in page
    assert 'href="/officers/bidding/"' in client.get("/").content.decode()


@pytest.mark.parametrize("role", ["recruiter", "member", "applicant", "guest"])
def test_it_is_for_officers(guild: Guild, role: str) -> None:
    client = browser(guild.person(role))
    assert client.get("/officers/bidding/").status_code == 403
    assert client.post(address(guild), GOOD).status_code == 403
    assert "/officers/bidding/" not in client.get("/").content.decode()
    assert not BiddingPolicy.objects.exists()


def test_a_guild_without_pools_is_told_to_make_one(guild: Guild) -> None:
    client = browser(guild.officer)
    DKPPool.objects.all().update(is_active=False)
    assert "closed" in client.get("/officers/bidding/").content.decode()


@pytest.mark.django_db
def test_an_empty_guild_is_told_to_make_a_pool() -> None:
    from guildhall.accounts.services import create_person

    page = browser(create_person(display_name="First", role_group="officer")).get("/officers/bidding/")
    assert "There is no pool yet" in page.content.decode()


def test_it_is_changed_and_a_running_auction_keeps_what_it_began_with(guild: Guild) -> None:
    running = start_session(session=NewSession(item_name="Cloak"), actor=guild.officer)
    client = browser(guild.officer)
    page = client.get(address(guild))
    assert all(f'value="{value}"' in page.content.decode() for value in Disclosure.values)
    assert client.post(address(guild), {**GOOD, **version(page, "policy")}).status_code == 302
    policy = BiddingPolicy.objects.get(pool=guild.pool)
    assert (policy.mode, policy.disclosure, policy.tie_breaks) == ("sealed", "amounts", ["attendance", "roll"])
    assert (policy.duration_seconds, policy.anti_snipe_limit, str(policy.increment)) == (60, 3, "5.00")
    assert policy.all_in_breaks_increment is False
    running.refresh_from_db()
    assert (running.mode, running.disclosure) == ("open", "winners")
    assert start_session(session=NewSession(item_name="Ring"), actor=guild.officer).disclosure == "amounts"
    assert "without names" in client.get("/officers/bidding/").content.decode()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("disclosure", "nothing", "none of the choices"),
        ("mode", "dutch", "none of the choices"),
        ("duration_seconds", "soon", "whole number"),
        ("duration_seconds", "1", "may be 5 to"),
        ("anti_snipe_seconds", "-1", "may be 0 to"),
        ("minimum_bid", "-1", ""),
        ("increment", "a lot", ""),
        ("increment", "1.005", ""),
        ("tie_breaks", ["coin"], "not a tie-break"),
    ],
)
def test_what_the_api_refuses_is_refused_here_and_what_was_typed_stays(
    guild: Guild, field: str, value: Any, words: str
) -> None:
    client = browser(guild.officer)
    answer = client.post(address(guild), {**GOOD, **version(client.get(address(guild)), "policy"), field: value})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert words in page
    assert 'aria-invalid="true"' in page
    assert 'value="60"' in page or field == "duration_seconds"
    assert f'value="{TieBreak.ATTENDANCE}" selected' in page or field == "tie_breaks"
    assert not BiddingPolicy.objects.exists()


def test_a_lower_sealed_bid_is_refused_in_the_words_of_the_page(guild: Guild) -> None:
    running = start_session(session=NewSession(item_name="Cloak", mode="sealed", minimum_bid=1), actor=guild.officer)
    client, path = browser(guild.member), f"/auctions/{running.pk}/"
    assert client.post(path, {"form": "change", "once": "a", "amount": "18"}).status_code == 302
    answer = client.post(path, {"form": "change", "once": "b", "amount": "3"})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "18.00 ranks above 3.00" in page
    for words in ("also if it is lower", "Change it", "Take it back"):  # in the refusal, and on the page beside it
        assert page.count(words) >= 2, words
    assert "“replace”" not in page
    assert 'value="3"' in page
    assert client.post(path, {"form": "change", "once": "c", "amount": "3", "replace": "1"}).status_code == 302
    assert '<b class="amount">3.00</b>' in client.get(path).content.decode()


def test_what_a_key_was_used_with_is_there_on_a_small_screen_too(guild: Guild) -> None:
    from guildhall.accounts.models import RoleGroup
    from guildhall.accounts.services import set_role_group

    set_role_group(user=guild.member, role_group=RoleGroup.RECRUITER, actor=guild.officer)
    page = browser(guild.member).get("/me/account/").content.decode()
    assert '<span class="narrow">with: ' in page


RULE = {
    "form": "rule", "once": "one", "name": "Alts pay little", "effect": "cap", "cap": "10", "character_kind": "alt",
    "position": "20", "is_active": "1", "item_categories": "weapon, armour,", "is_trial": "no",
}  # fmt: skip


def test_a_rule_is_made_changed_removed_and_taken_back_on_the_site(guild: Guild) -> None:
    client = browser(guild.officer)
    rank = create_rank(name="Raider", order=10, actor=guild.officer)
    page = client.get("/officers/bidding/").content.decode()
    assert "/admin/auctions" not in page
    assert 'href="/officers/bidding/rules/new/"' in page
    chosen = client.get(f"/officers/bidding/rules/new/?pool={guild.pool.pk}").content.decode()
    assert f'<option value="{guild.pool.pk}" selected>' in chosen
    new = "/officers/bidding/rules/new/"
    done = client.post(new, {**RULE, "pool": guild.pool.pk, "ranks": [rank.pk]}, follow=True).content.decode()
    assert "alts, of rank Raider, not on trial, bidding for weapon or armour" in done
    assert "may bid at most 10.00" in done
    made = BiddingRule.objects.get()
    assert (made.pool, made.position, made.is_trial, made.item_categories) == (
        guild.pool, 20, False, ["weapon", "armour"],
    )  # fmt: skip
    shown = client.get(f"/officers/bidding/rules/{made.pk}/")
    assert 'value="weapon, armour"' in shown.content.decode()
    path = f"/officers/bidding/rules/{made.pk}/"
    given = {
        **RULE,
        **version(shown, "rule"),
        "once": "two",
        "effect": "tier",
        "tier": "2",
        "cap": "",
        "attendance_below": "40.5",
        "roles": ["applicant"],
    }
    changed = client.post(path, {**given, "ranks": [rank.pk], "character_classes": ["Cleric"]}, follow=True)
    assert "with the role applicant" in changed.content.decode()
    made.refresh_from_db()
    assert (made.effect, made.tier, made.pool, str(made.attendance_below)) == ("tier", 2, None, "40.50")
    before = stored_rule(made)
    gone = client.post(path, {"form": "remove", "once": "three"}, follow=True)
    assert not BiddingRule.objects.exists()
    what = re.search(r'name="what" value="([^"]+)"', gone.content.decode())
    assert what, "undo stands beside the message"
    client.post("/undo/", {"form": "undo", "once": "four", "what": what.group(1)})
    assert stored_rule(BiddingRule.objects.get()) == before
    assert client.get(path).status_code == 404


def test_a_removed_rule_does_not_come_back_about_more_people_than_before(guild: Guild) -> None:
    client = browser(guild.officer)
    rank = create_rank(name="Raider", order=10, actor=guild.officer)
    made = save_rule(name="No raiders", effect="deny", ranks=[rank], pool=guild.pool, actor=guild.officer)
    gone = client.post(f"/officers/bidding/rules/{made.pk}/", {"form": "remove", "once": "a"}, follow=True)
    what = re.search(r'name="what" value="([^"]+)"', gone.content.decode())
    rank.delete()
    assert what
    answer = client.post("/undo/", {"form": "undo", "once": "b", "what": what.group(1)})
    assert answer.status_code == 409
    assert not BiddingRule.objects.exists(), "without its rank it would deny everybody"


@pytest.mark.parametrize("role", ["recruiter", "member"])
def test_rules_are_for_whoever_changes_points(guild: Guild, role: str) -> None:
    made = save_rule(name="No", effect="deny", actor=guild.officer)
    client = browser(guild.person(role))
    for path in ("/officers/bidding/rules/new/", f"/officers/bidding/rules/{made.pk}/"):
        assert client.post(path, RULE).status_code == 403
    assert client.post(f"/officers/bidding/rules/{made.pk}/", {"form": "remove", "once": "a"}).status_code == 403
    assert list(BiddingRule.objects.values_list("name", flat=True)) == ["No"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "Name the rule"),
        ("cap", "", "A cap needs its amount"),
        ("effect", "ban", "none of the choices"),
        ("attendance_below", "101", "0 to 100"),
        ("roles", ["king"], "none of the choices"),
        ("position", "40000", "out of range"),
    ],
)
def test_what_is_wrong_with_a_rule_stands_beside_its_field(guild: Guild, field: str, value: Any, words: str) -> None:
    answer = browser(guild.officer).post("/officers/bidding/rules/new/", {**RULE, field: value})
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert 'aria-invalid="true"' in answer.content.decode()
    assert not BiddingRule.objects.exists()
