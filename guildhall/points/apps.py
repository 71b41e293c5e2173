from django.apps import AppConfig


class PointsConfig(AppConfig):
    """Pools, the ledger, balances, holds, adjustments and rules."""

    name = "guildhall.points"
    label = "points"
    verbose_name = "Points"

    def ready(self) -> None:
        from . import batches, services, triggers  # noqa: F401 - register batches and hooks; keep the triggers in place
