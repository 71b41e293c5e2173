"""Characters and who plays them, and who would like to."""

from __future__ import annotations

from typing import Any

from benchmarks.case import Case, Kind, one, rows
from benchmarks.cases.points import ROW, only
from benchmarks.guild import Size

CHARACTERS = (
    "SELECT c.id, c.name, c.character_class, c.race, c.level, c.status, c.is_main, c.is_active, c.joined_at, c.note, "
    "c.updated_at, r.id AS rank, r.name AS rank_name, m.id AS main_character, m.name AS main_character_name, u.id AS "
    "user_id, u.display_name, u.discord_id FROM roster_character c LEFT JOIN roster_rank r ON r.id = c.rank_id LEFT JOIN "
    "roster_character m ON m.id = c.main_character_id LEFT JOIN accounts_user u ON u.id = c.user_id {} ORDER BY c.name "
    "LIMIT 50"
)
STANDING = "WHERE c.status <> 'removed'"
WORD = "%person 1%"


def _characters(cursor: Any, path: str) -> Any:
    return {
        "count": one(cursor, f"SELECT count(*) FROM roster_character c {STANDING}"),
        "results": rows(cursor, CHARACTERS.format(STANDING)),
    }


def _character_search(cursor: Any, path: str) -> Any:
    found = (
        "(c.name ILIKE %s OR u.display_name ILIKE %s OR EXISTS (SELECT 1 FROM roster_characteralias a WHERE "
        "a.character_id = c.id AND a.name ILIKE %s))"
    )
    where, words = f"{STANDING} AND {found} AND {found}", ["%person%"] * 3 + ["%1%"] * 3
    people = "roster_character c LEFT JOIN accounts_user u ON u.id = c.user_id"
    return {
        "count": one(cursor, f"SELECT count(*) FROM {people} {where}", *words),
        "results": rows(cursor, CHARACTERS.format(where), *words),
    }


def _roster_page(cursor: Any, path: str) -> Any:
    return {
        "count": one(cursor, "SELECT count(*) FROM roster_character"),
        "results": rows(cursor, CHARACTERS.format("")),
        "ranks": rows(cursor, 'SELECT id, name FROM roster_rank ORDER BY "order"'),
        "leaves": rows(cursor, "SELECT user_id, ends_on FROM raids_leave WHERE starts_on <= current_date"),
    }


def _discord_roster(cursor: Any, path: str) -> Any:
    return {
        "count": one(cursor, "SELECT count(*) FROM accounts_user WHERE NOT is_bot AND merged_into_id IS NULL"),
        "results": rows(
            cursor,
            "SELECT u.id, u.discord_id, u.discord_username, u.display_name, u.role_group, u.is_active, json_agg("
            "json_build_object('id', c.id, 'name', c.name, 'class', c.character_class, 'level', c.level, 'rank', r.name, "
            "'status', c.status, 'is_main', c.is_main, 'is_active', c.is_active)) AS characters FROM (SELECT * FROM "
            "accounts_user WHERE NOT is_bot AND merged_into_id IS NULL ORDER BY display_name LIMIT 100) u JOIN "
            "roster_character c ON c.user_id = u.id LEFT JOIN roster_rank r ON r.id = c.rank_id GROUP BY u.id, "
            "u.discord_id, u.discord_username, u.display_name, u.role_group, u.is_active ORDER BY u.display_name",
        ),
        "mappings": rows(cursor, "SELECT role_id, kind, rank_id FROM discord_discordrolemapping"),
    }


def _applications(cursor: Any, path: str) -> Any:
    return {
        "count": one(cursor, "SELECT count(*) FROM recruitment_application WHERE submitted_at IS NOT NULL"),
        "results": rows(
            cursor,
            "SELECT a.*, u.display_name AS assigned_to_name FROM recruitment_application a LEFT JOIN accounts_user u ON "
            "u.id = a.assigned_to_id WHERE a.submitted_at IS NOT NULL ORDER BY a.submitted_at DESC, a.id DESC LIMIT 50",
        ),
    }


def character_name(number: int) -> str:
    """Return the name of a character of `benchmarks.guild`, in lower case."""
    return str(number).zfill(5).translate(str.maketrans("0123456789", "abdefgklmn")) + "or"


def _names(size: Size) -> list[str]:
    numbers = range(1, size.characters, max(1, size.characters // 50))
    return [f"/api/characters/by-name/{character_name(number)}/" for number in numbers]


CASES = [
    Case("characters", only("/api/characters/?page_size=50"), _characters),
    Case("character-search", only("/api/characters/?page_size=50&search=person%201"), _character_search),
    Case("discord-roster", only("/api/discord/roster/"), _discord_roster),
    Case("applications", only("/api/applications/?page_size=50"), _applications),
    Case("roster-page", only("/roster/"), _roster_page, kind=Kind.PAGE, row_mark=ROW),
    Case("character-by-name", _names, kind=Kind.RECORD),
]
