"""A worker process for tests, with a clock that runs faster: ``python -m guildhall.discord.tests.worker STEP``.

`SCALE` seconds pass for each real one, counted from `EPOCH`, here and in the fake alike. Steps: ``seed N`` builds people who all
need one role given and one taken; ``work`` delivers until nothing waits; ``report`` prints what the database says; ``ask`` reads
each of `CHANNELS` once, as fast as it is let.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import time

EPOCH, SCALE = float(os.environ["EPOCH"]), float(os.environ["SCALE"])
real_time, real_sleep = time.time, time.sleep


def fast_time() -> float:
    return EPOCH + (real_time() - EPOCH) * SCALE


def fast_sleep(seconds: float) -> None:
    real_sleep(seconds / SCALE)


def main() -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    from django.utils import timezone

    timezone.now = lambda: dt.datetime.fromtimestamp(fast_time(), dt.UTC)
    step = sys.argv[1]
    if step == "seed":
        seed(int(sys.argv[2]))
    elif step == "work":
        work()
    elif step == "ask":
        ask()
    else:
        report()


def seed(count: int) -> None:
    from django.db import transaction

    from guildhall.accounts.models import User
    from guildhall.discord.models import DiscordRoleMapping
    from guildhall.discord.roles.sync import request_sync
    from guildhall.roster.models import Character, Rank

    raider = Rank.objects.create(name="Raider", order=1)
    trial = Rank.objects.create(name="Trial", order=9, is_trial=True)
    DiscordRoleMapping.objects.create(kind="rank", rank=raider, role_id=os.environ["RAIDER"])
    DiscordRoleMapping.objects.create(kind="rank", rank=trial, role_id=os.environ["TRIAL"])
    ids = json.loads(os.environ["MEMBERS"])[:count]
    with transaction.atomic():
        people = User.objects.bulk_create(
            User(username=f"p{i}", discord_id=discord_id, role_group="member") for i, discord_id in enumerate(ids)
        )
        Character.objects.bulk_create(
            Character(name=f"C{i}", name_key=f"c{i}", user=person, rank=raider, is_main=True)
            for i, person in enumerate(User.objects.filter(pk__in=[p.pk for p in people]))
        )
        request_sync(user_ids=[p.pk for p in people], source="test", actor=None)


def work() -> None:
    from guildhall.core import outbox
    from guildhall.core.models import OutboxMessage
    from guildhall.discord.client import DiscordConfig, RestClient, rest

    config = DiscordConfig.from_settings()
    rest._shared = (config, RestClient(config, clock=fast_time, sleep=fast_sleep))
    rest.default_client.__globals__["_shared"] = rest._shared
    while OutboxMessage.objects.filter(state="pending").exists():
        if outbox.deliver_due(limit=20).total == 0:
            fast_sleep(1)


def ask() -> None:
    from concurrent.futures import ThreadPoolExecutor

    from guildhall.discord.client import default_client

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(default_client().channel, json.loads(os.environ["CHANNELS"])))


def report() -> None:
    from django.db.models import Count

    from guildhall.core.models import OutboxMessage
    from guildhall.discord.models import DiscordSyncLog

    rows = DiscordSyncLog.objects.filter(action__in=["role_add", "role_remove"])
    print(
        json.dumps(
            {
                "done": rows.filter(outcome="done").count(),
                "all": rows.count(),
                "twice": rows.values("discord_id", "role_id", "action").annotate(n=Count("id")).filter(n__gt=1).count(),
                "open": rows.filter(open_key__isnull=False).count(),
                "states": dict(OutboxMessage.objects.values_list("state").annotate(n=Count("id"))),
            }
        )
    )


if __name__ == "__main__":
    main()
