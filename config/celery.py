"""The Celery application, used where `REDIS_URL` is set; `manage.py run_jobs` runs the same tasks without it.

Beat sends each entry of the schedule through `core.tasks.run_scheduled`, so that its lease and its record
(`core.JobRun`) are those of the embedded worker: one job never runs twice at a time, and health reads one table.
"""

import os
from typing import Any

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("guildhall")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_configure.connect
def send_the_schedule_through_the_leases(sender: Any, **kwargs: object) -> None:
    """Wrap every entry of `CELERY_BEAT_SCHEDULE`; one that waited longer than a minute for a worker is dropped."""
    sender.conf.beat_schedule = {
        name: {
            "task": "guildhall.core.tasks.run_scheduled",
            "args": [name],
            "schedule": entry["schedule"],
            "options": {"expires": 60},
        }
        for name, entry in (sender.conf.beat_schedule or {}).items()
        if entry["task"] != "guildhall.core.tasks.run_scheduled"
    }
