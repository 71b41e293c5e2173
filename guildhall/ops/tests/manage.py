"""`manage.py` in a process of its own, on a database of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from django.conf import settings


def manage(url: str, *args: str, fails: bool = False) -> str:
    """What the command said: its output, or its complaint where it should fail."""
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "REDIS_URL": "",
        "GUILDHALL_IGNORE_ENV_FILE": "1",
        "GUILDHALL_VAR": str(settings.VAR_DIR),
        "BACKUP_DIR": str(settings.BACKUP_DIR),
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *args]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout
