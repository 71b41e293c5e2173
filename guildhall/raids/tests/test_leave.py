"""Leaves: raids within one are no part of a person's attendance, and nobody raises their own attendance by one afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from guildhall.accounts.models import User
from guildhall.accounts.services import get_or_create_bot
from guildhall.core import clock, outbox, revisions
from guildhall.core.errors import BadInput, Conflict, GuildhallError, NotAllowed
from guildhall.core.models import AuditEvent
from guildhall.points.hooks import attendance_30d, attendance_models
from guildhall.points.services import merge_people
from guildhall.raids import services
from guildhall.raids.attendance import Figure, attendance_of, counted_over, explain_attendance, figures, windows
from guildhall.raids.models import Leave, MemberAttendanceSummary, Raid, span_of_days

from .api_client import client_of
from .scenario import officer, person, pool, raid

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 12, 20, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
LEAVES = "/api/attendance/leaves/"


@pytest.fixture(autouse=True)
def held_clock() -> Iterator[clock.FrozenClock]:
    with clock.frozen(NOW) as handle:
        person("Filler")
        yield handle


def held(day: int, *people: str, hour: int = 20, month: int = 12) -> Raid:
    started = dt.datetime(2026, month, day, hour, tzinfo=dt.UTC)
    night = raid(1, ago=clock.now() - started)
    services.award_attendance(raid=night, attendees=people or ["Filler"], actor=None)
    return night


def on(day: int, month: int = 12) -> dt.date:
    return dt.date(2026, month, day)


def leave(user: User, first: int, last: int | None, **more: Any) -> Leave:
    """Written down by an officer."""
    return services.take_leave(
        user=user, starts_on=on(first), ends_on=on(last) if last else None, actor=officer(), for_others=True, **more
    )


def code_of(error: pytest.ExceptionInfo[GuildhallError]) -> str:
    return error.value.code


def test_raids_within_a_leave_count_neither_for_nor_against() -> None:
    aelric = person("Aelric")
    held(1, "Aelric"), held(3), held(10, "Aelric"), held(17), held(18)
    assert attendance_of(aelric.pk) == Figure(2, 5)
    leave(aelric, 3, 17)
    for days in (30, 60, None):
        assert attendance_of(aelric.pk, days=days) == Figure(1, 2)
    assert figures(days=30)[aelric.pk] == Figure(1, 2)
    assert windows()["30d"][aelric.pk] == windows()["lifetime"][aelric.pk] == Figure(1, 2)
    assert counted_over([aelric.pk], 30, pool()) == {aelric.pk: (1, 2)}
    assert attendance_30d([aelric.pk])[aelric.pk] == 50


def test_the_explanation_names_it() -> None:
    aelric = person("Aelric")
    held(1, "Aelric"), held(5), held(17, "Aelric"), held(18)
    leave(aelric, 3, 17)
    found = explain_attendance(aelric, days=30)
    assert found.figure == attendance_of(aelric.pk) == Figure(1, 2)
    assert [(row.attended, row.counts, row.reason) for row in found.raids] == [
        (False, True, ""),
        (True, False, "on leave from 3 to 17 December"),
        (False, False, "on leave from 3 to 17 December"),
        (True, True, ""),
    ]


def test_days_are_those_of_the_guilds_time_zone_and_both_are_included(settings: Any) -> None:
    settings.GUILD_TIME_ZONE = "America/New_York"
    aelric = person("Aelric")
    leave(aelric, 3, 4)
    held(3, hour=4), held(3, hour=5), held(5, hour=4), held(5, hour=5)  # New York is five hours behind
    assert [row.counts for row in explain_attendance(aelric).raids] == [True, False, False, True]


def test_an_open_end_goes_on() -> None:
    aelric = person("Aelric")
    held(1), held(5), held(19)
    leave(aelric, 3, None)
    assert attendance_of(aelric.pk) == Figure(0, 1)
    assert explain_attendance(aelric).raids[0].reason == "on leave since 3 December"


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (on(3), on(17), "from 3 to 17 December"),
        (on(28, 11), on(3), "from 28 November to 3 December"),
        (on(30), dt.date(2027, 1, 2), "from 30 December 2026 to 2 January 2027"),
        (on(3), on(3), "on 3 December"),
        (on(3), None, "since 3 December"),
    ],
)
def test_days_in_words(first: dt.date, last: dt.date | None, text: str) -> None:
    assert span_of_days(first, last) == text


def test_somebody_who_takes_it_themselves_cannot_undo_what_was(held_clock: clock.FrozenClock) -> None:
    aelric = person("Aelric")
    held(19), held(20, hour=10)  # missed: yesterday, and two hours ago
    for first in (on(19), on(1)):
        with pytest.raises(BadInput) as refused:
            services.take_leave(user=aelric, starts_on=first, actor=aelric)
        assert code_of(refused) == "in_past"
    services.take_leave(user=aelric, ends_on=on(24), actor=aelric)
    assert attendance_of(aelric.pk) == Figure(0, 2)  # today's raid was before they said so
    held_clock.advance(DAY)
    held(21, hour=10)
    assert attendance_of(aelric.pk) == Figure(0, 2)
    assert explain_attendance(aelric).raids[0].reason == "on leave from 20 to 24 December"


def test_what_has_passed_of_ones_own_leave_stays(held_clock: clock.FrozenClock) -> None:
    aelric = person("Aelric")
    mine = services.take_leave(user=aelric, ends_on=on(24), actor=aelric)
    held_clock.advance(2 * DAY)
    held(21)
    with pytest.raises(Conflict) as refused:
        services.change_leave(leave=mine, starts_on=on(22), actor=aelric)
    assert code_of(refused) == "leave_began"
    with pytest.raises(BadInput) as early:
        services.change_leave(leave=mine, ends_on=on(20), actor=aelric)
    assert code_of(early) == "in_past"
    assert services.change_leave(leave=mine, ends_on=on(23), actor=aelric).ends_on == on(23)
    assert services.end_leave(leave=mine, actor=aelric).counts_until == clock.now()
    held_clock.advance(DAY)
    held(22, hour=20)
    assert attendance_of(aelric.pk) == Figure(0, 1)
    for late in ({"ends_on": on(30)}, {"reason": "x"}):
        with pytest.raises(Conflict) as over:
            services.change_leave(leave=mine, actor=aelric, **late)
        assert code_of(over) == "leave_over"


def test_one_that_is_called_off_counts_for_nothing(held_clock: clock.FrozenClock) -> None:
    aelric = person("Aelric")
    mine = services.take_leave(user=aelric, starts_on=on(22), ends_on=on(24), actor=aelric)
    assert mine.state == "coming"
    assert services.end_leave(leave=mine, actor=aelric).state == "called_off"
    with pytest.raises(Conflict):
        services.end_leave(leave=mine, actor=aelric)
    services.take_leave(user=aelric, starts_on=on(21), ends_on=on(22), actor=aelric)  # in nobody's way
    held_clock.advance(4 * DAY)
    held(23)
    assert attendance_of(aelric.pk) == Figure(0, 1)


def test_an_officer_sets_anybodys_also_for_days_gone_by() -> None:
    aelric, borin, boss = person("Aelric"), person("Borin"), officer()
    held(1), held(5)
    written = services.take_leave(user=aelric, starts_on=on(4), ends_on=on(6), actor=boss, for_others=True)
    assert attendance_of(aelric.pk) == Figure(0, 1)
    with pytest.raises(NotAllowed):
        services.take_leave(user=aelric, actor=borin)
    with pytest.raises(NotAllowed):
        services.change_leave(leave=written, ends_on=None, actor=borin)
    with pytest.raises(NotAllowed):
        services.end_leave(leave=written, actor=borin)
    services.change_leave(leave=written, starts_on=on(1), actor=boss, for_others=True)
    assert attendance_of(aelric.pk) == Figure(0, 0)
    done = AuditEvent.objects.filter(action__startswith="raids.", target_type="raids.leave").order_by("pk")
    assert [row.action for row in done] == ["raids.take_leave", "raids.change_leave"]
    assert done[1].data["before"] == {"starts_on": "2026-12-04"}


@pytest.mark.parametrize(
    ("first", "last"), [(3, 17), (1, 3), (17, 20), (5, 6), (1, 30), (10, None), (1, None)], ids=str
)
def test_two_leaves_of_one_person_do_not_overlap(first: int, last: int | None) -> None:
    aelric, borin = person("Aelric"), person("Borin")
    leave(aelric, 3, 17)
    with pytest.raises(Conflict) as refused:
        leave(aelric, first, last)
    assert code_of(refused) == "leave_overlaps"
    leave(borin, first, last)
    leave(aelric, 1, 2)
    later = leave(aelric, 18, 19)
    with pytest.raises(Conflict):
        services.change_leave(leave=later, starts_on=on(17), actor=None, for_others=True)


def test_nothing_overlaps_an_open_end() -> None:
    aelric = person("Aelric")
    leave(aelric, 3, None)
    with pytest.raises(Conflict):
        leave(aelric, 18, 19)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"starts_on": on(24), "ends_on": on(23)}, "ends_before_start"),
        ({"starts_on": dt.date(1990, 1, 1)}, "out_of_range"),
        ({"ends_on": dt.date(9999, 12, 31)}, "out_of_range"),
        ({"reason": "x" * 301}, "reason_too_long"),
        ({"reason": "a\x07b"}, "control_character"),
        ({"reason": "a\x00b"}, "control_character"),
        ({"reason": "a\ud800b"}, "control_character"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], code: str) -> None:
    aelric, boss = person("Aelric"), officer()
    with pytest.raises(BadInput) as refused:
        services.take_leave(user=aelric, actor=boss, for_others=True, **given)
    assert code_of(refused) == code
    standing = leave(aelric, 21, 22)
    with pytest.raises(BadInput) as refused:
        services.change_leave(leave=standing, actor=boss, for_others=True, **given)
    assert Leave.objects.count() == 1


def test_a_bot_has_none() -> None:
    with pytest.raises(BadInput) as refused:
        services.take_leave(user=get_or_create_bot(name="helper"), actor=officer(), for_others=True)
    assert code_of(refused) == "not_a_person"


@pytest.mark.parametrize("moved", [{"ends_on": on(2)}, {"counts_until": NOW - 400 * DAY}], ids=str)
def test_the_database_holds_its_order(moved: dict[str, Any]) -> None:
    standing = leave(person("Aelric"), 3, 17)
    with pytest.raises(IntegrityError), transaction.atomic():
        Leave.objects.filter(pk=standing.pk).update(**moved)


def test_every_change_refreshes_the_summaries_and_the_etags() -> None:
    aelric = person("Aelric")
    held(1), held(5), held(10)

    def row() -> int:
        outbox.deliver_due()
        return MemberAttendanceSummary.objects.get(user=aelric).held_30d

    assert row() == 3
    tables = revisions.tables_of(*attendance_models())
    before = revisions.version(revisions.read(), tables)
    written = leave(aelric, 4, 6)
    assert row() == 2
    services.change_leave(leave=written, ends_on=None, actor=None, for_others=True)
    assert row() == 1
    services.change_leave(leave=written, ends_on=on(6), actor=None, for_others=True)
    assert row() == 2
    assert revisions.version(revisions.read(), tables) != before


def test_two_who_are_one_have_the_leaves_of_both() -> None:
    aelric, borin = person("Aelric"), person("Borin")
    held(1), held(5), held(10, "Borin"), held(15), held(18)
    leave(aelric, 4, 11), leave(borin, 9, 16)  # they overlap on the 10th
    merge_people(source=borin, target=aelric, actor=None, reason="one person")
    assert Leave.objects.filter(user=aelric).count() == 2
    assert attendance_of(aelric.pk) == explain_attendance(aelric).figure == Figure(0, 2)
    assert windows()["30d"][aelric.pk] == Figure(0, 2)


def test_leaves_cost_one_query_for_any_number() -> None:
    people = [person(f"Aelric{chr(97 + n)}") for n in range(4)]
    held(1), held(5)

    def cost() -> list[int]:
        costs = []
        for read in (lambda: figures(days=30), windows, lambda: explain_attendance(people[0])):
            with CaptureQueriesContext(connection) as queries:
                read()
            costs.append(len(queries))
        return costs

    # With it an officer, who has no character: their first raid is looked for by one query more.
    leave(people[0], 1, 2)
    before = cost()
    for one in people:
        leave(one, 3, 4), leave(one, 6, 7)
    assert cost() == before
    assert all(number <= most for number, most in zip(before, (6, 6, 6), strict=True))


# --- API ---------------------------------------------------------------------------------------------------------------


def errors(response: Any) -> list[tuple[str, str | None]]:
    return [(one["code"], one["attr"]) for one in response.json()["errors"]]


def test_a_member_takes_changes_and_ends_their_own() -> None:
    aelric, borin = person("Aelric"), person("Borin")
    api = client_of(aelric, scopes=["raids:read", "raids:signup"])
    made = api.post(LEAVES, {"starts_on": "2026-12-22", "ends_on": "2026-12-24", "reason": "travelling"})
    assert made.status_code == 201, made.content
    assert (made.json()["user_id"], made.json()["state"], made.json()["reason"]) == (aelric.pk, "coming", "travelling")
    one = f"{LEAVES}{made.json()['id']}/"
    assert api.patch(one, {"ends_on": None}).json()["ends_on"] is None
    assert errors(api.patch(one, {"starts_on": "2026-12-01"})) == [("in_past", "starts_on")]
    assert errors(api.post(LEAVES, {"starts_on": "2026-12-01"})) == [("in_past", "starts_on")]
    assert api.post(LEAVES, {"user_id": borin.pk}).status_code == 403
    other = client_of(borin, scopes=["raids:read", "raids:signup"])
    assert other.get(one).json()["reason"] is None
    assert other.patch(one, {"reason": "x"}).status_code == 403
    assert other.post(f"{one}end/").status_code == 403
    assert client_of(aelric, scopes=["raids:read"]).post(f"{one}end/").status_code == 403
    assert api.post(f"{one}end/").json()["state"] == "called_off"
    assert errors(api.post(f"{one}end/")) == [("leave_over", None)]
    assert api.get(f"{LEAVES}999999/").status_code == 404


def test_an_officer_writes_down_anybodys() -> None:
    aelric = person("Aelric")
    api = client_of()
    made = api.post(LEAVES, {"user_id": aelric.pk, "starts_on": "2026-12-01", "reason": "ill"})
    assert (made.status_code, made.json()["reason"]) == (201, "ill")
    assert errors(api.post(LEAVES, {"user_id": aelric.pk})) == [("leave_overlaps", "starts_on")]
    assert errors(api.post(LEAVES, {"user_id": 999_999}))[0][1] == "user_id"
    assert errors(api.post(LEAVES, {"user_id": aelric.pk, "reason": "a\x07b"})) == [("control_character", "reason")]
    narrow = client_of(officer("Narrow"), scopes=["raids:read", "raids:signup"])
    assert narrow.post(LEAVES, {"user_id": aelric.pk}).status_code == 403
    assert api.post(f"{LEAVES}{made.json()['id']}/end/").json()["state"] == "over"


def test_the_list_is_filtered_and_ordered() -> None:
    aelric, borin = person("Aelric"), person("Borin")
    first, second = leave(aelric, 3, 17), leave(aelric, 19, 24)
    third = leave(borin, 20, None, reason="secret")
    api = client_of(aelric)

    def ids(query: str) -> list[int]:
        return [row["id"] for row in api.get(f"{LEAVES}?{query}").json()["results"]]

    assert ids("") == [third.pk, second.pk, first.pk]
    assert ids(f"user_id={aelric.pk}&ordering=starts_on") == [first.pk, second.pk]
    assert ids("current=true&ordering=id") == [second.pk, third.pk]
    assert ids("current=false") == [first.pk]
    assert [ids(f"state={state}") for state in ("over", "current", "coming", "called_off")] == [
        [row.pk for row in (third, second, first) if row.state == state]
        for state in ("over", "current", "coming", "called_off")
    ]
    assert ids("starts_on__gte=2026-12-19&ends_on__isnull=true") == [third.pk]
    assert ids("display_name=borin") == [third.pk]
    assert ids("starts_on=2026-12-03") == [first.pk]
    assert ids("ends_on=2026-12-24") == [second.pk]
    assert b"secret" not in api.get(LEAVES).content
    assert api.get(f"{LEAVES}?reason=secret").status_code == 400
