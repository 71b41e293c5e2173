"""A big guild, made with bulk SQL on PostgreSQL: ten years of raids whose ledger adds up (`verify_ledger` holds).

Everything is arithmetic on row numbers, so the same figures make the same guild.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.db import connection, models


@dataclass(frozen=True, slots=True)
class Size:
    """How big: people are two thirds of the characters, the rest are alts."""

    characters: int = 450
    raids: int = 5_000
    attendances: int = 200_000
    items: int = 30_000

    @property
    def people(self) -> int:
        return max(1, self.characters * 2 // 3)

    @property
    def a_raid(self) -> int:
        """Return people at each raid."""
        return min(self.people, max(1, self.attendances // self.raids))


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return "'{}'".format(str(value).replace("'", "''"))


def fill(model: type[models.Model], columns: dict[str, str], source: str) -> None:
    """``INSERT INTO model SELECT columns FROM source``; what `columns` leaves out gets the model's default."""
    columns = dict(columns)
    for field in model._meta.concrete_fields:
        if field.column in columns or field.primary_key or field.null or field.generated:
            continue
        if isinstance(field, models.DateTimeField):
            columns[field.column] = "now()"
        elif isinstance(field, models.JSONField):
            columns[field.column] = f"'{json.dumps(field.get_default())}'::jsonb"
        else:
            columns[field.column] = _literal(field.get_db_prep_save(field.get_default(), connection))
    names = ", ".join(connection.ops.quote_name(name) for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({names}) SELECT {', '.join(columns.values())} FROM {source}"
        )


