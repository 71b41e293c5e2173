from django.apps import AppConfig


class RosterConfig(AppConfig):
    """Ranks, characters, mains and alts, who owned what and when."""

    name = "guildhall.roster"
    label = "roster"
    verbose_name = "Roster"

    def ready(self) -> None:
        from . import batches  # noqa: F401 - register the kinds of batches
