"""The EQdkp Plus app: migration from it, and the old API for its tools."""

from __future__ import annotations

from django.apps import AppConfig


class EqdkpConfig(AppConfig):
    name = "guildhall.eqdkp"
    label = "eqdkp"
    verbose_name = "EQdkp Plus"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import batches, hooks  # noqa: F401  (registers imports as batches, and what happens when two people are merged)
