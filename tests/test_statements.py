"""The marking of the tests that run on every database: what is recorded, what is chosen, and what fails `make test`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum
from django.db.models.functions import Upper

from guildhall.core.idempotency import Outcome, run_idempotently
from guildhall.core.models import OutboxMessage
from guildhall.points.models import DKPPool, LedgerEntry
from guildhall.points.services import create_pool, update_pool
from tests import statements
from tests.statements import Recorded, Recorder

LOCK, SUM = ("guildhall/a.py:f", "lock"), ("guildhall/a.py:f", "aggregate")
TEXT, JSON = ("guildhall/b.py:g", "text"), ("guildhall/c.py:h", "json")


def test_a_plain_statement_is_of_no_kind() -> None:
    assert statements.kinds('SELECT "points_dkppool"."id" FROM "points_dkppool" WHERE "points_dkppool"."id" = %s') == ()


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1 FOR UPDATE", "lock"),
        ("SELECT 1 FOR NO KEY UPDATE SKIP LOCKED", "lock"),
        ("SELECT pg_advisory_xact_lock(%s)", "lock"),
        ("""SELECT ("t"."data" -> 'a')""", "json"),
        ("SELECT 1 WHERE t.data @> %s::jsonb", "json"),
        ("SELECT DATE_TRUNC(%s, t.at AT TIME ZONE %s)", "time"),
        ("SELECT t.at + INTERVAL '1 day'", "time"),
        ("SELECT 1 WHERE UPPER(t.name::text) LIKE UPPER(%s)", "text"),
        ("INSERT INTO t (a) VALUES (%s) ON CONFLICT DO NOTHING", "upsert"),
        ("INSERT INTO t (a) VALUES (%s), (%s)", "bulk insert"),
        ("INSERT INTO t (a) SELECT * FROM UNNEST((%s)::int[]) RETURNING id", "bulk insert"),
        ("SELECT ROW_NUMBER() OVER (PARTITION BY a)", "window"),
        ("SELECT SUM(t.amount) FROM t GROUP BY t.pool", "aggregate"),
        ("SELECT (t.a / t.b)", "arithmetic"),
        ("DELETE FROM t WHERE id IN (SELECT id FROM u)", "write by a subquery"),
        ("(SELECT 1) UNION ALL (SELECT 2)", "combined"),
        ("ALTER TABLE t ADD COLUMN a int", "schema"),
    ],
)
def test_kinds(sql: str, kind: str) -> None:
    assert kind in statements.kinds(sql)


def test_an_order_of_text_or_nulls_differs_and_one_of_numbers_does_not() -> None:
    if connection.vendor == "mysql":
        pytest.skip("quotes names otherwise")

    def order(model: Any, *columns: str) -> bool:
        query = model.objects.order_by(*columns).query
        return statements.ORDER in statements.kinds(str(query))

    assert order(DKPPool, "name")
    assert order(LedgerEntry, "pk", "created_by_id")  # nobody, for what the system did
    assert not order(LedgerEntry, "-pk")
    assert not order(LedgerEntry, "user_id", "pk")


@pytest.fixture
def recorder(tmp_path: Path, db: None) -> Any:
    """A recorder of this test's connection, with a test that runs. It reads PostgreSQL's spelling alone."""
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL (DATABASE_URL)")
    made = Recorder(tmp_path, "gw0")
    made.current = made.tests["t"] = Recorded()
    with statements.paused(), connection.execute_wrapper(made.wrapper):
        yield made


def test_a_statement_is_recorded_under_the_function_that_sent_it(recorder: Recorder) -> None:
    update_pool(pool=create_pool(name="Velious"), actor=None, description="dragons")
    found = recorder.tests["t"].pairs
    assert ("guildhall/points/services/pools.py:update_pool", "lock") in found
    assert all(where.startswith("guildhall/") for where, _ in found)


def test_what_core_sent_is_recorded_with_the_caller(recorder: Recorder) -> None:
    code = compile(
        "def twice(run, outcome):\n    for _ in range(2):\n"
        "        run(owner='x', key='k', request_hash='h', action=lambda: outcome)\n",
        str(statements.ROOT / "guildhall" / "made_up.py"),
        "exec",
    )
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the two lines above
    names["twice"](run_idempotently, Outcome({}))
    assert ("guildhall/core/idempotency.py:run_idempotently for guildhall/made_up.py:twice", "lock") in recorder.tests[
        "t"
    ].pairs


def test_a_new_revision_is_the_backends_own(recorder: Recorder) -> None:
    create_pool(name="Velious")
    assert [where for where, kind in recorder.tests["t"].pairs if kind == "upsert"] == []


def test_what_a_test_sends_itself_is_nobodys(recorder: Recorder) -> None:
    list(OutboxMessage.objects.select_for_update().annotate(big=Upper("topic")))
    LedgerEntry.objects.aggregate(Sum("amount"))
    assert recorder.tests["t"].pairs == set()


def test_a_refused_row_is_recorded(recorder: Recorder) -> None:
    """By a function that claims to stand in guildhall/."""
    code = compile(
        "def twice(model):\n    model.objects.create(pk=1)\n    model.objects.create(pk=1)\n",
        str(statements.ROOT / "guildhall" / "made_up.py"),
        "exec",
    )
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the two lines above
    with pytest.raises(IntegrityError), transaction.atomic():
        names["twice"](DKPPool)
    assert ("guildhall/made_up.py:twice", statements.CONSTRAINT) in recorder.tests["t"].pairs


def test_raw_sql_is_recorded(recorder: Recorder) -> None:
    code = compile(
        "def ask(connection):\n    with connection.cursor() as cursor:\n        cursor.execute('SELECT 1')\n",
        str(statements.ROOT / "guildhall" / "made_up.py"),
        "exec",
    )
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the line above
    names["ask"](connection)
    assert recorder.tests["t"].pairs == {("guildhall/made_up.py:ask", statements.RAW)}


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    tests = {"a": Recorded(1.5, True, True, {LOCK, TEXT}), "b": Recorded(0.25, False, False, {TEXT})}
    (tmp_path / "gw0.json").write_text(statements.dumps({"a": tests["a"]}))
    (tmp_path / "gw1.json").write_text(statements.dumps({"b": tests["b"]}))
    assert statements.recorded(tmp_path) == tests


def test_the_cheapest_tests_that_reach_everything_are_chosen() -> None:
    tests = {
        "dear": Recorded(9, pairs={LOCK, SUM, TEXT}, has_passed=True),
        "cheap": Recorded(0.1, pairs={LOCK, SUM}, has_passed=True),
        "other": Recorded(0.2, pairs={TEXT}, has_passed=True),
        "nothing": Recorded(0.0, pairs=set(), has_passed=True),
    }
    assert statements.choose(tests, depth=1) == ["cheap", "other"]


def test_what_marked_tests_reach_is_not_chosen_again() -> None:
    tests = {
        "marked": Recorded(5, is_marked=True, pairs={LOCK, SUM}, has_passed=True),
        "lock": Recorded(0.1, pairs={LOCK}, has_passed=True),
        "text": Recorded(0.1, pairs={TEXT, SUM}, has_passed=True),
    }
    assert statements.choose(tests, depth=1) == ["text"]


def test_a_choice_that_later_ones_make_needless_is_dropped() -> None:
    tests = {
        "both": Recorded(0.05, pairs={LOCK, SUM}, has_passed=True),
        "left": Recorded(0.2, pairs={LOCK, TEXT}, has_passed=True),
        "right": Recorded(0.2, pairs={SUM, JSON}, has_passed=True),
    }
    assert statements.choose(tests, depth=1) == ["left", "right"]


def test_each_statement_is_sent_by_several_tests_where_there_are_several() -> None:
    tests = {
        "marked": Recorded(1, is_marked=True, pairs={LOCK}, has_passed=True),
        "a": Recorded(0.1, pairs={LOCK}, has_passed=True),
        "b": Recorded(0.2, pairs={LOCK}, has_passed=True),
        "c": Recorded(0.3, pairs={LOCK}, has_passed=True),
        "only": Recorded(9, pairs={TEXT}, has_passed=True),
    }
    assert statements.choose(tests, depth=3) == ["a", "b", "only"]


def test_a_test_that_failed_or_was_skipped_is_not_chosen() -> None:
    assert statements.choose({"failed": Recorded(0.1, pairs={LOCK})}, depth=1) == []


def test_a_statement_that_no_marked_test_reaches_fails_the_check() -> None:
    tests = {"marked": Recorded(1, is_marked=True, pairs={LOCK}), "other": Recorded(1, pairs={LOCK, TEXT})}
    problems = statements.check(tests, set())
    assert problems[0].startswith("guildhall/b.py:g (text)")
    assert "other" in problems[0]
    assert "make test-places" in problems[-1]
    assert statements.check(tests, {"other"}) == []


def test_a_chosen_test_that_is_gone_fails_the_check() -> None:
    tests = {"marked": Recorded(1, is_marked=True, pairs={LOCK})}
    assert "renamed" in statements.check(tests, {"renamed"})[0]


def test_a_recording_of_a_part_drops_only_what_it_knows_to_be_gone() -> None:
    here, other = "tests/test_statements.py", "tests/test_tracing.py"
    chosen = {f"{here}::stays", f"{here}::gone", f"{other}::not_recorded", "tests/test_of_no_file.py::gone"}
    assert statements.still_there(chosen, {f"{here}::stays"}) == {f"{here}::stays", f"{other}::not_recorded"}


def test_no_recording_fails_the_check() -> None:
    assert statements.check({}, set()) != []


def test_the_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    statements.write({"tests/b.py::test[# 2]", "tests/a.py::test"}, path)
    assert statements.chosen_ids(path) == {"tests/a.py::test", "tests/b.py::test[# 2]"}
