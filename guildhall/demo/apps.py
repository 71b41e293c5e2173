from __future__ import annotations

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """A believable guild, made with the services."""

    name = "guildhall.demo"
    label = "demo"
    verbose_name = "Demo guild"
