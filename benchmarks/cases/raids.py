"""Raids with their attendance and loot, and items with their prices."""

from __future__ import annotations

from typing import Any

from benchmarks.case import Case, number_in, rows


def _raids(cursor: Any, path: str) -> Any:
    return rows(
        cursor,
        "SELECT r.*, e.name AS event_name, (SELECT count(*) FROM raids_raid) AS total, (SELECT json_agg(k) FROM "
        "raids_attendancecheck k WHERE k.raid_id = r.id) AS checks FROM raids_raid r JOIN raids_event e ON e.id = "
        "r.event_id ORDER BY r.started_at DESC LIMIT 50",
    )


def _attendance(cursor: Any, path: str) -> Any:
    return rows(
        cursor,
        "SELECT a.id, a.character_name, a.user_id, a.status, a.points FROM raids_raidattendance a JOIN "
        "raids_attendancecheck k ON k.id = a.attendance_check_id WHERE k.raid_id = %s ORDER BY a.id LIMIT 100",
        number_in(path),
    )


def _items(cursor: Any, path: str) -> Any:
    return rows(
        cursor,
        "SELECT i.id, i.name, i.category, i.rarity, i.is_active, i.metadata, count(*) OVER () AS total FROM loot_item i "
        "ORDER BY i.name LIMIT 50",
    )


def _some(pattern: str, most: str) -> Any:
    return lambda size: [pattern.format(1 + number * 97 % getattr(size, most)) for number in range(50)]


CASES = [
    Case("raids", lambda size: ["/api/raids/?page_size=50"], _raids),
    Case("raid-attendance", _some("/api/raids/{}/attendance/?page_size=100", "raids"), _attendance),
    Case("items", lambda size: ["/api/items/?page_size=50"], _items),
]
