"""Loot in the log on the raid console: awarded, passed over and taken back with one press; a stale press is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.accounts.models import PermissionGroup
from guildhall.accounts.services import give_group
from guildhall.core import clock
from guildhall.loot.models import LootDistribution
from guildhall.loot.services import NewAward, award_item
from guildhall.points.selectors import balance_of
from guildhall.raids.log_models import LogFinding
from guildhall.raids.models import Raid

from .conftest import Guild
from .test_console import press
from .test_console import raid as _raid
from .test_undo import undo

raid = _raid


@pytest.fixture
def line(guild: Guild, raid: Raid) -> LogFinding:
    return LogFinding.objects.create(
        raid=raid, kind="loot", at=raid.started_at, item="Cloak of Flames", character_name="Sorrel", name_key="sorrel", how="looted"
    )  # fmt: skip


def award(client: Any, raid: Raid, line: LogFinding, **values: str) -> Any:
    given = {"item_name": line.item, "character_name": line.character_name, "points_spent": "5", "step": "award"}
    return press(client, raid, "log-loot", finding=str(line.pk), **{**given, **values})


def shown(client: Any, raid: Raid) -> str:
    return client.get(f"/raids/{raid.pk}/console/").text


def test_a_line_is_awarded_with_the_usual_price_and_undone(sign_in, guild: Guild, raid: Raid, line: LogFinding) -> None:
    with clock.frozen(clock.now() - dt.timedelta(days=9)):
        award_item(award=NewAward(item_name="Cloak of Flames", character_name="Nimwe", points_spent="7"), actor=None)
    client = sign_in("officer")
    assert 'value="7.00"' in shown(client, raid)
    page = award(client, raid, line, points_spent="7.00")
    assert "Cloak of Flames to Sorrel for 7.00." in page.text
    assert '<span class="tag good">awarded</span>' in page.text
    again = award(client, raid, line)
    assert again.status_code == 409
    assert "this is awarded already: Cloak of Flames to Sorrel for 7.00" in again.text
    assert LootDistribution.objects.filter(raid=raid).count() == 1
    undo(client, page)
    assert balance_of(user_id=guild.member.pk, pool=guild.pool).balance == 35.5
    assert "to decide" in shown(client, raid)


def test_a_line_is_passed_over_and_taken_back_by_undo_and_by_its_button(sign_in, guild, raid, line) -> None:
    client = sign_in("officer")
    page = press(client, raid, "log-loot", finding=str(line.pk), step="dismiss")
    assert "Cloak of Flames of Sorrel is passed over." in page.text
    assert "Offer it again" in page.text
    undo(client, page)
    assert LogFinding.objects.get().state == "open"
    page = press(client, raid, "log-loot", finding=str(line.pk), step="dismiss")
    press(client, raid, "log-loot", finding=str(line.pk), step="again")
    undo(client, page)  # it is offered already: nothing happens to it
    assert LogFinding.objects.get().state == "open"


def test_what_is_typed_stays_and_a_doubt_is_asked(sign_in, guild: Guild, raid: Raid, line: LogFinding) -> None:
    client = sign_in("officer")
    page = award(client, raid, line, character_name="Brakkus", points_spent="12")
    assert page.status_code == 409
    assert "Brakkus is at no check of this raid." in page.text
    assert 'value="12"' in page.text
    assert 'name="anyway"' in page.text
    page = award(client, raid, line, item_name="Cloak of Flame")
    assert "No item is called “Cloak of Flame” yet." in page.text
    assert 'name="is_new"' in page.text
    award(client, raid, line, character_name="Brakkus", points_spent="12", anyway="1")
    assert LootDistribution.objects.get().character_name == "Brakkus"


def test_a_loot_officer_decides_and_who_gives_no_loot_does_not_see_it(sign_in, guild, raid, line) -> None:
    names = {"member": "Loot officer", "recruiter": "Treasurer"}
    for role, name in names.items():
        give_group(user=guild.person(role), group=PermissionGroup.objects.get(name=name), actor=None)
    client = sign_in("member")
    assert "Loot in the log" in shown(client, raid)
    award(client, raid, line)
    assert LootDistribution.objects.count() == 1
    other = sign_in("recruiter")
    sent = {"form": "log-loot", "once": "x", "finding": str(line.pk), "step": "again"}
    assert other.post(f"/raids/{raid.pk}/console/", sent).status_code == 403


def test_many_lines_cost_no_more_queries_than_one(sign_in, guild, raid, line, django_assert_max_num_queries) -> None:
    client = sign_in("officer")
    shown(client, raid)
    with django_assert_max_num_queries(200) as one:
        shown(client, raid)
    rows = [
        LogFinding(raid=raid, kind="loot", at=raid.started_at, item=f"Shard {n}", character_name="Sorrel", name_key="sorrel")
        for n in range(90)
    ]  # fmt: skip
    LogFinding.objects.bulk_create(rows)
    with django_assert_max_num_queries(len(one.captured_queries) + 1):  # one more asks for the revisions anew
        page = shown(client, raid)
    assert "31 more lines are not shown" in page
