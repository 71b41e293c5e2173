from django.apps import AppConfig


class CoreConfig(AppConfig):
    """What every app needs: money, clock, errors, audit, idempotency, outbox."""

    name = "guildhall.core"
    label = "core"
    verbose_name = "System"

    def ready(self) -> None:
        from . import retention_rules  # noqa: F401 - registers what is forgotten
