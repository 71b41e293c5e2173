"""The logic of `make bench`: goals, exit code, its load client, and that each case and its floor answer with the same rows.

What it measures is in benchmarks/; docs/performance.md says how to repeat it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings

from benchmarks import endpoints
from benchmarks.case import Case, Kind, Result, at_least, at_most, without_goal
from benchmarks.cases import all_cases
from benchmarks.endpoints import Row
from benchmarks.guild import Size, build
from benchmarks.load import Measured, request_bytes, whole_answer
from benchmarks.report import conclude, line, missed

TINY = Size(characters=30, raids=60, attendances=600, items=120)


@pytest.mark.parametrize(("figure", "is_met"), [(1.99, True), (2.0, True), (2.01, False)])
def test_a_ratio_may_be_as_high_as_its_goal(figure: float, is_met: bool) -> None:
    assert at_most("raids", figure, 2, "times its floor").is_met is is_met


@pytest.mark.parametrize(("figure", "is_met"), [(199.9, False), (200.0, True), (201.0, True)])
def test_a_rate_may_be_as_low_as_its_goal(figure: float, is_met: bool) -> None:
    assert at_least("bids", figure, 200, "/s").is_met is is_met


def test_a_line_says_figure_goal_and_verdict() -> None:
    shown = line(at_most("raids, first time", 2.512, 2, "times its floor", "floor 3 ms"))
    assert re.sub(" +", " ", shown) == "raids, first time 2.51 times its floor at most 2 FAIL floor 3 ms"


def test_it_ends_with_1_where_a_goal_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    results = [at_most("raids", 2.5, 2, "times"), at_most("items", 1.5, 2, "times"), without_goal("bare", 9, "/s")]
    assert conclude(results) == 1
    said = capsys.readouterr().out
    assert "1 of 2 goals are met" in said
    assert "raids" in said
    assert "items" not in said


def test_it_ends_with_0_where_all_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    assert conclude([at_most("items", 1.5, 2, "times"), without_goal("bare", 9, "/s")]) == 0
    assert "FAIL" not in capsys.readouterr().out


def test_a_run_that_measured_nothing_fails() -> None:
    assert conclude([]) == 1
    assert missed([Result("bare", 1, "/s")]) == []


def row(kind: Kind, *, rate: int, floor: int, p95: float = 0.05, first: float = 2.0, is_kept: bool = False) -> Row:
    """A row in which the case answered `rate` times in a second and its floor `floor` times."""
    found = Measured([p95] * rate, lasted=1.0)
    return Row(Case("raids", lambda size: []), found, Measured([0.01] * floor, lasted=1.0), 1.0, first, 1.0, is_kept)


def late(measured: Row, kind: Kind = Kind.LIST) -> list[str]:
    object.__setattr__(measured.case, "kind", kind)
    return [result.name for result in missed(measured.results())]


def test_a_list_may_take_twice_its_floor_and_a_kept_one_is_at_its_level() -> None:
    assert late(row(Kind.LIST, rate=50, floor=100)) == []
    assert late(row(Kind.LIST, rate=50, floor=100, is_kept=True)) == ["raids: kept"]
    assert late(row(Kind.LIST, rate=49, floor=100)) == ["raids: again"]
    assert late(row(Kind.LIST, rate=50, floor=100, first=2.1)) == ["raids: first time"]
    assert late(row(Kind.LIST, rate=50, floor=100, p95=0.201)) == ["raids: p95 with many clients"]


def test_an_answer_of_one_record_may_take_half_as_much_again_as_the_bare_view() -> None:
    assert late(row(Kind.RECORD, rate=100, floor=150, first=9.0), Kind.RECORD) == []
    assert late(row(Kind.RECORD, rate=100, floor=151), Kind.RECORD) == ["raids"]


def test_an_answer_that_is_an_error_is_a_missed_goal() -> None:
    measured = row(Kind.LIST, rate=100, floor=100)
    measured.found.statuses[200], measured.found.statuses[503] = 99, 1
    assert late(measured) == ["raids: answers that are no answer"]


def test_half_the_toll_of_the_start_is_the_goal_of_the_bare_view() -> None:
    measured = row(Kind.BARE, rate=100, floor=100)
    measured.cpu_ms = endpoints.BARE_AT_START / 2 + 0.1
    assert late(measured, Kind.BARE) == ["raids: toll, half of what it was"]
    measured.cpu_ms = endpoints.BARE_AT_START / 2
    assert late(measured, Kind.BARE) == []


def test_an_older_guild_has_as_many_members_who_raid_as_often() -> None:
    old, young = Size().aged(10), Size().aged(0.01)
    assert (old.raids, old.attendances, old.items) == (50_000, 2_000_000, 300_000)
    assert young.raids == 50
    assert old.people == young.people == Size().people
    assert old.days / old.raids == pytest.approx(young.days / young.raids)


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n", b"ok!"),
        (b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", b""),
    ],
)
def test_the_load_client_reads_a_whole_answer_and_waits_for_it(sent: bytes, body: bytes) -> None:
    found = whole_answer(sent)
    assert found is not None
    assert found[2] == body
    assert whole_answer(sent[:-1]) is None


def test_a_request_is_what_a_server_reads() -> None:
    assert request_bytes("/x/", {"A": "b"}, "POST", b"{}").endswith(b"A: b\r\nContent-Length: 2\r\n\r\n{}")


@pytest.fixture
def ask(db: None) -> Iterator[Callable[[Case, str, bytes], Any]]:
    """Ask a tiny guild as the bench does."""
    from guildhall.accounts.models import User

    if connection.vendor != "postgresql":
        pytest.skip("the guild is made with PostgreSQL's SQL")
    build(TINY)
    out = StringIO()
    call_command("create_api_key", bot="bench", scopes="all", stdout=out)
    bot, member = Client(headers={"authorization": f"Token {out.getvalue().strip()}"}), Client()
    member.force_login(User.objects.get(pk=10))

    def asked(case: Case, path: str, body: bytes) -> Any:
        client = member if case.kind is Kind.PAGE else bot
        if body:
            return client.post(path, body, content_type="application/json")
        return client.get(path)

    with override_settings(ROOT_URLCONF="benchmarks.urls", ALLOWED_HOSTS=["*"]):
        yield asked


def rows_of(case: Case, answer: Any) -> int | None:
    """Return how many rows an answer shows; None where they cannot be told apart."""
    if case.kind is Kind.PAGE:
        return len(re.findall(case.row_mark, answer.content.decode())) if case.row_mark else None
    found = json.loads(answer.content)
    if case.name == "old-api-points":
        return len(found["players"])
    return len(found["last" if case.name == "price-history" else "results"])


@pytest.mark.django_db(transaction=True)
def test_every_case_answers_and_its_floor_has_as_many_rows(ask: Callable[[Case, str, bytes], Any]) -> None:
    wrong = []
    for case in all_cases():
        path = case.paths(TINY)[0]
        body = case.bodies(TINY)[0] if case.bodies is not None else b""
        answer = ask(case, path, body)
        if answer.status_code != 200:
            wrong.append(f"{case.name}: {answer.status_code} {answer.content[:300]!r}")
            continue
        if case.floor is None:
            continue
        with connection.cursor() as cursor:
            floor = case.floor(cursor, path.split("?")[0])
        shown, meant = rows_of(case, answer), len(floor["results"])
        if not meant or shown not in (None, meant):
            wrong.append(f"{case.name}: {shown} rows, its floor {meant}")
        if case.kind is Kind.LIST and "count" in floor and floor["count"] != json.loads(answer.content)["count"]:
            wrong.append(f"{case.name}: counts {json.loads(answer.content)['count']}, its floor {floor['count']}")
    assert not wrong, "\n".join(wrong)
