"""The form of how the guild writes its auctions in chat, with a box to try lines in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from guildhall.auctions.chat import GRAMMARS, ChatConventions
from guildhall.auctions.chat.conventions import CHANNELS
from guildhall.auctions.chat.ready_made import READY_MADE
from guildhall.core.form_fields import ChoiceField, ChoicesField, TextField
from guildhall.web.forms.base import PageForm

_LISTS = ("channels", "loot_tags", "fillers")
_TABLES = ("categories", "roll_tiers")
_CHOICES = ("grammars", "bid_channels", "officer_channels")
_SIGNS = ("comment", "take_symbol")
MOST_TRIED = 20_000


class ChatRulesForm(PageForm):
    """How auctions are written. Its fields but `base` and `lines` are those of `ChatConventions.from_data`."""

    base = ChoiceField("Ready-made set", choices=[(name, one.label) for name, one in READY_MADE.items()])
    lines = TextField("Lines to try", log=True, rows=6, max_length=MOST_TRIED, strip=False)
    grammars = ChoicesField("What is read", choices=[(name, example) for name, example in GRAMMARS.items()])
    bid_channels = ChoicesField("Bids count in", choices=list(CHANNELS.items()))
    officer_channels = ChoicesField("Openings, closings and awards count in", choices=list(CHANNELS.items()))
    channels = TextField("Only these numbered channels (none: any)", max_length=1000)
    loot_tags = TextField("First or last word that opens what it stands beside", max_length=1000)
    comment = TextField("What begins a comment", required="Say what begins a comment, such as ||.", max_length=10)
    take_symbol = TextField("Sign that takes an item", required="Give a sign, such as x.", max_length=10)
    categories = TextField("Words for categories of bids, one a line: word = category", rows=6, max_length=20_000)
    roll_tiers = TextField("Words for tiers of rolls, one a line: word = tier", rows=6, max_length=20_000)
    fillers = TextField("Words of a bid that mean nothing", rows=3, max_length=20_000)

    def conventions(self) -> dict[str, object]:
        """Return what was sent, as `ChatConventions.from_data` takes it."""
        sent = self.cleaned_data
        return {
            **{name: list(sent[name]) for name in _CHOICES},
            **{name: _words(sent[name]) for name in _LISTS},
            **{name: sent[name] for name in _SIGNS},
            **{name: _table(sent[name]) for name in _TABLES},
        }


def shown(rules: ChatConventions) -> dict[str, object]:
    """Return conventions as the form's fields show them."""
    return {
        **{name: sorted(getattr(rules, name)) for name in _CHOICES},
        **{name: ", ".join(_in_order(getattr(rules, name))) for name in _LISTS},
        **{name: getattr(rules, name) for name in _SIGNS},
        **{name: "\n".join(_lines(getattr(rules, name))) for name in _TABLES},
    }


def _in_order(words: Iterable[str]) -> list[str]:
    return sorted(words) if isinstance(words, frozenset) else list(words)


def _lines(table: Mapping[str, str]) -> list[str]:
    return [f"{word} = {means}" for word, means in table.items()]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.replace("\n", ",").split(",") if word.strip()]


def _table(text: str) -> dict[str, str]:
    """Return words with what they mean; a word alone means itself."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        word, _sign, means = (part.strip() for part in line.partition("="))
        if word:
            found[word] = means or word
    return found
