from django.apps import AppConfig


class LootConfig(AppConfig):
    """Items, awards and what items went for."""

    name = "guildhall.loot"
    label = "loot"
    verbose_name = "Loot"

    def ready(self) -> None:
        # These register with the ledger's hooks, the changes made together and the lines of logs.
        from . import batches, documents, log_awards, verification  # noqa: F401
