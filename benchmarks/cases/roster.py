"""Characters and who plays them."""

from __future__ import annotations

from typing import Any

from benchmarks.case import Case, rows


def _characters(cursor: Any, path: str) -> Any:
    return rows(
        cursor,
        "SELECT c.id, c.name, c.character_class, c.level, c.status, c.is_main, c.is_active, c.joined_at, r.name AS rank, "
        "m.name AS main, u.id AS user_id, u.display_name, count(*) OVER () AS total FROM roster_character c LEFT JOIN "
        "roster_rank r ON r.id = c.rank_id LEFT JOIN roster_character m ON m.id = c.main_character_id LEFT JOIN "
        "accounts_user u ON u.id = c.user_id ORDER BY c.name LIMIT 50",
    )


def _discord_roster(cursor: Any, path: str) -> Any:
    return rows(
        cursor,
        "SELECT u.id, u.discord_id, u.display_name, u.role_group, json_agg(json_build_object('name', c.name, 'class', "
        "c.character_class, 'rank', r.name, 'is_main', c.is_main)) AS characters FROM accounts_user u JOIN "
        "roster_character c ON c.user_id = u.id LEFT JOIN roster_rank r ON r.id = c.rank_id GROUP BY u.id "
        "ORDER BY u.id LIMIT 50",
    )


def _by_name(cursor: Any, path: str) -> Any:
    return rows(
        cursor, "SELECT * FROM roster_character WHERE name_key = %s", path.rstrip("/").rsplit("/", 1)[1].lower()
    )


def _names(size: Any) -> list[str]:
    digits = str.maketrans("0123456789", "abdefgklmn")
    numbers = range(1, size.characters, max(1, size.characters // 50))
    return [f"/api/characters/by-name/{str(number).zfill(5).translate(digits)}or/" for number in numbers]


CASES = [
    Case("characters", lambda size: ["/api/characters/?page_size=50"], _characters),
    Case("character-by-name", _names, _by_name),
    Case("discord-roster", lambda size: ["/api/discord/roster/"], _discord_roster),
]
