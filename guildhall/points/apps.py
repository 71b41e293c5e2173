from django.apps import AppConfig


class PointsConfig(AppConfig):
    """Pools, the ledger, balances, holds, adjustments and rules."""

    name = "guildhall.points"
    label = "points"
    verbose_name = "Points"

    def ready(self) -> None:
        from . import checks  # noqa: F401 - registers the system check of the triggers
