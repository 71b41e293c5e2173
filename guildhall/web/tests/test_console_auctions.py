"""Auctions on the raid console: put up, closed now, awarded and taken back, by the services of the auctions page."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.accounts.models import PermissionGroup
from guildhall.accounts.services import give_group
from guildhall.auctions import services as auctions
from guildhall.auctions.models import BidSession, SessionWinner
from guildhall.auctions.services import BidRequest, NewSession, place_bid, save_policy, start_session
from guildhall.auctions.versions import winners_version
from guildhall.core import clock
from guildhall.loot.models import LootDistribution
from guildhall.points.verification import verify
from guildhall.raids import services
from guildhall.raids.models import Raid

from .conftest import Guild
from .test_console import has, press
from .test_undo import undo


@pytest.fixture
def raid(guild: Guild) -> Raid:
    event = services.create_event(name="Siege", pools=[guild.pool], default_points="10", actor=guild.officer)
    return services.create_raid(event=event, started_at=clock.now() - dt.timedelta(minutes=40), actor=guild.officer)


def bids_of(session: BidSession, guild: Guild) -> None:
    for who, amount in ((guild.recruiter, "9"), (guild.member, "12")):
        place_bid(session_id=session.pk, request=BidRequest(amount=amount), bidder=who, actor=who)


def award(client: Any, raid: Raid, session: BidSession, version: str = "") -> Any:
    seen = version or winners_version(session.winners.all())
    return press(client, raid, "run", session=str(session.pk), version=seen, step="award")


def test_an_item_is_put_up_for_bids_in_the_raid_with_the_guilds_defaults_and_called_off(
    sign_in, guild: Guild, raid: Raid
) -> None:
    save_policy(pool=guild.pool, actor=guild.officer, minimum_bid="3", duration_seconds=240)
    client, path = sign_in("officer"), f"/raids/{raid.pk}/console/"
    shown = client.get(path).content.decode()
    assert 'value="3.00"' in shown
    assert 'value="240"' in shown
    refused = press(client, raid, "auction", item_name="Crown", minimum_bid="3", duration_seconds="240")
    assert (refused.status_code, BidSession.objects.count()) == (400, 0)
    assert "it is new" in refused.content.decode()
    page = press(client, raid, "auction", item_name="Crown", is_new="1", minimum_bid="5", duration_seconds="")
    session = BidSession.objects.get()
    assert (session.raid, session.minimum_bid, session.ends_at - session.started_at) == (
        raid,
        5,
        dt.timedelta(minutes=4),
    )
    bids_of(session, guild)
    undo(client, page)
    session.refresh_from_db()
    assert session.status == "cancelled"
    assert verify() == []


def test_it_is_closed_now_and_awarded_with_one_press_and_the_award_is_taken_back(
    sign_in, guild: Guild, raid: Raid
) -> None:
    session = start_session(session=NewSession(item_name="Crown", raid=raid), actor=guild.officer)
    bids_of(session, guild)
    client = sign_in("officer")
    page = press(client, raid, "run", session=str(session.pk), step="close")
    assert "Crown is closed: Sorrel for 12.00" in page.content.decode()
    assert "owed to Sorrel for 12.00" in page.content.decode()
    page = award(client, raid, session)
    given = LootDistribution.objects.get()
    assert (given.raid, given.user) == (raid, guild.member)
    assert has(guild) == 13.5
    undo(client, page)
    assert has(guild) == 25.5
    assert SessionWinner.objects.get().state == "undone"
    assert "owed to Sorrel for 12.00" in client.get(f"/raids/{raid.pk}/console/").content.decode()
    again = award(client, raid, session)
    assert "Crown to Sorrel for 12.00" in again.content.decode()
    assert has(guild) == 13.5
    assert verify() == []


def test_what_another_officer_passed_on_meanwhile_is_not_awarded(sign_in, guild: Guild, raid: Raid) -> None:
    session = start_session(session=NewSession(item_name="Crown", raid=raid), actor=guild.officer)
    bids_of(session, guild)
    auctions.close_session(session_id=session.pk, actor=guild.officer)
    seen = winners_version(session.winners.all())
    auctions.pass_winner(session_id=session.pk, winner=guild.member, actor=guild.recruiter)
    client = sign_in("officer")
    stale = award(client, raid, session, seen)
    assert stale.status_code == 409
    assert "Nimwe for 9.00" in stale.content.decode()
    assert not LootDistribution.objects.exists()
    award(client, raid, session)
    assert LootDistribution.objects.get().user == guild.recruiter


def test_auctions_of_other_raids_stand_apart_and_are_not_run_from_here(sign_in, guild: Guild, raid: Raid) -> None:
    other = services.create_raid(event=raid.event, name="Elsewhere", started_at=clock.now(), actor=guild.officer)
    mine = start_session(session=NewSession(item_name="Crown", raid=raid), actor=guild.officer)
    theirs = start_session(session=NewSession(item_name="Orb", raid=other), actor=guild.officer)
    client = sign_in("officer")
    shown = client.get(f"/raids/{raid.pk}/console/").content.decode()
    of_raid, _, of_others = shown.partition('id="other-auctions"')
    assert "Crown" in of_raid
    assert f"run-{mine.pk}" in of_raid
    assert "Orb" not in of_raid
    assert "Elsewhere" in of_others
    assert f"run-{theirs.pk}" not in shown
    assert press(client, raid, "run", session=str(theirs.pk), step="close").status_code == 404
    theirs.refresh_from_db()
    assert theirs.status == "open"


def test_who_runs_no_auctions_opens_and_closes_none(sign_in, guild: Guild, raid: Raid) -> None:
    session = start_session(session=NewSession(item_name="Crown", raid=raid), actor=guild.officer)
    group = PermissionGroup.objects.get(name="Raid leader")
    group.scopes = [scope for scope in group.scopes if scope != "bidding:run"]
    group.save()
    give_group(user=guild.member, group=group, actor=None)
    client = sign_in("member")
    shown = client.get(f"/raids/{raid.pk}/console/").content.decode()
    assert "open-auction" not in shown
    assert f"run-{session.pk}" not in shown
    assert press(client, raid, "auction", item_name="Orb", is_new="1").status_code == 403
    assert press(client, raid, "run", session=str(session.pk), step="close").status_code == 403
    session.refresh_from_db()
    assert session.status == "open"
