"""One line of chat: who said what, where.

A message stands between the first quote after the channel's words and the last quote of the line; quotes within it are
not escaped. A line is anchored at its beginning: chat that somebody quotes is part of that somebody's message.
Knows the forms of guild, raid, group, tells (also the tell window's `X -> Me: …` and queued ones), say, ooc, auction,
shout, fellowship and numbered channels, with the language infix, and the curly quotes of text that went through Discord.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from .names import display_name

#: The game's own longest message has some 2,000 characters.
LONGEST_CHAT = 4_000

_QUOTE = "['‘’“”\"]"
_OTHER = re.compile(
    rf"""^(?P<who>[^'\[\]<>:]{{1,64}}?)\ (?:
        tells\ the\ (?P<place>guild|raid|group|fellowship)
      | (?P<tell>tells\ you)
      | tells\ (?P<channel>[A-Za-z][\w.]*:\d{{1,2}})
      | (?P<spoken>says\ out\ of\ character|says|auctions|shouts)
    )(?:,\ in\ (?P<language>[^,'‘“"]{{1,40}}))?,\s*{_QUOTE}(?P<message>.*)$""",
    re.VERBOSE,
)
_SELF = re.compile(
    rf"""^You\ (?:
        (?P<place>say\ to\ your\ guild|tell\ your\ raid|tell\ your\ party|say\ to\ your\ fellowship)
      | told\ (?P<to>[A-Za-z.]{{1,64}})
      | tell\ (?P<channel>[A-Za-z][\w.]*:\d{{1,2}})
      | (?P<spoken>say\ out\ of\ character|say|auction|shout)
    )(?:,\ in\ (?P<language>[^,'‘“"]{{1,40}}))?,?\s*{_QUOTE}(?P<queued>\[queued\],?\s*)?(?P<message>.*)$""",
    re.VERBOSE,
)
_WINDOW = re.compile(r"^(?P<who>[A-Za-z][A-Za-z.]{1,63}) -> (?P<to>[A-Za-z][A-Za-z.]{1,63}):\s*(?P<message>.*)$")

_NAME = re.compile(r"[A-Za-z`]+")

_PLACES = {
    "guild": "guild",
    "raid": "raid",
    "group": "group",
    "fellowship": "fellowship",
    "say to your guild": "guild",
    "tell your raid": "raid",
    "tell your party": "group",
    "say to your fellowship": "fellowship",
    "says": "say",
    "say": "say",
    "says out of character": "ooc",
    "say out of character": "ooc",
    "auctions": "auction",
    "auction": "auction",
    "shouts": "shout",
    "shout": "shout",
}
_ME = frozenset({"me", "you"})
#: What every form holds but the tell window's, `->`: most of a log is combat, which the forms are slow to refuse.
_BEGINS_A_QUOTE = re.compile(rf",\s*{_QUOTE}")
#: What chat of any form holds; to pass over other lines quickly.
CHAT_WORDS = re.compile(rb" tells? |says?[ ,]| say | told | -> |auctions?,|shouts?,")


@dataclass(frozen=True, slots=True)
class ChatLine:
    """What was said. `channel` is guild, raid, group, fellowship, tell, say, ooc, auction, shout or channel.

    `speaker` is the display form of a character's name, `You` where the logger spoke and is not known, or the words of
    an NPC (`is_npc`). `to` is whom a tell was for. `is_cut` marks a message whose closing quote is missing: the line
    was cut, and a number at its end may be half a number.
    """

    speaker: str
    channel: str
    message: str
    channel_name: str = ""
    to: str = ""
    server: str = ""
    language: str = ""
    is_self: bool = False
    is_npc: bool = False
    is_cut: bool = False

    @property
    def is_private(self) -> bool:
        """Return whether it was a tell: not to be stored unless it was taken as a bid or the like."""
        return self.channel == "tell"


def read_chat(text: str, logger: str | None = None) -> ChatLine | None:
    """Read the message part of a log line (no time before it), None where it is not chat.

    `logger` is the character who wrote the log; `You` and `Me` become that name.
    """
    if len(text) > LONGEST_CHAT:
        return None
    text = text.rstrip("\r\n")
    if text.startswith("You "):
        match = _SELF.match(text)
        if match:
            return _own(match, logger)
    match = _OTHER.match(text) if _BEGINS_A_QUOTE.search(text) else None
    if match:
        message, is_cut = _unquoted(match["message"])
        server, speaker, is_npc = _speaker(match["who"])
        is_self = speaker == "You"  # `You tells Chan:1, …`: some clients and tools write their own lines as others'
        channel = (
            "tell" if match["tell"] else "channel" if match["channel"] else _PLACES[match["place"] or match["spoken"]]
        )
        return ChatLine(
            speaker=(logger or "You") if is_self else speaker,
            channel=channel,
            message=message,
            channel_name=match["channel"] or "",
            to=(logger or "You") if match["tell"] else "",
            server=server,
            language=match["language"] or "",
            is_self=is_self,
            is_npc=is_npc,
            is_cut=is_cut,
        )
    match = _WINDOW.match(text) if " -> " in text else None
    return _window(match, logger) if match else None


def _own(match: re.Match[str], logger: str | None) -> ChatLine:
    message, is_cut = _unquoted(match["message"])
    channel = "tell" if match["to"] else "channel" if match["channel"] else _PLACES[match["place"] or match["spoken"]]
    return ChatLine(
        speaker=logger or "You",
        channel=channel,
        message=message,
        channel_name=match["channel"] or "",
        to=_speaker(match["to"])[1] if match["to"] else "",
        language=match["language"] or "",
        is_self=True,
        is_cut=is_cut,
    )


def _window(match: re.Match[str], logger: str | None) -> ChatLine:
    """Return the tell window's form; it has no quotes, so that nothing tells a cut message from a whole one."""
    is_self = match["who"].casefold() in _ME or (logger is not None and match["who"].casefold() == logger.casefold())
    server, speaker, is_npc = _speaker(match["who"])
    to = match["to"]
    return ChatLine(
        speaker=(logger or "You") if is_self else speaker,
        channel="tell",
        message=match["message"].strip(),
        to=(logger or "You") if to.casefold() in _ME else _speaker(to)[1],
        server=server,
        is_self=is_self,
        is_npc=is_npc,
    )


def _unquoted(text: str) -> tuple[str, bool]:
    stripped = text.rstrip()
    if stripped and stripped[-1] in "'’”\"":
        return stripped[:-1].strip(), False
    return stripped, True


@lru_cache(maxsize=1024)
def _speaker(who: str) -> tuple[str, str, bool]:
    """Return server, name and whether it is an NPC; `firiona.Bob` comes from another server."""
    server, dot, name = who.partition(".")
    if dot and name.isalpha():
        return server, display_name(name), False
    if _NAME.fullmatch(who):
        return "", display_name(who), False
    return "", who, True
