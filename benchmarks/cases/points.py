"""Standings, balances, statements, movements, and the old API's points."""

from __future__ import annotations

from typing import Any

from benchmarks.case import Case, Kind, Paths, number_in, one, rows
from benchmarks.guild import Size

STANDINGS = (
    "SELECT rank() OVER (ORDER BY s.balance DESC) AS rank, s.user_id, u.discord_id, u.display_name, c.name AS "
    "main_character, c.character_class, s.earned, s.spent, s.adjusted, s.balance, a.attendance FROM "
    "points_userpointssummary s JOIN accounts_user u ON u.id = s.user_id LEFT JOIN roster_character c ON c.main_user"
    " = u.id LEFT JOIN (SELECT ra.user_id, count(DISTINCT k.raid_id) AS attendance FROM raids_attendancecheck k JOIN"
    " raids_raidattendance ra ON ra.attendance_check_id = k.id WHERE k.taken_at > now() - interval '30 days' GROUP BY"
    " ra.user_id) a ON a.user_id = s.user_id WHERE s.pool_id = %s ORDER BY s.balance DESC, s.user_id LIMIT "
)


def _standings(cursor: Any, pool: int, limit: int) -> dict[str, Any]:
    return {
        "count": one(cursor, "SELECT count(*) FROM points_userpointssummary WHERE pool_id = %s", pool),
        "results": rows(cursor, STANDINGS + str(limit), pool),
    }


def _leaderboard(cursor: Any, path: str) -> Any:
    return _standings(cursor, number_in(path), 100)


def _standings_page(cursor: Any, path: str) -> Any:
    return {**_standings(cursor, 1, 50), "ranks": rows(cursor, 'SELECT id, name FROM roster_rank ORDER BY "order"')}


def statement(cursor: Any, user_id: int, limit: int) -> dict[str, Any]:
    """Return somebody's newest movements with the balance that each left, worked out backwards from the balance kept."""
    return {
        "count": one(cursor, "SELECT count(*) FROM points_ledgerentry WHERE user_id = %s", user_id),
        "results": rows(
            cursor,
            "SELECT e.*, p.name AS dkp_pool, r.id AS reversed_by, s.balance - coalesce(sum(e.amount) OVER (PARTITION BY "
            "e.pool_id ORDER BY e.occurred_at DESC, e.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS "
            "balance_after FROM (SELECT id, occurred_at, created_at, user_id, pool_id, kind, bucket, amount, "
            "character_name, description, reverses_id, document, context, created_by_id FROM points_ledgerentry WHERE "
            f"user_id = %s ORDER BY occurred_at DESC, id DESC LIMIT {limit}) e JOIN points_dkppool p ON p.id = e.pool_id "
            "JOIN points_userpointssummary s ON s.user_id = e.user_id AND s.pool_id = e.pool_id LEFT JOIN "
            "points_ledgerentry r ON r.reverses_id = e.id ORDER BY e.occurred_at DESC, e.id DESC",
            user_id,
        ),
    }


def balances(cursor: Any, user_id: int) -> list[dict[str, Any]]:
    """Return what somebody has in each pool."""
    return rows(
        cursor,
        "SELECT p.id, p.name, s.earned, s.spent, s.adjusted, s.balance, s.held FROM points_dkppool p LEFT JOIN "
        "points_userpointssummary s ON s.pool_id = p.id AND s.user_id = %s ORDER BY p.id",
        user_id,
    )


def _history(cursor: Any, path: str) -> Any:
    return statement(cursor, number_in(path), 50)


def _member_page(cursor: Any, path: str) -> Any:
    person = number_in(path)
    shown = statement(cursor, person, 50)
    raids = [row["context"] for row in shown["results"] if row["kind"] == "raid"]
    awards = [row["document"] for row in shown["results"] if row["kind"] == "loot"]
    return {
        **shown,
        "person": rows(cursor, "SELECT id, display_name, role_group FROM accounts_user WHERE id = %s", person),
        "characters": rows(
            cursor, "SELECT id, name, character_class, level FROM roster_character WHERE user_id = %s", person
        ),
        "leave": rows(cursor, "SELECT * FROM raids_leave WHERE user_id = %s AND starts_on <= current_date", person),
        "balances": balances(cursor, person),
        "raids": rows(cursor, "SELECT id, context, name FROM raids_raid WHERE context = ANY(%s)", raids),
        "items": rows(
            cursor, "SELECT id, document, item_id, raid_id FROM loot_lootdistribution WHERE document = ANY(%s)", awards
        ),
    }


