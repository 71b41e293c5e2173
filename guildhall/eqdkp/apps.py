"""The room of EQdkp Plus: migration from it, and the old API for its tools."""

from __future__ import annotations

from django.apps import AppConfig


class EqdkpConfig(AppConfig):
    name = "guildhall.eqdkp"
    label = "eqdkp"
    verbose_name = "EQdkp Plus"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import hooks  # noqa: F401  (registers what happens when two people are merged)
