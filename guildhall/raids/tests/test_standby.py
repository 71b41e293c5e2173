"""The standby list of a raid: check in, off again, attendance for those on it; over the services and the API."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed
from guildhall.core.versions import StaleEdit
from guildhall.points.services import merge_people
from guildhall.points.verification import verify
from guildhall.raids import services
from guildhall.raids.models import Raid, RaidAttendance, Standby
from guildhall.raids.services import standby
from guildhall.raids.standby_selectors import open_for_check_in, standing_by
from guildhall.raids.versions import standby_version
from guildhall.roster.services import create_character, reassign_character

from .api_client import client_of
from .scenario import balance, character, officer, person, raid

pytestmark = pytest.mark.django_db

MEMBER = ["raids:read", "raids:signup"]


def names(night: Raid) -> list[str]:
    return [row.character_name for row in standing_by(night.pk)]


def errors(response: Any) -> list[tuple[str, str | None]]:
    return [(one["code"], one["attr"]) for one in response.json()["errors"]]


def test_somebody_checks_in_once_with_the_character_they_named_last() -> None:
    aelric, night = person("Aelric", "Dawn"), raid(ended_at=None)
    first = standby.check_in(raid=night, person=aelric, actor=aelric)
    again = standby.check_in(raid=night, character=character("Aelric"), actor=aelric)
    assert (again.pk, again.source, again.created_by) == (first.pk, "self", aelric)
    other = standby.check_in(raid=night, character=character("Dawn"), actor=aelric)
    assert (other.pk, other.since, names(night)) == (first.pk, first.since, ["Dawn"])
    assert Standby.objects.count() == 1


def test_members_check_themselves_in_alone_and_while_the_raid_is_planned_or_running() -> None:
    aelric, borin = person("Aelric"), person("Borin")
    coming = raid(ago=dt.timedelta(hours=-5))
    standby.check_in(raid=coming, person=aelric, actor=aelric)
    assert coming.state == Raid.State.PLANNED
    assert names(coming) == ["Aelric"]
    with pytest.raises(NotAllowed, match="not yours"):
        standby.check_in(raid=coming, character=character("Borin"), actor=aelric)
    with pytest.raises(NotAllowed, match="Only officers"):
        standby.take_off(standby=standing_by(coming.pk)[0], actor=borin)
    over = raid()
    services.close_raid(raid=over, actor=None, anyway=True)
    with pytest.raises(Conflict) as refused:
        standby.check_in(raid=over, person=aelric, actor=aelric)
    assert refused.value.code == "raid_over"
    standby.check_in(raid=over, person=aelric, source="officer", actor=officer())  # what was, is written down later
    services.cancel_raid(raid=coming, actor=None)
    for source in ("self", "officer", "chat"):
        with pytest.raises(Conflict) as refused:
            standby.check_in(raid=coming, person=aelric, source=source, actor=aelric)
        assert refused.value.code == "raid_cancelled"
    services.reverse_raid(raid=over, actor=None, reason="wrong")
    with pytest.raises(Conflict) as refused:
        standby.check_in(raid=over, person=aelric, source="chat", actor=None)
    assert refused.value.code == "raid_reversed"


def test_what_chat_says_has_the_time_of_its_line_and_is_never_to_come() -> None:
    aelric, night = person("Aelric"), raid()
    at = clock.now() - dt.timedelta(minutes=40)
    row = standby.check_in(raid=night, character=character("Aelric"), source="chat", at=at, actor=None)
    assert (row.since, row.source, row.user) == (at, "chat", aelric)
    person("Borin")
    late = clock.now() + dt.timedelta(days=1)
    row = standby.check_in(raid=night, character=character("Borin"), source="chat", at=late, actor=None)
    assert row.since <= clock.now()


def test_what_says_nobody_is_refused() -> None:
    night = raid()
    with pytest.raises(BadInput, match="Say who stands by"):
        standby.check_in(raid=night, source="officer", actor=None)
    with pytest.raises(BadInput, match="has no character"):
        standby.check_in(raid=night, person=officer("Nobody"), source="officer", actor=None)
    with pytest.raises(BadInput, match="Say who says so"):
        standby.check_in(raid=night, person=person("Aelric"), source="rumour", actor=None)


def test_off_and_back_again_keeps_since_when_and_stays_on_record() -> None:
    aelric, leader, night = person("Aelric"), officer(), raid()
    row = standby.check_in(raid=night, person=aelric, actor=aelric)
    off = standby.take_off(standby=row, actor=leader, for_others=True)
    assert (off.ended_by, names(night)) == (leader, [])
    assert standby.take_off(standby=row, actor=aelric).ended_by == leader
    back = standby.put_back(standby=row, actor=leader, for_others=True)
    assert (back.since, back.ended_by, names(night)) == (row.since, None, ["Aelric"])
    standby.take_off(standby=row, actor=aelric)
    standby.check_in(raid=night, person=aelric, actor=aelric)
    with pytest.raises(Conflict) as refused:
        standby.put_back(standby=row, actor=aelric)
    assert refused.value.code == "on_standby"
    assert Standby.objects.count() == 2


def test_a_character_of_nobody_stands_by_and_is_its_owners_once_it_has_one() -> None:
    night, leader = raid(), officer()
    lost = create_character(name="Lost", user=None)
    row = standby.check_in(raid=night, character=lost, source="chat", actor=None)
    assert row.user is None
    aelric = person("Aelric")
    reassign_character(character=lost, user=aelric, actor=leader, reason="hers")
    same = standby.check_in(raid=night, person=aelric, actor=aelric)
    assert (same.pk, same.user, names(night)) == (row.pk, aelric, ["Aelric"])


def test_the_database_refuses_a_person_twice() -> None:
    aelric, night = person("Aelric"), raid()
    row = standby.check_in(raid=night, person=aelric, actor=aelric)
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        Standby.objects.update(ended_at=clock.now())


@pytest.mark.every_database
def test_two_who_are_one_stand_by_once_since_the_earlier() -> None:
    aelric, borin, night = person("Aelric"), person("Borin"), raid()
    early, late = clock.now() - dt.timedelta(hours=1), clock.now() - dt.timedelta(minutes=5)
    standby.check_in(raid=night, person=aelric, source="chat", at=late, actor=None)
    standby.check_in(raid=night, person=borin, source="chat", at=early, actor=None)
    elsewhere = raid()
    standby.check_in(raid=elsewhere, person=borin, source="chat", at=early, actor=None)
    merge_people(source=borin, target=aelric, actor=None, reason="one person")
    assert [(row.user_id, row.since) for row in standing_by(night.pk)] == [(aelric.pk, early)]
    assert [row.user_id for row in standing_by(elsewhere.pk)] == [aelric.pk]
    assert not Standby.objects.filter(user=borin).exists()


@pytest.mark.every_database
def test_those_on_standby_are_marked_at_a_check_once_and_earn_the_share() -> None:
    services.set_status_share(status="standby", percent=50, actor=None)
    aelric, borin, cedra, night = person("Aelric"), person("Borin"), person("Cedra"), raid()
    check = night.checks.get()
    for one in (aelric, borin, cedra):
        standby.check_in(raid=night, person=one, actor=one)
    services.award_attendance(raid=night, check=check, attendees=["Cedra"], actor=None)
    standby.take_off(standby=Standby.objects.get(user=borin), actor=borin)
    done = standby.mark_standby(raid=night, check=check, actor=None)
    assert ([one.character_name for one in done.awarded], len(done.already_present)) == (["Aelric"], 1)
    assert standby.mark_standby(raid=night, check=check, actor=None).awarded == []
    assert (balance(aelric), balance(borin), balance(cedra)) == (5, 0, 10)
    assert RaidAttendance.objects.get(user=aelric).status == "standby"
    with pytest.raises(BadInput) as refused:
        standby.mark_standby(raid=night, check=check, standby_ids=[Standby.objects.get(user=borin).pk], actor=None)
    assert refused.value.code == "nobody_on_standby"
    assert verify() == []


def test_members_are_shown_what_runs_and_what_begins_soon() -> None:
    aelric = person("Aelric")
    far, soon, now = raid(ago=dt.timedelta(days=-3)), raid(ago=dt.timedelta(hours=-2)), raid()
    done = raid()
    services.close_raid(raid=done, actor=None, anyway=True)
    row = standby.check_in(raid=now, person=aelric, actor=aelric)
    shown = open_for_check_in(aelric.pk)
    assert [(one.raid.pk, one.mine) for one in shown] == [(now.pk, row), (soon.pk, None)]
    assert [one.raid.pk for one in open_for_check_in(aelric.pk, raid_id=far.pk)] == [far.pk]
    assert open_for_check_in(aelric.pk, raid_id=done.pk) == []


def test_the_list_over_the_api() -> None:
    aelric, night = person("Aelric"), raid()
    person("Borin")
    path = f"/api/raids/{night.pk}/standby/"
    his, leader = client_of(aelric, scopes=MEMBER), client_of(scopes=["raids:read", "raids:write"])
    made = his.post(path, {}, headers={"Idempotency-Key": "a"})
    assert made.status_code == 201, made.content
    assert (made.json()["character_name"], made.json()["source"], made.json()["user_id"]) == (
        "Aelric",
        "self",
        aelric.pk,
    )
    assert his.post(path, {}, headers={"Idempotency-Key": "a"}).json() == made.json()
    assert errors(his.post(path, {"character_name": "Borin"})) == [("not_yours", None)]
    assert errors(his.post(path, {"source": "chat"})) == [("not_yours", None)]
    assert errors(his.post(path, {"since": "2026-01-01T00:00:00Z"})) == [("not_yours", None)]
    at = (clock.now() - dt.timedelta(minutes=9)).replace(microsecond=0)
    read = leader.post(path, {"character_name": "borin", "source": "chat", "since": at.isoformat()}).json()
    assert (read["source"], read["character_name"]) == ("chat", "Borin")
    assert [row["character_name"] for row in his.get(path).json()["results"]] == ["Borin", "Aelric"]
    assert errors(his.delete(f"{path}{read['id']}/")) == [("not_yours", None)]
    assert leader.delete(f"{path}{read['id']}/").json()["ended_at"] is not None
    assert len(his.get(path).json()["results"]) == 1
    assert len(his.get(path, {"all": "true"}).json()["results"]) == 2
    assert errors(his.delete(f"{path}999/")) == [("unknown_standby", None)]
    assert errors(leader.delete(f"/api/raids/{raid().pk}/standby/{read['id']}/")) == [("unknown_standby", None)]
    check = night.checks.get()
    assert his.post(f"{path}mark/", {"check": check.pk}).status_code == 403
    marked = leader.post(f"{path}mark/", {"check_id": check.pk}).json()
    assert [(row["character_name"], row["status"]) for row in marked["awarded"]] == [("Aelric", "standby")]
    assert his.delete(f"{path}{made.json()['id']}/").status_code == 200
    assert client_of(person("Reader"), scopes=["raids:read"]).post(path, {}).status_code == 403
    only_signs_up = client_of(aelric, scopes=["raids:signup"])
    assert [row["character_name"] for row in only_signs_up.get(path, {"all": "true"}).json()["results"]] == ["Aelric"]
    assert only_signs_up.get(path).json()["results"] == []


def test_a_press_on_a_list_that_changed_is_refused_and_names_how_it_stands() -> None:
    aelric, borin, night = person("Aelric", "Dawn"), person("Borin"), raid()
    first = standby.check_in(raid=night, person=aelric, actor=aelric)
    seen, all_seen = standby_version(first), standby_version(*standing_by(night.pk))
    standby.check_in(raid=night, person=borin, actor=borin)
    check = night.checks.get()
    with pytest.raises(StaleEdit, match="Aelric; Borin"):
        standby.mark_standby(raid=night, check=check, version=all_seen, actor=None)
    standby.take_off(standby=first, actor=None, for_others=True, version=seen)
    with pytest.raises(StaleEdit, match="Aelric, taken off"):
        standby.take_off(standby=first, actor=None, for_others=True, version=seen)
    with pytest.raises(StaleEdit, match="Aelric, taken off"):
        standby.mark_standby(raid=night, check=check, standby_ids=[first.pk], version=seen, actor=None)
    assert not RaidAttendance.objects.exists()
    done = standby.mark_standby(raid=night, check=check, version=standby_version(*standing_by(night.pk)), actor=None)
    assert [credit.character_name for credit in done.awarded] == ["Borin"]
