"""Raids with their attendance, loot, and items with their prices."""

from __future__ import annotations

from typing import Any

from benchmarks.case import Case, Kind, Paths, number_in, one, rows
from benchmarks.cases.points import ROW, only
from benchmarks.guild import Size

RAIDS = (
    "SELECT r.*, e.name AS event_name, l.leader_name, k.checks, k.people, m.unmatched, p.pools FROM (SELECT * FROM "
    "raids_raid ORDER BY started_at DESC, id DESC LIMIT {}) r JOIN raids_event e ON e.id = r.event_id LEFT JOIN LATERAL "
    "(SELECT u.display_name AS leader_name FROM accounts_user u WHERE u.id = r.leader_id) l ON true, LATERAL (SELECT "
    "json_agg(json_build_object('id', k.id, 'kind', k.kind, 'label', k.label, 'taken_at', k.taken_at, 'points', "
    "k.points, 'position', k.position)) AS checks, (SELECT count(DISTINCT a.user_id) FROM raids_attendancecheck c JOIN "
    "raids_raidattendance a ON a.attendance_check_id = c.id WHERE c.raid_id = r.id AND a.reversed_at IS NULL) AS people "
    "FROM raids_attendancecheck k WHERE k.raid_id = r.id) k, LATERAL (SELECT count(*) AS unmatched FROM "
    "raids_unmatchedname n WHERE n.raid_id = r.id) m, LATERAL (SELECT json_agg(json_build_object('id', d.id, 'name', "
    "d.name)) AS pools FROM raids_eventpool j JOIN points_dkppool d ON d.id = j.pool_id WHERE j.event_id = r.event_id) p "
    "ORDER BY r.started_at DESC, r.id DESC"
)


def _raids(cursor: Any, path: str) -> Any:
    return {"count": one(cursor, "SELECT count(*) FROM raids_raid"), "results": rows(cursor, RAIDS.format(50))}


def _raids_page(cursor: Any, path: str) -> Any:
    return {
        "count": one(cursor, "SELECT count(*) FROM raids_raid"),
        "results": rows(cursor, RAIDS.format(30)),
        "events": rows(cursor, "SELECT id, name FROM raids_event ORDER BY name"),
    }


ATTENDANCE = (
    "SELECT a.id, k.id AS check_id, a.character_name, a.character_id, a.user_id, u.display_name, a.status, a.points, "
    "a.given_points, a.amounts, a.credited_user_id, a.note, a.created_at, a.reversed_at, a.reversal_reason FROM "
    "raids_raidattendance a JOIN raids_attendancecheck k ON k.id = a.attendance_check_id LEFT JOIN accounts_user u ON "
    "u.id = a.user_id WHERE k.raid_id = %s AND a.reversed_at IS NULL ORDER BY a.character_name"
)
LOOT = (
    "SELECT l.id, l.item_id, l.item_name, l.user_id, u.discord_id, u.display_name, l.character_name, l.raid_id, "
    "l.pool_id, p.name AS dkp_pool, l.points_spent, l.awarded_at, l.awarded_by_id, l.source, l.auction, l.note, "
    "l.reversed_at, l.reversal_reason, l.corrected_from_id, (SELECT json_agg(x.dkppool_id) FROM "
    "loot_lootdistribution_extra_pools x WHERE x.lootdistribution_id = l.id) AS extra FROM loot_lootdistribution l JOIN "
    "accounts_user u ON u.id = l.user_id JOIN points_dkppool p ON p.id = l.pool_id {}"
)


def _attendance(cursor: Any, path: str) -> Any:
    found = rows(cursor, ATTENDANCE + " LIMIT 100", number_in(path))
    return {"count": len(found), "results": found}


