from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    """People, their roles, their keys."""

    name = "guildhall.accounts"
    label = "accounts"
    verbose_name = "People and keys"

    def ready(self) -> None:
        from . import access_history, reset_mail, retention_rules, services  # noqa: F401 - send e-mails; what is forgotten; listen to passwords being set

        post_migrate.connect(_ensure_groups, dispatch_uid="accounts.ensure_groups")


def _ensure_groups(app_config: Any, using: str, **kwargs: object) -> None:
    """Give each app's permissions, which exist after its migration, to the groups that mirror the roles."""
    from .services import ensure_groups

    if app_config.name.startswith("guildhall."):
        ensure_groups()
