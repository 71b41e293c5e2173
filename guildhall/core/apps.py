from django.apps import AppConfig


class CoreConfig(AppConfig):
    """What every room needs: money, clock, errors, audit, idempotency, outbox."""

    name = "guildhall.core"
    label = "core"
    verbose_name = "House"

    def ready(self) -> None:
        from .sqlite import raise_parameter_limit

        raise_parameter_limit()
