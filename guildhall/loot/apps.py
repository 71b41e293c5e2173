from django.apps import AppConfig


class LootConfig(AppConfig):
    """Items, awards and what items went for."""

    name = "guildhall.loot"
    label = "loot"
    verbose_name = "Loot"

    def ready(self) -> None:
        from . import batches, documents, verification  # noqa: F401 - register with the ledger's hooks and the changes made together
