"""A big guild, made with bulk SQL on PostgreSQL: years of raids whose ledger adds up (`verify_ledger` holds), with
applications, planned raids and auctions that run.

Everything is arithmetic on row numbers, so the same figures make the same guild. A larger one is an older one: it has as
many members, who raid as often, so that the same question has an answer of the same length in all sizes (`Size.aged`).

`python -m benchmarks.guild` fills the empty, migrated database of `DATABASE_URL`; `benchmarks.database` starts it.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
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

    @property
    def active(self) -> int:
        """Return people who raid: all of them, but so few in a young guild that each has a page of movements."""
        return min(self.people, max(self.a_raid, (self.raids * self.a_raid + self.items) // 51))

    @property
    def dropped(self) -> int:
        """Return different items that dropped, each 20 times."""
        return max(1, self.items // 20)

    @property
    def catalogue(self) -> int:
        """Return items in the catalogue: at least a page of them."""
        return max(60, self.dropped)

    @property
    def days(self) -> float:
        """Return days since the first raid: ten years for 5,000 raids."""
        return self.raids * 0.73

    def aged(self, factor: float) -> Size:
        """Return the same guild, `factor` times as old: so many times the raids, the attendances and the loot."""
        return replace(
            self,
            raids=max(1, round(self.raids * factor)),
            attendances=max(1, round(self.attendances * factor)),
            items=max(1, round(self.items * factor)),
        )


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


@contextlib.contextmanager
def _without_indexes(*of: type[models.Model]) -> Iterator[None]:
    """Leave out indexes that no constraint needs, and triggers, while rows are filled in; both are there afterwards."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND indexname NOT IN "
            "(SELECT conname FROM pg_constraint)",
            [[model._meta.db_table for model in of]],
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
    yield
    with connection.cursor() as cursor:
        for _, definition in indexes:
            cursor.execute(definition)
        cursor.execute("SET session_replication_role = origin")


def build(size: Size) -> None:
    """Fill the empty, migrated database."""
    from guildhall.loot.models import LootDistribution
    from guildhall.points.models import LedgerEntry
    from guildhall.raids.models import RaidAttendance

    _people(size)
    with _without_indexes(RaidAttendance, LedgerEntry, LootDistribution):
        _raids(size)
        _loot(size)
    _summaries()
    _applications()
    _settle()
    _auctions_and_calendar(size)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


N = "generate_series(1, {}) AS n"


def _people(size: Size) -> None:
    from guildhall.accounts.models import User
    from guildhall.points.models import DKPPool, LedgerEntry
    from guildhall.raids.models import Event, EventPool
    from guildhall.roster.models import Character, CharacterOwnership, Rank

    people, n = size.people, N
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
            "joined_at": f"now() - interval '{size.days} days'",
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
    fill(
        LedgerEntry,
        {
            "kind": "'adjustment'",
            "bucket": "'adjusted'",
            "amount": "100000",
            "occurred_at": f"now() - interval '{size.days + 1} days'",
            "description": "'start'",
            "document": "md5('start' || n)::uuid",
            "pool_id": "1",
            "user_id": "n",
        },
        n.format(people),
    )


