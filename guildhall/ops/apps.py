from django.apps import AppConfig


class OpsConfig(AppConfig):
    """Starting, health, metrics, backup and restore."""

    name = "guildhall.ops"
    label = "ops"
    verbose_name = "Operation"