def build(size: Size) -> None:
    """Fill the empty, migrated database."""
    from guildhall.accounts.models import User
    from guildhall.loot.models import Item, LootDistribution
    from guildhall.points.models import DKPPool, LedgerEntry, UserPointsSummary
    from guildhall.raids.models import AttendanceCheck, Event, EventPool, Raid, RaidAttendance
    from guildhall.roster.models import Character, CharacterOwnership, Rank

    people, a_raid = size.people, size.a_raid
    n = "generate_series(1, {}) AS n"
    fill(
        User,
        {
            "id": "n",
            "username": "'person' || n",
            "display_name": "'Person ' || n",
            "discord_id": "(100000000000000000 + n)::text",
            "role_group": "CASE WHEN n <= 5 THEN 'officer' ELSE 'member' END",
            "password": "'!'",
        },
        n.format(people),
    )
    fill(Rank, {"id": "n", "name": "'Rank ' || n", "order": "n"}, n.format(6))
    classes = "(ARRAY['Warrior','Cleric','Enchanter','Wizard','Monk','Shaman','Druid','Rogue','Bard','Paladin'])"
    name = "initcap(translate(lpad(n::text, 5, '0'), '0123456789', 'abdefgklmn')) || 'or'"
    fill(
        Character,
        {
            "id": "n",
            "name": name,
            "name_key": f"lower({name})",
            "character_class": f"{classes}[1 + n % 10]",
            "level": "60 + n % 6",
            "is_main": f"n <= {people}",
            "main_character_id": f"CASE WHEN n <= {people} THEN NULL ELSE 1 + (n - 1) % {people} END",
            "user_id": f"1 + (n - 1) % {people}",
            "rank_id": "1 + n % 6",
            "joined_at": "now() - interval '10 years'",
        },
        n.format(size.characters),
    )
    fill(
        CharacterOwnership,
        {"character_id": "id", "user_id": "user_id", "started_at": "joined_at"},
        "roster_character",
    )
    fill(DKPPool, {"id": "n", "name": "'Pool ' || n", "is_default": "n = 1"}, n.format(3))
    fill(Event, {"id": "n", "name": "'Event ' || n", "default_points": "1000"}, n.format(20))
    fill(EventPool, {"event_id": "n", "pool_id": "1"}, n.format(20))
    began = f"now() - interval '2 hours' - n * (interval '3650 days' / {size.raids})"
    fill(
        Raid,
        {
            "id": "n",
            "name": "'Raid ' || n",
            "started_at": began,
            "points": "1000",
            "context": "md5('raid' || n)::uuid",
            "event_id": "1 + n % 20",
        },
        n.format(size.raids),
    )
    fill(
        AttendanceCheck,
        {"id": "id", "raid_id": "id", "taken_at": "started_at", "points": "1000"},
        "raids_raid",
    )
    # 13 and the number of people share no factor for the sizes here, so nobody stands twice in a raid.
    step = next(prime for prime in (13, 17, 19, 23) if people % prime)
    seats = (
        f"(SELECT r.id AS raid, r.started_at, r.context, 1 + (r.id * 7 + i * {step}) % {people} AS person, "
        f"md5('seat' || r.id || '-' || i)::uuid AS document FROM raids_raid r, generate_series(0, {a_raid - 1}) i) s "
        "JOIN roster_character c ON c.id = s.person"
    )
    fill(
        RaidAttendance,
        {
            "document": "s.document",
            "character_name": "c.name",
            "name_key": "c.name_key",
            "points": "1000",
            "amounts": '\'{"1": "10.00"}\'::jsonb',
            "attendance_check_id": "s.raid",
            "character_id": "c.id",
            "user_id": "s.person",
            "credited_user_id": "s.person",
        },
        seats,
    )
    fill(
        LedgerEntry,
        {
            "kind": "'raid'",
            "bucket": "'earned'",
            "amount": "1000",
            "occurred_at": "s.started_at",
            "character_name": "c.name",
            "description": "'Raid ' || s.raid",
            "document": "s.document",
            "context": "s.context",
            "pool_id": "1",
            "user_id": "s.person",
        },
        f"{seats} ORDER BY s.started_at",
    )
    fill(
        Item,
        {"id": "n", "name": "'Item ' || n", "name_key": "'item ' || n", "category": "'Category ' || n % 12"},
        n.format(max(1, size.items // 20)),
    )
    awards = (
        f"(SELECT n, 1 + n % {max(1, size.items // 20)} AS item, r.id AS raid, r.started_at, r.context, "
        f"1 + (n * 11) % {people} AS person, (500 + n * 37 % 9000) AS price, md5('award' || n)::uuid AS document "
        f"FROM generate_series(1, {size.items}) n JOIN raids_raid r ON r.id = 1 + n % {size.raids}) s "
        "JOIN roster_character c ON c.id = s.person"
    )
    fill(
        LootDistribution,
        {
            "document": "s.document",
            "item_name": "'Item ' || s.item",
            "character_name": "c.name",
            "points_spent": "s.price",
            "awarded_at": "s.started_at",
            "character_id": "c.id",
            "item_id": "s.item",
            "pool_id": "1",
            "raid_id": "s.raid",
            "user_id": "s.person",
        },
        awards,
    )
    fill(
        LedgerEntry,
        {
            "kind": "'loot'",
            "bucket": "'spent'",
            "amount": "-s.price",
            "occurred_at": "s.started_at",
            "character_name": "c.name",
            "description": "'Item ' || s.item",
            "document": "s.document",
            "context": "s.context",
            "pool_id": "1",
            "user_id": "s.person",
        },
        f"{awards} ORDER BY s.started_at",
    )
    fill(
        UserPointsSummary,
        {"user_id": "user_id", "pool_id": "pool_id", "earned": "earned", "spent": "spent", "balance": "earned - spent"},
        "(SELECT user_id, pool_id, coalesce(sum(amount) FILTER (WHERE bucket = 'earned'), 0) AS earned, "
        "-coalesce(sum(amount) FILTER (WHERE bucket = 'spent'), 0) AS spent FROM points_ledgerentry "
        "GROUP BY user_id, pool_id) t",
    )
    _settle()


def _settle() -> None:
    """Free numbers for new rows, statistics for the planner."""
    from django.apps import apps
    from django.core.management.color import no_style

    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), apps.get_models(include_auto_created=True)):
            cursor.execute(statement)
        cursor.execute("ANALYZE")
