"""Officers see and change what auctions start with, and what is shown of losing bids, as the API does."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from guildhall.auctions.models import BiddingPolicy, Disclosure, TieBreak
from guildhall.auctions.services import NewSession, save_policy, start_session
from guildhall.points.models import DKPPool
from guildhall.points.services import create_pool

from .conftest import Guild

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
    shown = client.get(address(guild)).content.decode()
    assert all(f'value="{value}"' in shown for value in Disclosure.values)
    assert client.post(address(guild), GOOD).status_code == 302
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
    answer = browser(guild.officer).post(address(guild), {**GOOD, field: value})
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
