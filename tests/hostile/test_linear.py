"""Twice the input, twice the work: for every parser and every input that was made to be expensive for it.

Work is counted in executed lines of Python (`work.py`), so that the tests say the same on every machine. What happens
inside one line (a regular expression, a copy) is not seen here; `python -m benchmarks.parsers` times it.
"""

from __future__ import annotations

import pytest

from guildhall.auctions.chat import matching
from guildhall.core.budget import Budget
from guildhall.core.errors import TooLarge

from . import inputs, parsers
from .work import lines_executed

SIZE = 6_000
#: A straight line gives 2.0; what is done once for each call makes it less, a sort's logarithm a little more.
MOST_GROWTH = 2.3
#: Work that does not grow with the input and would hide in the ratio of small numbers.
NOISE = 400

_LOGS = tuple(inputs.DISTINCT)
_XML = tuple(name for name in inputs.STRUCTURED if name.startswith("xml"))
_JSON = tuple(name for name in inputs.STRUCTURED if name.startswith("json"))
_SQL = tuple(name for name in inputs.STRUCTURED if name.startswith("sql"))
_PHP = tuple(name for name in inputs.STRUCTURED if name.startswith("php"))
_REST = ("lines of everything", "markers of order", "half a UTF-16")
MADE_FOR: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("chat", "log events", "claim codes", "guild dump"), (*_LOGS, *_REST)),
    **{f"attendance {kind}": (*_LOGS, *_REST) for kind in ("auto", "who", "list")},
    **{
        f"attendance {kind}": ("raid dump", "spaced raid dump", "tick", "zeal", "guild dump", "unknown titles", *_REST)
        for kind in ("raid_dump", "raid_tick", "zeal", "guild_dump")
    },
    "attendance xml": _XML,
    "json body": _JSON,
    "old api body": (*_XML, *_JSON),
    "eqdkp upload": (*_SQL, *_XML, *_JSON),
    "eqdkp values": (*_PHP, *_JSON),
}
MAKERS = dict(inputs.every())
CASES = [(parser, name) for parser, names in MADE_FOR.items() for name in names]


def test_every_parser_has_inputs_made_for_it() -> None:
    assert set(MADE_FOR) == set(parsers.PARSERS)


@pytest.mark.parametrize(("parser", "name"), CASES, ids=[f"{parser}-{name}" for parser, name in CASES])
def test_twice_the_input_takes_twice_the_work(parser: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MOST_RECENT", 10)  # reached within these short inputs
    parse, make = parsers.PARSERS[parser], MAKERS[name]
    once, twice = make(SIZE), make(2 * SIZE)
    parsers.run(parse, twice)  # what is worked out once and kept is not part of it
    work = lines_executed(lambda: parsers.run(parse, once))
    more = lines_executed(lambda: parsers.run(parse, twice))
    growth = max(2.0, len(twice) / len(once)) * MOST_GROWTH / 2
    assert more <= growth * work + NOISE, f"{len(once)} characters took {work} lines, {len(twice)} took {more}"


def test_a_budget_is_spent_to_the_last_step_and_no_further() -> None:
    budget = Budget(10, "Send less at a time.")
    budget.charge(10)
    assert budget.spent == 10
    with pytest.raises(TooLarge, match="Send less") as caught:
        budget.charge(1)
    assert caught.value.code == "too_much_work"