ENTRIES = (
    "SELECT e.id, e.occurred_at, e.created_at, e.user_id, e.pool_id, p.name AS dkp_pool, e.kind, e.bucket, e.amount, "
    "e.character_name, e.description, e.reverses_id, r.id AS reversed_by, e.document, e.context, e.created_by_id FROM "
    "points_ledgerentry e JOIN points_dkppool p ON p.id = e.pool_id LEFT JOIN points_ledgerentry r ON r.reverses_id = "
    "e.id {} ORDER BY e.occurred_at DESC, e.id DESC LIMIT 50"
)
WORDS = "%Item 1%"


def _entries(cursor: Any, path: str) -> Any:
    return {
        "count": one(cursor, "SELECT count(*) FROM points_ledgerentry"),
        "results": rows(cursor, ENTRIES.format("")),
    }


def _entry_search(cursor: Any, path: str) -> Any:
    where = "WHERE e.description ILIKE %s OR e.character_name ILIKE %s"
    return {
        "count": one(cursor, f"SELECT count(*) FROM points_ledgerentry e {where}", WORDS, WORDS),
        "results": rows(cursor, ENTRIES.format(where), WORDS, WORDS),
    }


def _old_points(cursor: Any, path: str) -> Any:
    """Everybody's points by character, in each pool: with those of all characters of the person, and of their own name."""
    return {
        "results": rows(
            cursor,
            "SELECT c.id, c.name, c.is_active, k.is_hidden, coalesce(m.id, c.id) AS main_id, coalesce(m.name, c.name) AS "
            "main_name, c.character_class, json_agg(json_build_object('multidkp_id', p.id, 'points_earned', o.earned, "
            "'points_spent', o.spent, 'points_adjustment', o.adjusted, 'points_current', o.balance, "
            "'points_earned_with_twink', s.earned, 'points_spent_with_twink', s.spent, 'points_adjustment_with_twink', "
            "s.adjusted, 'points_current_with_twink', s.balance) ORDER BY p.id) AS points FROM roster_character c CROSS "
            "JOIN points_dkppool p LEFT JOIN roster_rank k ON k.id = c.rank_id LEFT JOIN roster_character m ON m.id = "
            "c.main_character_id LEFT JOIN points_userpointssummary s ON s.user_id = c.user_id AND s.pool_id = p.id LEFT "
            "JOIN points_userpointssummary o ON o.user_id = c.main_user AND o.pool_id = p.id "
            "GROUP BY c.id, k.is_hidden, m.id, m.name ORDER BY c.name",
        ),
        "pools": rows(
            cursor,
            "SELECT p.id, p.name, p.description, e.id AS event, e.name AS event_name, e.default_points FROM "
            "points_dkppool p LEFT JOIN raids_eventpool l ON l.pool_id = p.id LEFT JOIN raids_event e ON e.id = l.event_id",
        ),
        "itempools": rows(cursor, "SELECT id, name, description FROM raids_itempool ORDER BY name"),
        "total_items": one(cursor, "SELECT count(*) FROM loot_lootdistribution WHERE reversed_at IS NULL"),
    }


def people(pattern: str) -> Paths:
    """Return paths with fifty people who raid, `pattern` having their number."""

    def paths(size: Size) -> list[str]:
        found = dict.fromkeys(1 + number * 7 % size.active for number in range(50))
        return [pattern.format(one_of_them) for one_of_them in found]

    return paths


def only(path: str) -> Paths:
    """Return this one path, in a guild of any size."""

    def paths(size: Size) -> list[str]:
        return [path]

    return paths


LEADERBOARD = only("/api/points/leaderboard/1/?page_size=100")
ROW = r'<tr[^>]*>\s*(?!<th scope="col")<t'
CASES = [
    Case("leaderboard", LEADERBOARD, _leaderboard),
    Case("leaderboard-polled", LEADERBOARD, _leaderboard, etag=True, grows=False),
    Case("leaderboard-gzip", LEADERBOARD, _leaderboard, accepts="gzip, deflate, br, zstd", grows=False),
    Case("history", people("/api/points/history/user/{}/?page_size=50"), _history),
    Case("entries", only("/api/points/entries/?page_size=50"), _entries),
    Case("entry-search", only("/api/points/entries/?page_size=50&search=Item%201"), _entry_search),
    Case("old-api-points", only("/api.php?function=points&format=json"), _old_points),
    Case("standings-page", only("/standings/"), _standings_page, kind=Kind.PAGE, row_mark=ROW),
    Case(
        "standings-page-gzip",
        only("/standings/"),
        _standings_page,
        kind=Kind.PAGE,
        accepts="gzip, deflate, br, zstd",
        grows=False,
    ),
    Case("member-page", people("/people/{}/"), _member_page, kind=Kind.PAGE, row_mark=ROW),
    Case("balances", people("/api/points/user/{}/"), kind=Kind.RECORD),
]
