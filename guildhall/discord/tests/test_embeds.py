"""Whatever goes in, what comes out is a message that Discord accepts, that shows as typed and pings nobody."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guildhall.discord.messages.embeds import Embed, cut, escape, lines, message
from tests.fake_discord.wire import check_message

text = st.text(max_size=6000)
# A busy machine makes big examples slow; that says nothing about the code.
patient = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@patient
@given(title=text, description=text, fields=st.lists(st.tuples(text, text), max_size=40), footer=text)
def test_any_embed_is_accepted(title: str, description: str, fields: list, footer: str) -> None:
    embed = Embed(title or "x", description, footer=footer)
    for name, value in fields:
        embed.add(name, value)
    check_message(message(embed, content=description))


@patient
@given(st.lists(st.tuples(text, text), min_size=2, max_size=12))
def test_many_embeds_together_are_accepted(rows: list) -> None:
    check_message(message(*[Embed(title or "x", body) for title, body in rows]))


@patient
@given(st.lists(text, max_size=60), st.integers(min_value=60, max_value=4096))
def test_lines_fit_and_say_how_many_are_missing(rows: list[str], length: int) -> None:
    assert len(lines(rows, length=length)) <= length


@patient
@given(text, st.integers(min_value=1, max_value=300))
def test_cut_is_never_too_long(value: str, length: int) -> None:
    assert len(cut(value, length)) <= length


def test_nothing_typed_becomes_markup_a_mention_or_a_link() -> None:
    shown = escape("@everyone **bold** <@123> `code` [x](https://evil.example) discord://x ||spoiler||")
    assert "@everyone" not in shown
    assert "<@" not in shown
    assert "https:/" not in shown
    assert "**" not in shown
    assert "\\*\\*bold\\*\\*" in shown


def test_nobody_is_pinged_unless_named() -> None:
    assert message(Embed("x"))["allowed_mentions"] == {"parse": []}
    assert message(Embed("x"), ping=["123456"])["allowed_mentions"] == {"parse": [], "users": ["123456"]}


def test_a_name_made_of_markup_shows_as_typed() -> None:
    assert escape("_Xx_Slayer_xX_") == "\\_Xx\\_Slayer\\_xX\\_"
