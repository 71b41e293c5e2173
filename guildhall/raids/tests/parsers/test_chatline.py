"""Chat lines (edge case 70)."""

from __future__ import annotations

import pytest

from guildhall.raids.parsers.chatline import read_chat


@pytest.mark.parametrize(
    ("text", "speaker", "channel", "message"),
    [
        ("Orla tells the guild, 'hail'", "Orla", "guild", "hail"),
        ("You say to your guild, 'hail'", "Tannik", "guild", "hail"),
        ("Orla tells the raid,  'hail'", "Orla", "raid", "hail"),
        ("Orla tells the raid, 'hail'", "Orla", "raid", "hail"),
        ("You tell your raid, 'hail'", "Tannik", "raid", "hail"),
        ("Orla tells the group, 'hail'", "Orla", "group", "hail"),
        ("You tell your party, 'hail'", "Tannik", "group", "hail"),
        ("Orla tells you, 'hail'", "Orla", "tell", "hail"),
        ("You told Orla, 'hail'", "Tannik", "tell", "hail"),
        ("You told Orla '[queued], hail'", "Tannik", "tell", "hail"),
        ("You tells btdkp:1, 'hail'", "Tannik", "channel", "hail"),
        ("You tells the raid,  'hail'", "Tannik", "raid", "hail"),
        ("You auctions, 'hail'", "Tannik", "auction", "hail"),
        ("Orla -> Me: hail", "Orla", "tell", "hail"),
        ("Me -> Orla: hail", "Tannik", "tell", "hail"),
        ("Orla -> Tannik:  hail", "Orla", "tell", "hail"),
        ("Orla says, 'hail'", "Orla", "say", "hail"),
        ("You say, 'hail'", "Tannik", "say", "hail"),
        ("Orla says out of character, 'hail'", "Orla", "ooc", "hail"),
        ("Orla auctions, 'hail'", "Orla", "auction", "hail"),
        ("Orla shouts, 'hail'", "Orla", "shout", "hail"),
        ("Orla tells btdkp:1, 'hail'", "Orla", "channel", "hail"),
        ("You tell Eu.officers:1, 'hail'", "Tannik", "channel", "hail"),
        ("Orla tells the fellowship, 'hail'", "Orla", "fellowship", "hail"),
        ("You say to your fellowship, 'hail'", "Tannik", "fellowship", "hail"),
        ("Orla tells the group, in Elvish, 'hail'", "Orla", "group", "hail"),
        ("Orla tells the raid, in an unknown tongue,  'hail'", "Orla", "raid", "hail"),
        ("Orla tells the guild, ''", "Orla", "guild", ""),
        ("Orla tells the guild, 'Teir'dal Sai isn't up'", "Orla", "guild", "Teir'dal Sai isn't up"),
        ("Orla tells the guild, ‘Teir’dal Sai’", "Orla", "guild", "Teir’dal Sai"),
        ("firiona.Orla tells you, 'hail'", "Orla", "tell", "hail"),
    ],
)
def test_each_channel_is_read(text: str, speaker: str, channel: str, message: str) -> None:
    chat = read_chat(text, "Tannik")
    assert chat is not None
    assert (chat.speaker, chat.channel, chat.message, chat.is_cut) == (speaker, channel, message, False)
    assert chat.is_self == (speaker == "Tannik")


def test_a_channel_a_language_and_a_server_are_kept() -> None:
    chat = read_chat("firiona.Orla tells Eu.officers:1, in Elvish, 'hail'")
    assert chat is not None
    assert (chat.channel_name, chat.language, chat.server) == ("Eu.officers:1", "Elvish", "firiona")


def test_a_merchant_is_not_a_player() -> None:
    chat = read_chat("Magus Delira tells you, 'I'll give you 3 gold for that'")
    assert chat is not None
    assert chat.is_npc


def test_a_quoted_line_belongs_to_who_quotes_it() -> None:
    chat = read_chat("Bobbin says, 'Orla tells the raid,  'Cloak 500''")
    assert chat is not None
    assert (chat.speaker, chat.channel) == ("Bobbin", "say")


def test_a_message_without_its_closing_quote_is_marked_as_cut() -> None:
    chat = read_chat("Orla tells the raid,  'Cloak of Flames 5")
    assert chat is not None
    assert chat.is_cut


def test_you_stays_you_where_the_logger_is_not_known() -> None:
    chat = read_chat("You tell your raid, 'hail'")
    assert chat is not None
    assert (chat.speaker, chat.is_self) == ("You", True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "You gain experience!!",
        "Orla hits a shade for 5 points.",
        "[60 Warder] Tannik (Wood Elf)",
        "a -> b",
        "x" * 9000,
    ],
)
def test_other_lines_are_no_chat(text: str) -> None:
    assert read_chat(text) is None
