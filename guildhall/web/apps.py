from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The pages that people use."""

    name = "guildhall.web"
    label = "web"
    verbose_name = "Pages"
