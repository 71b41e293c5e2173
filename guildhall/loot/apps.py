from django.apps import AppConfig


class LootConfig(AppConfig):
    """Items, awards and what items went for."""

    name = "guildhall.loot"
    label = "loot"
    verbose_name = "Loot"

    def ready(self) -> None:
        from . import documents  # noqa: F401 - registers with the ledger's hooks
