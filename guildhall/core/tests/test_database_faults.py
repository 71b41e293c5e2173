"""Faults of the database are told in words, and what is safe is tried once more. Real servers are broken in `tests/faults`."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection, connections, transaction
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.services import create_person
from guildhall.core import fault_middleware, outage, revisions, transactions
from guildhall.core.databases.faults import Fault, fault_of, has_waited
from guildhall.core.databases.running import waits
from guildhall.core.redis_breaker import REST, TRIAL, RedisBreaker, Resting


class Said(Exception):
    """What a driver says, with PostgreSQL's code."""

    def __init__(self, sqlstate: str | None, *args: object) -> None:
        super().__init__(*args)
        self.sqlstate = sqlstate


def error(sqlstate: str | None = None, *args: object, kind: type[Exception] = OperationalError) -> Exception:
    made = kind(*args)
    made.__cause__ = Said(sqlstate, *args)
    return made


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (error("57P01"), Fault.LOST),
        (error("08006"), Fault.LOST),
        (error(None, "consuming input failed: server closed the connection unexpectedly"), Fault.LOST),
        (error(None, "the connection is closed", kind=InterfaceError), Fault.LOST),
        (error(None, 2006, "Server has gone away"), Fault.LOST),
        (error("57P03"), Fault.AWAY),
        (error("53300"), Fault.AWAY),
        (error(None, 'connection failed: connection to server at "10.0.0.1" failed'), Fault.AWAY),
        (error(None, 2002, "Can't connect to server"), Fault.AWAY),
        (error("55P03"), Fault.BUSY),
        (error("40001"), Fault.BUSY),
        (error(None, 1205, "Lock wait timeout exceeded"), Fault.BUSY),
        (OperationalError("database is locked"), Fault.BUSY),
        (error("57014"), Fault.TOO_LONG),
        (error(None, 1969, "max_statement_time exceeded"), Fault.TOO_LONG),
        (error("53100"), Fault.FULL),
        (error(None, 1021, "Disk full"), Fault.FULL),
        (error("23505"), None),
        (error(None, 1062, "Duplicate entry"), None),
        (ValueError("locked"), None),
        (None, None),
    ],
)
def test_an_error_says_what_fault_it_is(found: Exception | None, fault: Fault | None) -> None:
    assert fault_of(found) is fault


@pytest.mark.django_db(transaction=True)
def test_a_function_whose_connection_breaks_runs_once_more() -> None:
    calls = []

    @transactions.use_case
    def work(times: int) -> str:
        calls.append(1)
        if len(calls) <= times:
            raise error("57P01", "terminating connection due to administrator command")
        return "done"

    assert work(1) == "done"
    assert len(calls) == 2
    calls.clear()
    with pytest.raises(OperationalError):
        work(2)
    assert len(calls) == 2


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_breaks_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def commit(self: object) -> None:
        raise error("57P01", "terminating connection due to administrator command")

    @transactions.use_case
    def work() -> None:
        calls.append(1)

    with monkeypatch.context() as patch:
        patch.setattr(type(connections["default"]), "_commit", commit)
        with pytest.raises(transactions.OutcomeUnknown):
            work()
    assert calls == [1]


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_was_waited_for_long_enough_is_not_waited_for_eight_times(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(transactions.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(transactions.time, "sleep", lambda seconds: None)
    calls = []

    @transactions.use_case
    def work() -> None:
        calls.append(1)
        now[0] += 2
        raise error("55P03", "canceling statement due to lock timeout")

    with pytest.raises(OperationalError):
        work()
    assert len(calls) == 2


def test_a_deadlock_was_not_waited_for() -> None:
    """It is tried again however long that takes: whoever lost has given its locks back."""
    assert not has_waited(error("40P01", "deadlock detected. Process 1 waits for ShareLock; blocked by process 2."))
    assert not has_waited(error(None, 1213, "Deadlock found when trying to get lock"))
    assert has_waited(error("55P03", "canceling statement due to lock timeout"))
    assert has_waited(error(None, 1205, "Lock wait timeout exceeded"))
    assert has_waited(OperationalError("database is locked"))


@pytest.fixture
def boss() -> APIClient:
    made = APIClient(raise_request_exception=False)
    made.force_login(create_person(display_name="Boss", role_group="officer"))
    return made


@pytest.fixture
def never_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage.outage.probe, "answers", lambda within=0.0: True)


real = revisions.read


def breaking(monkeypatch: pytest.MonkeyPatch, fault: Exception, times: int) -> list[int]:
    """Have the first `times` readings of the revisions, which most requests begin with, end in `fault`."""
    calls: list[int] = []

    def read() -> Any:
        calls.append(1)
        if len(calls) <= times:
            raise fault
        return real()

    monkeypatch.setattr(revisions, "read", read)
    return calls


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("never_away")
def test_what_only_reads_is_tried_once_more(boss: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = breaking(monkeypatch, error("57P01", "terminating connection"), 1)
    assert boss.get("/api/characters/").status_code == 200
    calls = breaking(monkeypatch, error("57P01", "terminating connection"), 9)
    told = boss.get("/api/characters/")
    assert (told.status_code, told.json()["errors"][0]["code"], told["Retry-After"]) == (503, "database_away", "5")
    assert len(calls) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("never_away")
@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (error("53100", "No space left on device"), 503, "storage_full"),
        (error("57014", "canceling statement due to statement timeout"), 503, "took_too_long"),
        (error(None, "connection failed: refused"), 503, "database_away"),
    ],
)
def test_a_fault_is_told_in_words(
    boss: APIClient, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: int, code: str, caplog: Any
) -> None:
    monkeypatch.setattr(fault_middleware, "said", fault_middleware._Said())
    breaking(monkeypatch, fault, 99)
    for _ in range(3):
        told = boss.get("/api/characters/")
        assert (told.status_code, told.json()["errors"][0]["code"]) == (status, code)
        assert told["Retry-After"]
    lines = [record for record in caplog.records if record.name.startswith("guildhall.core.fault")]
    assert len(lines) == 1
    assert not any(record.exc_info and fault_middleware.SaidAlready().filter(record) for record in caplog.records)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("never_away")
