"""Backups by the officers' schedule (`ops/tasks.py`)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from guildhall.core import clock, guild
from guildhall.core.models import GuildSettings
from guildhall.ops import backups, tasks

pytestmark = pytest.mark.django_db


def test_a_backup_is_made_when_it_is_due_and_the_oldest_goes(settings: Any, tmp_path: Path) -> None:
    settings.BACKUP_DIR, now = str(tmp_path), clock.now()
    assert not tasks.is_backup_due()
    GuildSettings.objects.create(backup_every_days=1, backup_keep=2)
    guild.forget()
    for day in range(3):
        with clock.frozen(now + dt.timedelta(days=day)):
            assert tasks.is_backup_due()
            tasks.make_due_backup()
            assert not tasks.is_backup_due()
    assert len(backups.existing()) == 2
