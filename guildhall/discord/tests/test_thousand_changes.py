"""A thousand role changes against limits, errors, cut connections and killed workers: all arrive, each logged once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from guildhall.discord.tests.servers import redis_server
from tests import template_database
from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.limits import Rule

ROOT = Path(__file__).resolve().parents[3]
SCALE = 40.0
MEMBERS = 500  # each needs one role given and one taken


def step(name: str, *arguments: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "guildhall.discord.tests.worker", name, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_workers_together_stay_below_the_global_limit(tmp_path: Path) -> None:
    """Two hundred buckets of their own, so that nothing but Discord's 50 calls a second is in the way.

    Our 45 leave room for the four calls that may be under way when Discord's second begins.
    """
    with redis_server() as redis, FakeDiscordServer() as fake:
        channels = [fake.state.add_channel(f"c{number}").id for number in range(200)]
        environment = {
            **os.environ,
            **fake.settings(),
            "GUILDHALL_IGNORE_ENV_FILE": "1",
            "GUILDHALL_VAR": str(tmp_path),
            "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
            "REDIS_URL": f"redis://127.0.0.1:{redis.connection_pool.connection_kwargs['port']}/0",
            "EPOCH": "0",
            "SCALE": "1",
        }
        halves = [json.dumps(channels[::2]), json.dumps(channels[1::2])]
        workers = [step("ask", environment={**environment, "CHANNELS": half}) for half in halves]
        assert [worker.wait(120) for worker in workers] == [0, 0]
        calls = fake.log(contains="/channels/")
        assert len(calls) == len(channels)
        assert fake.limits.refusals == {}
        # The limit was felt: some second was nearly full.
        busiest = max(sum(one.at <= other.at < one.at + 1 for other in calls) for one in calls)
        assert 35 <= busiest <= 50, busiest


@pytest.mark.slow
def test_a_thousand_changes_arrive_and_are_logged_once_each(tmp_path: Path) -> None:
    epoch = time.time()

    def clock() -> float:
        return epoch + (time.time() - epoch) * SCALE

    with redis_server() as redis, FakeDiscordServer(clock=clock, seed=5) as fake:
        raider = fake.state.add_role("Raider", position=10)
        trial = fake.state.add_role("Trial", position=9)
        members = [fake.state.add_person(f"m{i}", roles=[trial.id]).id for i in range(MEMBERS)]
        fake.limits.default = Rule(5, 5.0)
        fake.limits.global_rule = Rule(50, 1.0)
        environment = {
            **os.environ,
            **fake.settings(),
            "GUILDHALL_IGNORE_ENV_FILE": "1",
            "GUILDHALL_VAR": str(tmp_path),
            "SECRET_KEY": "only for this test",
            "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
            "REDIS_URL": f"redis://127.0.0.1:{redis.connection_pool.connection_kwargs['port']}/0",
            "EPOCH": str(epoch),
            "SCALE": str(SCALE),
            "RAIDER": raider.id,
            "TRIAL": trial.id,
            "MEMBERS": json.dumps(members),
        }
        template_database.put_migrated_file(tmp_path / "db.sqlite3")
        assert step("seed", str(MEMBERS), environment=environment).wait(60) == 0
        fake.faults.error_rate = 0.07
        fake.faults.error_after_rate = 0.03
        fake.faults.cut_rate = 0.02
        fake.faults.cut_after_rate = 0.02

        workers = [step("work", environment=environment) for _ in range(2)]
        killed = 0
        give_up = time.time() + 240
        while any(worker.poll() is None for worker in workers):
            assert time.time() < give_up, "the workers did not finish"
            if killed < 2 and len(fake.state.audit) > (killed + 1) * 250:
                workers[killed].kill()
                workers[killed].wait(10)
                workers.append(step("work", environment=environment))
                killed += 1
            time.sleep(0.05)
        assert killed == 2
        told = json.loads(step("report", environment=environment).communicate(timeout=60)[0])

        assert all(fake.state.roles_of(member) == {raider.id} for member in members)
        assert told == {
            "done": 2 * MEMBERS,
            "all": 2 * MEMBERS,
            "twice": 0,
            "open": 0,
            "states": {"delivered": MEMBERS},
        }
        # The audit log of the server shows each change once too: no role was given twice or taken twice.
        assert max(Counter((a.action, a.member_id, a.role_id) for a in fake.state.audit).values()) == 1
        assert all(a.reason and a.reason.startswith("Guildhall: ") for a in fake.state.audit)
        assert all(count <= 1 for count in fake.limits.refusals.values()), fake.limits.refusals
