"""What the fuzzers found, each as a small input; `targets.py` says what must hold of it."""

from __future__ import annotations

import time

import pytest

from guildhall.eqdkp.legacy import values

from .seeds import STAMP
from .targets import TARGETS

FOUND: dict[str, tuple[str, bytes]] = {
    "an exponent that overflows a decimal": ("eqdkp-values", b"1e1000000"),
    "an exponent and a point": ("eqdkp-values", b"1.5e1000000"),
    "the heading of a tick file vanished": ("attendance-raid-tick", b"RaidTick\nPlayer\tLevel\tClass\nTannik\n"),
    "a line of a list without a name vanished": ("attendance-list", b"Tannik\n---\n,,,\nBrisla\n"),
    "a roll was given without the time of its line": (
        "chat",
        f"{STAMP}**A Magic Die is rolled by Fenn.\n{STAMP}**It could have been any number from 0 to 9, but this time it "
        "turned up a 5.\n".encode(),
    ),
    "level 0 in a /who": ("attendance-who", b"[0 Warder] Tannik (Elf) <L>\n"),
    "a group with a control character": ("attendance-raid-dump", b"2\x1e\tTannik\t60\tCleric\n"),
    "a zip kept samples of each file": ("attendance-zip", b"\n=\n".join([b"Tannik\n(a)\n(b)\n(c)\n"] * 3)),
    "half a character in the name of an item": ("single-values", b"\xce" * 250),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_once_is_not_found_again(name: str) -> None:
    target, data = FOUND[name]
    TARGETS[target](data)


def test_an_integer_of_a_million_zeros_is_no_integer_and_takes_no_time() -> None:
    began = time.process_time()
    assert values.integer("1e1000000", default=7) == 7
    assert values.integer("1e3", default=7) == 1000
    assert values.integer("-2.9", default=7) == -2
    assert time.process_time() - began < 1
