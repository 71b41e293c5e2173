"""Everything that is kept has a time after which it is forgotten, or a reason to stay; one page of the docs says which."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.db import transaction

from guildhall.accounts.models import SignInLink
from guildhall.accounts.services import create_person
from guildhall.auctions.models import StreamEvent
from guildhall.core import clock, outbox, retention
from guildhall.core.models import IdempotencyKey, OutboxMessage, QueuedJob
from guildhall.core.tasks import forget_old_rows
from guildhall.discord.models import DiscordPost, DiscordSyncLog, InboundEvent, SeenInteraction
from guildhall.raids.models import Event, LogFinding, Raid
from guildhall.recruitment.models import Application

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/retention.md").read_text()
NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
State = OutboxMessage.State


def application(at: dt.datetime, **values: Any) -> Application:
    number = Application.objects.count()
    fields = {"character_name": f"A{number}", "name_key": f"a{number}", "status": "rejected", "closed_at": at}
    return Application.objects.create(**fields | {"email": "a@example.org"} | values)


def log_finding(at: dt.datetime) -> Any:
    event = Event.objects.get_or_create(name="Temple of Veeshan")[0]
    raid = Raid.objects.get_or_create(name="ToV", event=event, defaults={"started_at": NOW})[0]
    return LogFinding.objects.create(raid=raid, kind="loot", at=NOW, created_at=at)


def reset_mail(at: dt.datetime) -> Any:
    number = SignInLink.objects.count()
    user = create_person(display_name=f"Lost {number}")
    return SignInLink.objects.create(
        kind="mail", user=user, most_uses=1, token_hash=str(number), made_at=at - dt.timedelta(hours=1), expires_at=at
    )


MADE: dict[str, Callable[[dt.datetime], Any]] = {
    "outbox": lambda at: OutboxMessage.objects.create(topic="t", state=State.DELIVERED, delivered_at=at),
    "dead_letters": lambda at: OutboxMessage.objects.create(topic="t", state=State.DEAD, due_at=at),
    "jobs": lambda at: QueuedJob.objects.create(task="t", state=QueuedJob.State.DONE, finished_at=at),
    "idempotency_keys": lambda at: IdempotencyKey.objects.create(owner="user:1", key=str(at), created_at=at),
    "sessions": lambda at: Session.objects.create(session_key=f"{at:%s}", session_data="", expire_date=at),
    "stream_events": lambda at: StreamEvent.objects.create(
        sequence=StreamEvent.objects.count() + 1, kind="bid", session_id=uuid.uuid4(), data={}, created_at=at
    ),
    "interactions": lambda at: SeenInteraction.objects.create(interaction_id=f"{at:%s}", seen_at=at),
    "inbound_events": lambda at: InboundEvent.objects.create(event_id=str(at), kind="joined", received_at=at),
    "discord_posts": lambda at: DiscordPost.objects.create(key=str(at), kind="raid", created_at=at),
    "discord_log": lambda at: DiscordSyncLog.objects.create(at=at, action="link", outcome="done"),
    "applicant_addresses": application,
    "reset_mails": reset_mail,
    "log_findings": log_finding,
}


def names() -> list[str]:
    return [one.name for one in retention.registered()]


@pytest.mark.django_db
@pytest.mark.parametrize("name", names())
def test_what_is_older_than_it_is_kept_is_forgotten_and_nothing_younger(name: str) -> None:
    (found,) = [one for one in retention.registered() if one.name == name]
    assert found.age is not None
    with clock.frozen(NOW):
        for age in (found.age + SECOND, found.age - SECOND):
            MADE[name](NOW - age)
        assert found.rows(clock.now()).count() + (found.age <= SECOND) == 2
        assert forget_old_rows() == f"1 {name}"
        assert forget_old_rows() == "nothing to forget"


@pytest.mark.django_db
def test_a_setting_changes_the_time_and_nought_keeps_for_ever(settings: Any) -> None:
    with clock.frozen(NOW):
        MADE["outbox"](NOW - dt.timedelta(days=10))
        settings.KEEP_DAYS = {**configured.KEEP_DAYS, "outbox": 0}
        assert retention.delete_expired()["outbox"] == 0
        settings.KEEP_DAYS = {**configured.KEEP_DAYS, "outbox": 9}
        assert retention.delete_expired()["outbox"] == 1


@pytest.mark.django_db
def test_what_waits_is_never_forgotten() -> None:
    long_ago = NOW - dt.timedelta(days=5000)
    with clock.frozen(NOW):
        with transaction.atomic():
            outbox.put(topic="t", payload={})
        OutboxMessage.objects.update(created_at=long_ago, due_at=long_ago)
        QueuedJob.objects.create(task="t", created_at=long_ago, due_at=long_ago)
        DiscordSyncLog.objects.create(at=long_ago, action="role_add", outcome="pending", open_key="x")
        application(long_ago, status="trial_accepted", closed_at=None, user=create_person(display_name="Aeli"))
        assert forget_old_rows() == "nothing to forget"
    assert Application.objects.get().email == "a@example.org"


@pytest.mark.django_db
def test_a_backlog_is_forgotten_in_parts_and_what_cannot_be_hinders_nothing(monkeypatch: Any) -> None:
    monkeypatch.setattr(retention, "CHUNK", 2)
    broken = retention.Retention("a", "what breaks", lambda before: 1 / 0, fixed=dt.timedelta(0))  # type: ignore[arg-type,return-value]
    monkeypatch.setitem(retention._registered, "a", broken)
    with clock.frozen(NOW):
        for number in range(5):
            MADE["outbox"](NOW - dt.timedelta(days=100 + number))
        with pytest.raises(RuntimeError, match="could not delete: a"):
            retention.delete_expired()
    assert not OutboxMessage.objects.exists()


@pytest.mark.django_db
def test_of_a_closed_application_the_address_goes_and_the_rest_stays() -> None:
    with clock.frozen(NOW):
        made = application(NOW - dt.timedelta(days=500), source_address="abc", rejection_reason="full")
        retention.delete_expired()
    made.refresh_from_db()
    assert (made.email, made.source_address, made.rejection_reason) == ("", "", "full")


def test_every_table_is_on_the_page() -> None:
    ours = [
        f"{model._meta.app_label}.{model.__name__}"
        for model in apps.get_models()
        if model.__module__.startswith("guildhall.") and not model.__name__.startswith("Historical")
    ]
    assert [name for name in ours if f"`{name}`" not in PAGE] == []


def test_every_setting_and_its_default_is_on_the_page() -> None:
    rows = re.findall(r"\| (\d+) days[^|]*\| `KEEP_(\w+)_DAYS` \|", PAGE)
    assert {name.lower(): int(days) for days, name in rows} == configured.KEEP_DAYS


def test_every_kind_is_on_the_page_in_the_words_of_the_code_and_has_its_test() -> None:
    assert [one.what for one in retention.registered() if one.what not in PAGE] == []
    assert sorted(MADE) == names()
