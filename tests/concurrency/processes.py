"""Processes of their own on the database of the test."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    """What a process needs to work on the test's own database, and on its Redis where there is one."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        address = f"sqlite:///{config['NAME']}"
    else:
        scheme = "postgres" if connection.vendor == "postgresql" else "mysql"
        user = config["USER"] + (f":{config['PASSWORD']}" if config["PASSWORD"] else "")
        port = f":{config['PORT']}" if config["PORT"] else ""
        address = f"{scheme}://{user}@{config['HOST'] or '127.0.0.1'}{port}/{config['NAME']}"
    return {
        **os.environ,
        "DATABASE_URL": address,
        "REDIS_URL": settings.REDIS_URL,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "GUILDHALL_IGNORE_ENV_FILE": "1",
        "PYTHONPATH": str(ROOT),
    }
