from django.apps import AppConfig


class RaidsConfig(AppConfig):
    """Events, raids, attendance, and what EverQuest writes about them."""

    name = "guildhall.raids"
    label = "raids"
    verbose_name = "Raids"
