"""Both sites side by side: what becomes here of dates and sign-ups that the old calendar drops, moves and withdraws."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.eqdkp.undo import undo_import
from guildhall.raids.calendar.services import answer_date, call_off
from guildhall.raids.models import CalendarEvent, CalendarSignup
from guildhall.roster.models import Character

from .importing import bring, equal, ours, problems
from .maker import LegacyGuild, sample_guild

pytestmark = [pytest.mark.django_db, pytest.mark.every_database]
Status = CalendarSignup.Status
NOW = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)  # the sample's date is in 2029
SIGNUPS, DATES = "calendar_raid_attendees", "calendar_events"


@pytest.fixture
def time() -> Iterator[clock.FrozenClock]:
    with clock.frozen(NOW) as moment:
        yield moment


@pytest.fixture
def old(tmp_path: Path, time: clock.FrozenClock) -> LegacyGuild:
    """The sample guild, brought an hour ago."""
    guild = sample_guild()
    equal(bring(guild, tmp_path))
    time.advance(dt.timedelta(hours=1))
    return guild


def answers() -> dict[str, int]:
    return dict(CalendarSignup.objects.values_list("character__name", "status"))


def member(number: int) -> Character:
    return Character.objects.get(pk=ours("member", number))


def test_a_sign_up_given_anew_takes_the_old_ones_place_and_gives_it_back(old: LegacyGuild, tmp_path: Path) -> None:
    row = old.tables[SIGNUPS][0]
    before = list(CalendarSignup.objects.values())
    row.update(id=77, signup_status="2", note="late")
    later = bring(old, tmp_path)
    one = CalendarSignup.objects.exclude(character=None).get()
    assert (one.status, one.note) == (Status.SIGNED_OFF, "late")
    counts = later.report["tables"][SIGNUPS]["counts"]
    assert (counts["gone"], counts["changed"], counts["new"]) == (1, 1, 0)
    equal(again := bring(old, tmp_path))
    assert again.report["tables"][SIGNUPS]["counts"]["same"] == 1
    undo_import(run=again)
    undo_import(run=later)
    assert list(CalendarSignup.objects.values()) == before


def test_a_sign_up_deleted_there_is_not_signed_here_until_it_comes_back(old: LegacyGuild, tmp_path: Path) -> None:
    name = member(1).name
    assert answers()[name] == Status.CONFIRMED
    row = old.tables[SIGNUPS].pop()
    later = bring(old, tmp_path)
    assert answers()[name] == Status.NOT_SIGNED
    old.tables[SIGNUPS].append(row)
    back = bring(old, tmp_path)
    assert answers()[name] == Status.CONFIRMED
    undo_import(run=back)
    assert answers()[name] == Status.NOT_SIGNED
    undo_import(run=later)
    assert answers()[name] == Status.CONFIRMED


def test_an_answer_given_here_stands(old: LegacyGuild, tmp_path: Path, time: clock.FrozenClock) -> None:
    date, officer = CalendarEvent.objects.get(), User.objects.first()
    assert officer is not None
    answer_date(date=date, character=member(1), status=Status.BACKUP, actor=officer, for_others=True)
    other = Character.objects.exclude(user=member(1).user).exclude(user=None).first()
    assert other is not None
    answer_date(date=date, character=other, status=Status.SIGNED_OFF, actor=officer, for_others=True)
    time.advance(dt.timedelta(hours=1))
    row = old.tables[SIGNUPS].pop()
    number = next(n for n in range(1, 10) if ours("member", n) == other.pk)
    old.tables[SIGNUPS].append({**row, "id": 78, "member_id": number, "signup_status": "1"})
    equal(bring(old, tmp_path))
    assert answers()[member(1).name] == Status.BACKUP
    assert answers()[other.name] == Status.SIGNED_OFF
    assert (SIGNUPS, "78", "answered_here") in problems()


def test_two_rows_for_one_character_in_two_imports_are_one_answer(old: LegacyGuild, tmp_path: Path) -> None:
    row = old.tables[SIGNUPS][0]
    old.tables[SIGNUPS].append({**row, "id": 79, "signup_status": "2"})
    equal(bring(old, tmp_path))
    assert answers()[member(1).name] == Status.CONFIRMED
    assert (SIGNUPS, "79", "signed_twice") in problems()


def test_a_date_deleted_there_is_called_off_here_until_it_comes_back(old: LegacyGuild, tmp_path: Path) -> None:
    rows = {name: old.tables[name] for name in (DATES, SIGNUPS)}
    old.tables.update({DATES: [], SIGNUPS: []})
    later = bring(old, tmp_path)
    date = CalendarEvent.objects.get()
    assert date.cancelled_at == later.created_at
    old.tables.update(rows)
    equal(bring(old, tmp_path))
    date.refresh_from_db()
    assert date.cancelled_at is None
    assert answers()[member(1).name] == Status.CONFIRMED


def test_a_date_that_was_called_off_here_stays_so(old: LegacyGuild, tmp_path: Path) -> None:
    actor = User.objects.first()
    assert actor is not None
    when = call_off(date=CalendarEvent.objects.get(), actor=actor).cancelled_at
    rows = old.tables[DATES]
    for there in ([], rows):
        old.tables[DATES] = there
        bring(old, tmp_path)
        assert CalendarEvent.objects.get().cancelled_at == when


def test_what_is_past_stays_as_history(old: LegacyGuild, tmp_path: Path, time: clock.FrozenClock) -> None:
    before = list(CalendarSignup.objects.values()), list(CalendarEvent.objects.values())
    time.advance(dt.timedelta(days=3650))
    old.tables.update({DATES: [], SIGNUPS: [], "calendar_raid_guests": []})
    bring(old, tmp_path)
    assert (list(CalendarSignup.objects.values()), list(CalendarEvent.objects.values())) == before


def test_a_dry_run_says_the_same_and_changes_nothing(old: LegacyGuild, tmp_path: Path) -> None:
    old.tables[SIGNUPS][0].update(id=80)
    before = list(CalendarSignup.objects.values())
    dry = bring(old, tmp_path, commit=False).report["tables"][SIGNUPS]["counts"]
    assert list(CalendarSignup.objects.values()) == before
    assert bring(old, tmp_path).report["tables"][SIGNUPS]["counts"] == dry


def test_a_sign_up_given_anew_only_later_can_be_taken_back_alone(old: LegacyGuild, tmp_path: Path) -> None:
    row = old.tables[SIGNUPS].pop()
    bring(old, tmp_path)
    between = list(CalendarSignup.objects.values())
    old.tables[SIGNUPS].append({**row, "id": 81, "note": "back"})
    undo_import(run=bring(old, tmp_path))
    assert list(CalendarSignup.objects.values()) == between
