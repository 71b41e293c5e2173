"""Uses of keys are counted where there is no Redis too: the web process stores them, the worker cannot see them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import OperationalError

from guildhall.accounts import keys
from guildhall.accounts.keys import count_use, flush_usage
from guildhall.accounts.models import APIKey
from guildhall.accounts.services import create_api_key, get_or_create_bot


@pytest.mark.django_db
def test_uses_are_stored_by_the_process_that_counted_them(settings: Any, django_assert_num_queries: Any) -> None:
    settings.REDIS_URL = ""
    key, _ = create_api_key(
        user=get_or_create_bot(name="loot"), name="x", scopes=None, expires_at=None, kind=APIKey.Kind.BOT
    )
    with django_assert_num_queries(0):  # a use costs no write
        count_use(key)
        count_use(key)
        count_use(key)
    flush_usage()  # some seconds later
    key.refresh_from_db()
    assert key.usage_count == 3
    assert key.last_used_at is not None


@pytest.mark.django_db(transaction=True)
def test_they_are_flushed_by_themselves_some_seconds_later(settings: Any) -> None:
    settings.REDIS_URL, settings.KEY_USAGE_SECONDS = "", 0.05
    key, _ = create_api_key(
        user=get_or_create_bot(name="loot"), name="x", scopes=None, expires_at=None, kind=APIKey.Kind.BOT
    )
    count_use(key)
    count_use(key)
    until = time.monotonic() + 20
    while APIKey.objects.get(pk=key.pk).usage_count != 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert APIKey.objects.get(pk=key.pk).usage_count == 2


@pytest.mark.django_db
def test_what_cannot_be_stored_is_counted_again(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL = ""
    key, _ = create_api_key(
        user=get_or_create_bot(name="loot"), name="x", scopes=None, expires_at=None, kind=APIKey.Kind.BOT
    )
    count_use(key)
    with monkeypatch.context() as patched:
        patched.setattr(keys, "_store", fail)
        flush_usage()
    count_use(key)
    flush_usage()
    key.refresh_from_db()
    assert key.usage_count == 2


def fail(*_: object) -> None:
    raise OperationalError("away")
