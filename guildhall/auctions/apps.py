from django.apps import AppConfig


class AuctionsConfig(AppConfig):
    """Bid sessions, bids, how they are decided, and the live stream."""

    name = "guildhall.auctions"
    label = "auctions"
    verbose_name = "Auctions"

    def ready(self) -> None:
        from . import closing, documents, retention_rules, selectors, triggers  # noqa: F401 - register with points and loot; keep the triggers in place
