"""What is asked while a raid is on: auctions, what somebody may bid, what is planned, the front page, and how the site is."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.case import Case, Kind, Paths, one, rows
from benchmarks.cases.points import STANDINGS, balances, only
from benchmarks.cases.raids import RAIDS
from benchmarks.guild import Size

MEMBER = 10
"""Who is signed in for the pages."""
RUNNING = "SELECT * FROM auctions_bidsession WHERE status = 'open' ORDER BY ends_at, id LIMIT {}"
DATES = (
    "SELECT d.*, s.* FROM (SELECT * FROM eqdkp_calendarevent WHERE (starts_at > now() OR ends_at > now()) AND NOT "
    "is_private ORDER BY starts_at, id LIMIT {}) d, LATERAL (SELECT count(*) FILTER (WHERE status = 0) AS confirmed, "
    "count(*) FILTER (WHERE status = 1) AS coming, count(*) FILTER (WHERE status = 2) AS absent, count(*) FILTER (WHERE "
    "status = 3) AS reserve FROM eqdkp_calendarsignup WHERE event_id = d.id) s ORDER BY d.starts_at, d.id"
)
ANSWERS = (
    "SELECT s.event_id, s.status, c.name FROM eqdkp_calendarsignup s JOIN roster_character c ON c.id = s.character_id "
    "WHERE c.user_id = %s AND s.event_id = ANY(%s)"
)
CHARACTERS = "SELECT id, name, character_class, level, rank_id, is_main FROM roster_character WHERE user_id = %s"


def _calendar(cursor: Any, path: str) -> Any:
    found = rows(cursor, DATES.format(50))
    return {"count": len(found), "results": found}


def _calendar_page(cursor: Any, path: str) -> Any:
    found = rows(cursor, DATES.format(30))
    return {"results": found, "answers": rows(cursor, ANSWERS, MEMBER, [row["id"] for row in found])}


def _auctions(cursor: Any, path: str) -> Any:
    running = rows(cursor, RUNNING.format(500))
    waiting = rows(cursor, "SELECT * FROM auctions_bidsession WHERE status = 'closed' ORDER BY closed_at DESC LIMIT 50")
    ids = [row["id"] for row in running + waiting]
    return {
        "results": running + waiting,
        "bids": rows(
            cursor,
            "SELECT b.*, u.display_name FROM auctions_itembid b JOIN accounts_user u ON u.id = b.user_id WHERE "
            "b.session_id = ANY(%s) ORDER BY b.session_id, b.tier, b.amount DESC",
            ids,
        ),
        "winners": rows(
            cursor,
            "SELECT w.*, u.display_name FROM auctions_sessionwinner w JOIN accounts_user u ON u.id = w.user_id WHERE "
            "w.session_id = ANY(%s)",
            ids,
        ),
        "balances": balances(cursor, MEMBER),
        "characters": rows(cursor, CHARACTERS, MEMBER),
        "past": rows(
            cursor,
            "SELECT * FROM auctions_bidsession WHERE status IN ('awarded', 'cancelled') ORDER BY closed_at DESC LIMIT 20",
        ),
    }


def _home(cursor: Any, path: str) -> Any:
    dates = rows(cursor, DATES.format(3))
    return {
        "results": rows(cursor, RUNNING.format(6)),
        "characters": rows(cursor, CHARACTERS, MEMBER),
        "last": rows(cursor, RAIDS.format(1)),
        "coming": rows(cursor, "SELECT * FROM raids_raid WHERE started_at > now() ORDER BY started_at LIMIT 1"),
        "dates": dates,
        "answers": rows(cursor, ANSWERS, MEMBER, [row["id"] for row in dates]),
        "bids": rows(
            cursor,
            "SELECT b.session_id, b.amount, s.item_name FROM auctions_itembid b JOIN auctions_bidsession s ON s.id = "
            "b.session_id WHERE b.user_id = %s AND s.closed_at > now() - interval '7 days'",
            MEMBER,
        ),
        "balances": balances(cursor, MEMBER),
        "entries": rows(
            cursor,
            "SELECT id, occurred_at, kind, amount, character_name, description FROM points_ledgerentry WHERE user_id = %s "
            "ORDER BY occurred_at DESC, id DESC LIMIT 6",
            MEMBER,
        ),
        "top": rows(cursor, STANDINGS + "5", 1),
        "votes": one(cursor, "SELECT count(*) FROM recruitment_application WHERE status = 'voting_active'"),
    }


def _discord_ids(size: Size) -> list[str]:
    return [str(100_000_000_000_000_000 + number) for number in range(10, min(60, size.people))]


def _each(pattern: str) -> Paths:
    def paths(size: Size) -> list[str]:
        return [pattern.format(discord_id) for discord_id in _discord_ids(size)]

    return paths


def _bids(size: Size) -> list[bytes]:
    return [json.dumps({"discord_id": one_of_them, "amount": "5"}).encode() for one_of_them in _discord_ids(size)]


CASES = [
    Case("home", only("/"), _home, kind=Kind.PAGE),
    Case("auctions-page", only("/auctions/"), _auctions, kind=Kind.PAGE),
    Case("calendar-page", only("/calendar/"), _calendar_page, kind=Kind.PAGE),
    Case("calendar", only("/api/calendar/?page_size=50"), _calendar),
    Case("bare", only("/api/bare/"), kind=Kind.BARE, grows=False),
    Case("max-bid", _each("/api/bidding/user/{}/max-bid/"), kind=Kind.RECORD),
    Case("validate-bid", only("/api/discord/validate-bid/"), kind=Kind.RECORD, bodies=_bids),
    Case("system-health", only("/api/admin/system-health/"), kind=Kind.RECORD),
]