def test_a_page_says_it_too_without_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise error("53100", "No space left on device")

    monkeypatch.setattr("guildhall.web.views.errors.render", broken)
    told = Client(raise_request_exception=False).get("/nowhere/")
    assert told.status_code == 503
    assert "its disk is full" in told.content.decode()
    assert told["Retry-After"] == "60"


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage.outage, "_since", 1.0)


@pytest.mark.usefixtures("away")
def test_while_it_is_away_nobody_asks_it() -> None:
    """No database mark: a query would fail the test."""
    client = Client()
    assert client.get("/api/characters/").status_code == 503
    page = client.get("/standings/")
    assert (page.status_code, page["Cache-Control"]) == (503, "no-store")
    assert "Content-Security-Policy" in page
    assert client.get("/static/web/style.css").status_code == 200


@pytest.mark.django_db
def test_writers_are_refused_where_half_of_the_threads_wait(boss: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage.web_process, "most_waiting", 1)
    monkeypatch.setattr(fault_middleware, "SLOW", -1.0)
    with waits(connection):
        told = boss.post("/api/points/adjustments/", {})
        assert (told.status_code, told.json()["errors"][0]["code"], told["Retry-After"]) == (409, "busy", "1")
        assert boss.get("/api/characters/").status_code == 200
    assert boss.post("/api/points/adjustments/", {}).status_code == 400


def test_of_those_who_ask_a_redis_that_does_not_answer_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    import redis

    now = [100.0]
    monkeypatch.setattr("guildhall.core.redis_breaker.time.monotonic", lambda: now[0])
    breaker = RedisBreaker()
    breaker.check()
    breaker.failed(redis.ResponseError("WRONGTYPE"))  # it answered
    breaker.check()
    breaker.failed(redis.TimeoutError())
    for seconds in (0, REST - 0.1):
        now[0] = 100.0 + seconds
        with pytest.raises(Resting):
            breaker.check()
    now[0] = 100.0 + REST
    breaker.check()  # one tries
    with pytest.raises(Resting) as resting:
        breaker.check()
    breaker.failed(resting.value)  # which is no failure of Redis
    now[0] += TRIAL
    breaker.check()
    breaker.check()


@pytest.mark.django_db
def test_in_a_test_nothing_is_committed_behind_its_back() -> None:
    """The middleware closes connections; never one in a transaction."""
    with transaction.atomic():
        Client(raise_request_exception=False).get("/")
        assert connection.connection is not None
