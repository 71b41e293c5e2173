from django.apps import AppConfig


class CoreConfig(AppConfig):
    """What every room needs: money, clock, errors, audit, idempotency, outbox."""

    name = "guildhall.core"
    label = "core"
    verbose_name = "House"