def _raids(size: Size) -> None:
    from guildhall.points.models import LedgerEntry
    from guildhall.raids.models import AttendanceCheck, Raid, RaidAttendance

    active, a_raid, n = size.active, size.a_raid, N
    began = f"now() - interval '2 hours' - n * (interval '{size.days} days' / {size.raids})"
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
    # The step and the number of people share no factor, so nobody stands twice in a raid.
    step = next(prime for prime in (13, 17, 19, 23) if active % prime)
    seats = (
        f"(SELECT r.id AS raid, r.started_at, r.context, 1 + (r.id * 7 + i * {step}) % {active} AS person, "
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


def _loot(size: Size) -> None:
    from guildhall.loot.models import Item, LootDistribution
    from guildhall.points.models import LedgerEntry

    fill(
        Item,
        {"id": "n", "name": "'Item ' || n", "name_key": "'item ' || n", "category": "'Category ' || n % 12"},
        N.format(size.catalogue),
    )
    awards = (
        f"(SELECT n, 1 + n % {size.dropped} AS item, r.id AS raid, r.started_at, r.context, "
        f"1 + (n * 11) % {size.active} AS person, (500 + n * 37 % 9000) AS price, md5('award' || n)::uuid AS document "
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


def _summaries() -> None:
    from guildhall.points.models import UserPointsSummary

    sums = ", ".join(
        f"coalesce(sum(amount) FILTER (WHERE bucket = '{bucket}'), 0) AS {bucket}"
        for bucket in ("earned", "spent", "adjusted")
    )
    fill(
        UserPointsSummary,
        {
            "user_id": "user_id",
            "pool_id": "pool_id",
            "earned": "earned",
            "spent": "-spent",
            "adjusted": "adjusted",
            "balance": "earned + spent + adjusted",
        },
        f"(SELECT user_id, pool_id, {sums} FROM points_ledgerentry GROUP BY user_id, pool_id) t",
    )


APPLICATIONS = 60


def _applications() -> None:
    from guildhall.recruitment.models import Application

    fill(
        Application,
        {
            "id": "n",
            "character_name": "'Applicant' || n",
            "name_key": "'applicant' || n",
            "open_key": "CASE WHEN n <= 12 THEN 'applicant' || n END",
            "character_class": "'Cleric'",
            "level": "60",
            "previous_guilds": "'Guild ' || n || ', for two years.'",
            "availability": "'Four evenings a week.'",
            "timezone": "'Europe/Berlin'",
            "discord_username": "'applicant' || n",
            "answers": '\'[{"question_id": 1, "wording": "Why us?", "kind": "long", "answer": "I know many of you."}]\'',
            "status": "CASE WHEN n <= 12 THEN 'submitted' ELSE 'rejected' END",
            "created_at": "now() - n * interval '5 days'",
            "submitted_at": "now() - n * interval '5 days'",
            "closed_at": "CASE WHEN n > 12 THEN now() - n * interval '4 days' END",
        },
        N.format(APPLICATIONS),
    )


RUNNING, FINISHED, DATES = 4, 20, 12


def _auctions_and_calendar(size: Size) -> None:
    """Auctions that run for a week, auctions that are over, raids that are planned: each made by its service."""
    from guildhall.accounts.models import User
    from guildhall.auctions.services import BidRequest, NewSession, close_session, place_bid, start_session
    from guildhall.core import clock
    from guildhall.points.models import DKPPool
    from guildhall.raids.calendar.services import answer_date, plan_date
    from guildhall.raids.models import CalendarSignup
    from guildhall.roster.models import Character

    officer, pool = User.objects.get(pk=1), DKPPool.objects.get(pk=1)
    bidders = list(User.objects.filter(pk__gt=1).order_by("pk")[:5])
    for number in range(RUNNING + FINISHED):
        new = NewSession(item_name=f"Item {1 + number}", pool=pool, duration_seconds=7 * 86_400 - 60)
        session = start_session(session=new, actor=officer)
        for turn, bidder in enumerate(bidders):
            request = BidRequest(amount=str(10 + turn))
            place_bid(session_id=session.pk, request=request, bidder=bidder, actor=bidder)
        if number >= RUNNING:
            close_session(session_id=session.pk, actor=officer)
    mains = list(Character.objects.filter(is_main=True).order_by("pk")[:40])
    for number in range(DATES):
        begins = clock.now() + dt.timedelta(days=7 + number, hours=1)
        date = plan_date(actor=officer, title=f"Planned raid {number}", starts_at=begins, event_id=1, places=54)
        for character in mains:
            answer_date(
                date=date,
                character=character,
                status=CalendarSignup.Status.SIGNED_IN,
                actor=officer,
                for_others=True,
            )


def _settle() -> None:
    """Free numbers for new rows, statistics for the planner."""
    from django.apps import apps
    from django.core.management.color import no_style

    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), apps.get_models(include_auto_created=True)):
            cursor.execute(statement)
        cursor.execute("ANALYZE")


def main() -> None:
    """Build the guild of the size on the command line."""
    import django
    from django.core.management import call_command

    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in asdict(Size()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--verify", action="store_true", help="recompute the ledger afterwards")
    options = vars(parser.parse_args())
    verify = options.pop("verify")
    django.setup()
    build(Size(**options))
    if verify:
        call_command("verify_ledger", verbosity=0)


if __name__ == "__main__":
    main()
