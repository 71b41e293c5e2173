from __future__ import annotations

from celery import shared_task

from .keys import store_usage


@shared_task
def store_key_usage() -> str:
    """Write the counted uses of keys down."""
    return f"{store_usage()} keys used"
