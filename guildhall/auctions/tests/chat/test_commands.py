"""Commands, and the words of DKPLP."""

from __future__ import annotations

from decimal import Decimal

import pytest

from guildhall.auctions.chat import Command

from .support import CLOAK, heard, said


@pytest.mark.parametrize(
    ("message", "name", "details"),
    [
        ("!dkp", "dkp", {"character_name": None}),
        ("!dkp fenn", "dkp", {"character_name": "Fenn"}),
        ("!max Cloak of Flames 200", "max", {"item": CLOAK, "amount": Decimal(200)}),
        ("!price Cloak of Flames", "price", {"item": CLOAK, "amount": None}),
        ("!HELP", "help", {"text": ""}),
        ("*begin", "begin", {}),
        ("*end", "end", {}),
        ("*event Vex Thal - 5", "event", {"text": "Vex Thal", "amount": Decimal(5)}),
        ("*ibonus 2", "ibonus", {"amount": Decimal(2)}),
        ("*add Fenn", "add", {"character_name": "Fenn"}),
        ("*remove fenn", "remove", {"character_name": "Fenn"}),
    ],
)
def test_a_command_is_its_name_and_its_text(message: str, name: str, details: dict[str, object]) -> None:
    event = said(message)
    assert isinstance(event, Command)
    assert event.name == name
    assert {key: getattr(event, key) for key in details} == details


def test_a_command_by_tell_is_heard() -> None:
    (event,) = heard("[Sun Mar 01 20:15:00 2026] Orla -> Me: !dkp")
    assert isinstance(event, Command)
    assert (event.speaker, event.channel) == ("Orla", "tell")


@pytest.mark.parametrize("message", ["!", "!!", "! what", "* waves", "*hugs everybody*"])
def test_other_signs_are_no_commands(message: str) -> None:
    assert said(message) is None
