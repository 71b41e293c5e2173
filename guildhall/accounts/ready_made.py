"""The permission groups that a guild begins with, and what each scope is in words.

They are data: officers change their scopes, and add and remove groups (`services.groups`). The migration that made them
holds its own copy.
"""

from __future__ import annotations

#: What each scope lets somebody do, for people.
WORDS: dict[str, str] = {
    "roster:read": "see the roster: characters, ranks, whose they are",
    "roster:write": "change the roster: people, characters, ranks, imports of the roster",
    "points:read": "see everybody's points",
    "points:write": "change points: adjust, undo entries, point rules, pools, bidding rules",
    "raids:read": "see raids, items and the calendar",
    "raids:signup": "sign up for raids, and take leave",
    "raids:write": "run raids: plan them, award attendance and loot, put it right, events and items",
    "calendar:read": "see the calendar",
    "loot:write": "award items, put awards right, and keep the list of items",
    "bidding:read": "see auctions",
    "bidding:write": "bid",
    "bidding:run": "run auctions: start, close, award and undo them",
    "discord:read": "see what is known of Discord",
    "discord:write": "change what Discord roles stand for, link people, send messages again",
    "recruitment:read": "see recruitment",
    "recruitment:write": "apply and vote",
    "recruitment:review": "screen applications: read them whole, comment, decide, run trials",
    "own:read": "see their own points and attendance",
    "account:read": "see their own keys and what was done with their account",
    "account:write": "change their own account: keys, name, claims",
    "admin": "be the administrator: bots' keys, the whole audit log",
}
