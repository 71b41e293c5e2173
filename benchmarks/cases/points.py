"""Standings, balances, statements."""

from __future__ import annotations

from typing import Any

from benchmarks.case import Case, number_in, rows
from benchmarks.guild import Size


def _leaderboard(cursor: Any, path: str) -> Any:
    pool = number_in(path)
    return rows(
        cursor,
        "SELECT rank() OVER (ORDER BY s.balance DESC) AS rank, s.user_id, u.discord_id, u.display_name, c.name AS "
        "main_character, c.character_class, s.earned, s.spent, s.adjusted, s.balance, a.attendance FROM "
        "points_userpointssummary s JOIN accounts_user u ON u.id = s.user_id LEFT JOIN roster_character c ON c.main_user"
        " = u.id LEFT JOIN (SELECT ra.user_id, count(DISTINCT k.raid_id) AS attendance FROM raids_attendancecheck k JOIN"
        " raids_raidattendance ra ON ra.attendance_check_id = k.id WHERE k.taken_at > now() - interval '30 days' GROUP BY"
        " ra.user_id) a ON a.user_id = s.user_id WHERE s.pool_id = %s ORDER BY s.balance DESC, s.user_id LIMIT 100",
        pool,
    )


def _balances(cursor: Any, path: str) -> Any:
    return rows(
        cursor,
        "SELECT u.id, u.discord_id, u.display_name, p.id AS pool, p.name, s.earned, s.spent, s.adjusted, s.balance, s.held"
        " FROM accounts_user u JOIN points_userpointssummary s ON s.user_id = u.id JOIN points_dkppool p ON p.id = s.pool_id"
        " WHERE u.id = %s",
        number_in(path),
    )


def _history(cursor: Any, path: str) -> Any:
    return rows(
        cursor,
        "SELECT e.id, e.occurred_at, p.name, e.kind, e.amount, e.character_name, e.description, e.reverses_id, "
        "sum(e.amount) OVER (PARTITION BY e.pool_id ORDER BY e.occurred_at, e.id) AS balance_after FROM "
        "points_ledgerentry e JOIN points_dkppool p ON p.id = e.pool_id WHERE e.user_id = %s "
        "ORDER BY e.occurred_at DESC, e.id DESC LIMIT 50",
        number_in(path),
    )


def _people(pattern: str) -> Any:
    return lambda size: [pattern.format(1 + number * 7 % size.people) for number in range(50)]


def _one(path: str) -> Any:
    def paths(size: Size) -> list[str]:
        return [path]

    return paths


CASES = [
    Case("leaderboard", _one("/api/points/leaderboard/1/?page_size=100"), _leaderboard),
    Case("leaderboard-polled", _one("/api/points/leaderboard/1/?page_size=100"), _leaderboard, etag=True),
    Case("balances", _people("/api/points/user/{}/"), _balances),
    Case("history", _people("/api/points/history/user/{}/?page_size=50"), _history),
    Case("standings-page", _one("/standings/"), _leaderboard, page=True),
]
