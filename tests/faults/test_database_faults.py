"""PostgreSQL and Redis are restarted, stopped, frozen and locked under people who use the site (issue 14, 1 to 4).

Whatever happens: no 500, every acknowledged write is there exactly once, the ledger adds up, and the site is back by itself.
Times are printed; bounds are generous, for the machine may be slow.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from django.db import connection

from tests.faults.load import CHARACTERS, PAGE, Load
from tests.faults.servers import OwnPostgreSQL, OwnRedis, Site, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("faults"),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="copies the test's database of PostgreSQL"),
]

GUILD = """
from guildhall.accounts.services import create_person
from guildhall.accounts.models import User
from guildhall.points.services import create_pool
from django.core.management import call_command
pool = create_pool(name="DKP")
people = [create_person(display_name=f"Raider {n}", role_group="member").pk for n in range(4)]
import io
out = io.StringIO()
call_command("create_api_key", "--bot", "b", "--scopes", "all", stdout=out)
print(out.getvalue().strip())
print(*people)
print(pool.pk)
"""
CHECK = """
from guildhall.points.models import LedgerEntry
from django.core.management import call_command
call_command("verify_ledger", verbosity=0)
print(*LedgerEntry.objects.values_list("description", flat=True))
"""


class Guild(NamedTuple):
    """The site, its servers, and who may do what there."""

    postgresql: OwnPostgreSQL
    redis: OwnRedis
    site: Site
    key: str
    people: list[int]
    leaderboard: str

    def load(self, *, readers: int = 6, writers: int = 4) -> Load:
        return Load(self.site.address, self.key, self.people, self.leaderboard, readers=readers, writers=writers)

    def check(self, load: Load) -> None:
        """See that no answer was a 500, and that what was acknowledged is there once and adds up."""
        print(dict(load.statuses()))
        allowed = {(200, ""), (201, ""), (409, "busy"), (503, "database_away"), (503, ""), (503, "outcome_unknown")}
        wrong = {told for told in load.statuses() if told[1:] not in allowed and told[0] != "/healthz"}
        assert not wrong, (wrong, self.site.log()[-3000:])
        assert all(one.retry_after for one in load.told if one.status in (409, 503) and one.what != "/healthz")
        stored = self.site.run(CHECK).split()
        assert load.done
        for name in load.done:
            assert stored.count(name) == 1, name
        assert len(stored) == len(set(stored))


@pytest.fixture(scope="module")
def guild(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[Guild]:
    postgresql = OwnPostgreSQL()
    redis = OwnRedis()
    site = None
    try:
        postgresql.copy_of_the_tests()
        site = Site(postgresql, redis)
        key, people, pool = site.run(GUILD).splitlines()
        yield Guild(
            postgresql, redis, site, key, [int(pk) for pk in people.split()], f"/api/points/leaderboard/{pool}/"
        )
    finally:
        if site is not None:
            site.close()
        redis.close()
        postgresql.close()


def test_a_restart_of_the_database_is_hardly_seen(guild: Guild) -> None:
    with guild.load() as load:
        time.sleep(1)
        before = time.monotonic()
        guild.postgresql.restart()
        up = time.monotonic()
        print(f"restarted in {up - before:.1f} s")
        try:
            back = until(lambda: load.ask(guild.leaderboard).status == 200, 10, "the site is back")
        except AssertionError:
            print(load.statuses(), guild.site.log()[-3000:])
            raise
        print(f"back {back:.1f} s later; slowest answer {load.slowest(since=before):.1f} s")
        time.sleep(1)
    guild.check(load)
    assert back < 8


def test_the_database_is_away_and_comes_back(guild: Guild) -> None:
    with guild.load() as load:
        time.sleep(0.5)
        guild.postgresql.stop()
        away = time.monotonic()
        try:
            time.sleep(4)
            page, call, look = load.ask(PAGE), load.ask(CHARACTERS), load.ask("/healthz")
            health = guild.site.is_well()
        finally:
            guild.postgresql.start()
        back = until(lambda: load.ask(guild.leaderboard).status == 200, 10, "the site is back")
        print(f"slowest while away {load.slowest(status=503, since=away):.1f} s; back after {back:.1f} s")
        time.sleep(0.5)
    assert (page.status, call.status, call.code, look.status, health) == (503, 503, "database_away", 503, False)
    assert max(page.seconds, call.seconds, look.seconds) < 2
    guild.check(load)
    lines = guild.site.log().splitlines()
    assert not any("Traceback" in line for line in lines), "\n".join(lines[-80:])
    assert len(lines) < 60, "\n".join(lines[-80:])
    assert back < 8


def test_a_frozen_database_takes_no_thread_for_long(guild: Guild) -> None:
    with guild.load() as load:
        time.sleep(0.5)
        guild.postgresql.freeze()
        try:
            begun = time.monotonic()
            time.sleep(6)
            page, look = load.ask(PAGE), load.ask("/healthz")
            print(f"slowest while frozen {load.slowest(since=begun):.1f} s")
        finally:
            guild.postgresql.thaw()
        back = until(lambda: load.ask(guild.leaderboard).status == 200, 10, "the site is back")
        time.sleep(0.5)
    assert (page.status, look.status) == (503, 503)
    assert max(page.seconds, look.seconds) < 3
    guild.check(load)
    assert back < 8


def test_a_locked_row_stops_nobody_else(guild: Guild) -> None:
    """24 people write to one row that psql holds; others read as before."""
    person = guild.people[0]
    held = guild.postgresql.hold(f"SELECT 1 FROM points_userpointssummary WHERE user_id = {person} FOR UPDATE")
    load = Load(guild.site.address, guild.key, [person], guild.leaderboard, readers=6, writers=24)
    with load:
        begun = time.monotonic()
        time.sleep(8)
        reads = [load.ask(PAGE), load.ask(CHARACTERS), load.ask("/healthz")]
        assert held.stdin is not None
        slow = max(load.slowest(what=what, since=begun) for what in (PAGE, CHARACTERS))
        held.stdin.close()
        held.wait()
        time.sleep(1.5)
    print(f"slowest read {slow:.1f} s; slowest write {load.slowest(what='POST'):.1f} s")
    assert [one.status for one in reads] == [200, 200, 200]
    assert slow < 2.9  # a reader behind the writers would wait for a lock as long as they do, 3 s
    guild.check(load)


def test_a_database_that_cannot_store_is_still_read(guild: Guild) -> None:
    """Read-only stands for a full disk: the same answer, by another code of PostgreSQL's."""
    load = guild.load()
    guild.postgresql.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    guild.postgresql.sql("SELECT pg_reload_conf()")
    try:
        time.sleep(0.5)
        body = {"user_id": guild.people[0], "amount": "1.00", "reason": "full"}
        told = load.ask("/api/points/adjustments/", body=body, name="full")
        assert (told.status, told.code, told.retry_after) == (503, "storage_full", "60")
        read = [load.ask(PAGE).status, load.ask(CHARACTERS).status, load.ask(guild.leaderboard).status]
        assert read == [200, 200, 200], guild.site.log()[-3000:]
    finally:
        guild.postgresql.sql("ALTER SYSTEM RESET default_transaction_read_only")
        guild.postgresql.sql("SELECT pg_reload_conf()")
    time.sleep(0.5)
    assert load.ask("/api/points/adjustments/", body=body, name="full").status == 201


def test_of_a_frozen_redis_one_waits(guild: Guild) -> None:
    guild.redis.freeze()
    try:
        load = guild.load()
        first = load.ask(guild.leaderboard)
        begun = time.monotonic()
        with load:
            time.sleep(3)
        print(f"first {first.seconds:.2f} s, then at most {load.slowest(since=begun + 1.5):.2f} s")
    finally:
        guild.redis.thaw()
    later = [one.seconds for one in load.told if one.at > begun + 1.5]
    assert first.seconds < 2
    assert sorted(later)[len(later) // 2] < 0.8
    guild.check(load)
