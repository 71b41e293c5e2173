"""Item links of every client: the name is read, the item's number is kept."""

from __future__ import annotations

import pytest

from guildhall.auctions.chat.links import Link
from guildhall.auctions.chat.text import fold, plain_with_links

#: One name that begins like a hex number, one with an article, one with a digit, one with a word of hex letters alone.
NAMES = ("Belt of the Great Turtle", "A Lucid Shard", "10 Dose Blood of the Wolf", "FACADE Bead")


def of_hex(number: int, length: int) -> str:
    return "0" + f"{number:05X}" + "0" * (length - 6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [45, 50, 55, 56, 91])
def test_hex_links_are_read_by_the_length_of_their_body(name: str, length: int) -> None:
    message = f"x \x12{of_hex(22194, length)}{name}\x12 OPEN"
    for known in ({fold(name)}, set()):
        if known or name[:2] in ("A ", "Be"):  # else two lengths fit, and nothing tells them apart
            assert plain_with_links(message, known) == (f"x {name} OPEN", (Link(name, "22194"),))


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ("0022194", "22194"),  # TAKP: one hex digit, six decimal ones
        ("022194", "22194"),
        ("0022194 ", "22194"),
        ("022194: ", "22194"),  # EuropaDkpParser
        ("001234 ", "1234"),  # the first clients: 00, the id, a blank
        ("0011604 ", "11604"),
    ],
)
@pytest.mark.parametrize("name", ["A Lucid Shard", "Cloak of Flames", "Belt of the Great Turtle"])
def test_decimal_links_are_read(body: str, number: str, name: str) -> None:
    for known in ({fold(name)}, set()):
        assert plain_with_links(f"\x12{body}{name}\x1250", known) == (f"{name}50", (Link(name, number),))


def test_a_name_that_begins_with_a_digit_is_told_apart_where_it_is_known() -> None:
    name = "10 Dose Blood of the Wolf"
    assert plain_with_links(f"\x120022194{name}\x12", {fold(name)})[1] == (Link(name, "22194"),)


def test_what_can_be_asked_of_an_npc_is_no_item() -> None:
    (asked,) = plain_with_links(f"\x12{of_hex(0xFFFFF, 56)}what quest\x12")[1]
    assert asked.game_id == ""
    (asked,) = plain_with_links("\x120000012What quest\x12")[1]
    assert asked == Link("What quest", "")


def test_a_body_of_no_known_form_is_text() -> None:
    assert plain_with_links("\x12Cloak of Flames\x12 50") == ("Cloak of Flames 50", (Link("Cloak of Flames", ""),))
    assert plain_with_links("\x12\x12 50")[0] == "50"