def _raid_page(cursor: Any, path: str) -> Any:
    raid = number_in(path)
    return {
        "results": rows(cursor, ATTENDANCE, raid),
        "raid": rows(
            cursor,
            "SELECT r.*, e.name AS event_name FROM raids_raid r JOIN raids_event e ON e.id = r.event_id WHERE r.id = %s",
            raid,
        ),
        "pools": rows(
            cursor,
            "SELECT d.id, d.name FROM raids_raid r JOIN raids_eventpool j ON j.event_id = r.event_id JOIN points_dkppool "
            "d ON d.id = j.pool_id WHERE r.id = %s",
            raid,
        ),
        "checks": rows(cursor, "SELECT * FROM raids_attendancecheck WHERE raid_id = %s ORDER BY position, id", raid),
        "awards": rows(cursor, LOOT.format("WHERE l.raid_id = %s ORDER BY l.awarded_at, l.id"), raid),
        "unmatched": rows(cursor, "SELECT * FROM raids_unmatchedname WHERE raid_id = %s", raid),
        "uploads": rows(cursor, "SELECT id, format, file_name FROM raids_attendanceupload WHERE raid_id = %s", raid),
    }


def _loot(cursor: Any, path: str) -> Any:
    return {
        "count": one(cursor, "SELECT count(*) FROM loot_lootdistribution"),
        "results": rows(cursor, LOOT.format("ORDER BY l.awarded_at DESC, l.id DESC LIMIT 50")),
    }


ITEMS = (
    "SELECT i.*, a.awards_count, a.last_awarded_at FROM (SELECT * FROM loot_item {} ORDER BY name, id LIMIT 50) i, LATERAL "
    "(SELECT count(*) AS awards_count, max(awarded_at) AS last_awarded_at FROM loot_lootdistribution l WHERE l.item_id = "
    "i.id AND l.reversed_at IS NULL) a ORDER BY i.name, i.id"
)
WORDS = ("%item%", "%1%")
FOUND = "WHERE (name ILIKE %s OR category ILIKE %s OR game_id ILIKE %s) AND (name ILIKE %s OR category ILIKE %s OR game_id ILIKE %s)"


def _items(cursor: Any, path: str) -> Any:
    return {"count": one(cursor, "SELECT count(*) FROM loot_item"), "results": rows(cursor, ITEMS.format(""))}


def _item_search(cursor: Any, path: str) -> Any:
    words = [word for word in WORDS for _ in range(3)]
    return {
        "count": one(cursor, f"SELECT count(*) FROM loot_item {FOUND}", *words),
        "results": rows(cursor, ITEMS.format(FOUND), *words),
    }


def _prices(cursor: Any, path: str) -> Any:
    """The figures of all awards, and the last twenty, from which median and trend follow."""
    item = number_in(path)
    return {
        "item": rows(cursor, "SELECT id, name FROM loot_item WHERE id = %s", item),
        "figures": rows(
            cursor,
            "SELECT count(*) AS awards, count(*) FILTER (WHERE points_spent > 0) AS paid, min(points_spent), "
            "max(points_spent) FROM loot_lootdistribution WHERE item_id = %s AND reversed_at IS NULL",
            item,
        ),
        "results": rows(
            cursor,
            "SELECT id, awarded_at, points_spent, character_name, user_id, pool_id FROM loot_lootdistribution WHERE "
            "item_id = %s AND reversed_at IS NULL ORDER BY awarded_at DESC, id DESC LIMIT 20",
            item,
        ),
    }


def _some(pattern: str, most: str) -> Paths:
    def paths(size: Size) -> list[str]:
        return list(dict.fromkeys(pattern.format(1 + number * 97 % getattr(size, most)) for number in range(50)))

    return paths


CASES = [
    Case("raids", only("/api/raids/?page_size=50"), _raids),
    Case("raid-attendance", _some("/api/raids/{}/attendance/?page_size=100", "raids"), _attendance),
    Case("loot", only("/api/loot/?page_size=50"), _loot),
    Case("items", only("/api/items/?page_size=50"), _items),
    Case("item-search", only("/api/items/?page_size=50&search=item%201"), _item_search),
    Case("price-history", _some("/api/items/{}/price-history/", "dropped"), _prices),
    Case("raids-page", only("/raids/"), _raids_page, kind=Kind.PAGE, row_mark=ROW),
    Case("raid-page", _some("/raids/{}/", "raids"), _raid_page, kind=Kind.PAGE),
]
