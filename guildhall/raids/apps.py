from django.apps import AppConfig


class RaidsConfig(AppConfig):
    """Events, raids, attendance, and what EverQuest writes about them."""

    name = "guildhall.raids"
    label = "raids"
    verbose_name = "Raids"

    def ready(self) -> None:
        # These register what the ledger calls: reversals, merges, checks, attendance; and the outbox's handler.
        from . import attendance, batches, recent_attendance, retention_rules, verification  # noqa: F401
        from .services import requests, reversing, standby, summaries  # noqa: F401
