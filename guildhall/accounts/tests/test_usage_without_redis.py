"""Uses of keys are counted where there is no Redis too: the web process stores them, the worker cannot see them."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache

from guildhall.accounts.keys import count_use
from guildhall.accounts.models import APIKey
from guildhall.accounts.services import create_api_key, get_or_create_bot


@pytest.mark.django_db
def test_uses_are_stored_by_the_process_that_counted_them(settings: Any, django_assert_num_queries: Any) -> None:
    settings.REDIS_URL = ""
    key, _ = create_api_key(
        user=get_or_create_bot(name="loot"), name="x", scopes=None, expires_at=None, kind=APIKey.Kind.BOT
    )
    with django_assert_num_queries(0):  # within the minute a use costs no write
        count_use(key)
        count_use(key)
    cache.delete("key-usage-stored")  # a minute later
    count_use(key)
    key.refresh_from_db()
    assert key.usage_count == 3
    assert key.last_used_at is not None
