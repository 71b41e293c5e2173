"""Rolls (edge case 74)."""

from __future__ import annotations

from guildhall.auctions.chat import Roll

from .support import heard, raid

AT = "[Sun Mar 01 20:15:{:02d} 2026] "


def thrown(who: str, second: int = 0) -> str:
    return AT.format(second) + f"**A Magic Die is rolled by {who}."


def turned(result: str, high: str = "333", low: str = "0", second: int = 0) -> str:
    return (
        AT.format(second)
        + f"**It could have been any number from {low} to {high}, but this time it turned up a {result}."
    )


def rolls(*lines: str) -> list[Roll]:
    opening = raid("Tannik: Runed Bolster Belt x2 333 ROLL", at="Sun Mar 01 20:14:00 2026")
    return [event for event in heard(*opening, *lines, active_items=[]) if isinstance(event, Roll)]


def test_two_lines_are_one_roll() -> None:
    (roll,) = rolls(thrown("Orla"), turned("97"))
    assert (roll.character_name, roll.result, roll.item, roll.problem) == ("Orla", 97, "Runed Bolster Belt", "")
    assert not roll.is_doubtful


def test_live_writes_one_line() -> None:
    line = thrown("Orla") + " It could have been any number from 0 to 333, but this time it turned up a 97."
    (roll,) = rolls(line)
    assert (roll.character_name, roll.result) == ("Orla", 97)


def test_interleaved_rolls_are_paired_in_order_and_marked() -> None:
    first, second = rolls(
        thrown("Orla"), thrown("Fenn"), "", raid("Quaff: hm")[0], turned("97"), turned("12", second=1)
    )
    assert (first.character_name, first.result, first.is_doubtful) == ("Orla", 97, True)
    assert (second.character_name, second.result) == ("Fenn", 12)


def test_a_result_that_comes_too_late_is_nobodys() -> None:
    assert rolls(thrown("Orla"), turned("97", second=5)) == []
    assert rolls(turned("97")) == []


def test_a_wrong_range_does_not_count() -> None:
    too_high, from_one = rolls(thrown("Orla"), turned("97", high="1000"), thrown("Fenn"), turned("97", low="1"))
    assert (too_high.problem, too_high.item) == ("wrong_range", None)
    assert from_one.problem == "lower_bound"


def test_only_the_first_roll_of_a_character_counts() -> None:
    first, second = rolls(thrown("Orla"), turned("97"), thrown("Orla", 5), turned("300", second=5))
    assert (first.problem, second.problem) == ("", "second_roll")


def test_numbers_may_carry_commas() -> None:
    (roll,) = rolls(thrown("Orla"), turned("1,097", high="1,111"))
    assert (roll.result, roll.high) == (1097, 1111)


def test_a_tie_is_two_rolls_of_the_same_height() -> None:
    assert [roll.result for roll in rolls(thrown("Orla"), turned("97"), thrown("Fenn", 5), turned("97", second=5))] == [
        97,
        97,
    ]


def test_the_same_roll_in_two_logs_counts_once() -> None:
    one = [thrown("Orla"), turned("97")]
    assert len(rolls(*one, thrown("Orla", 1), turned("97", second=1))) == 1
