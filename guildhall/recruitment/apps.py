from django.apps import AppConfig


class RecruitmentConfig(AppConfig):
    """Applications, trials, votes."""

    name = "guildhall.recruitment"
    label = "recruitment"
    verbose_name = "Recruitment"

    def ready(self) -> None:
        from . import founding, mail, merging, retention_rules, services, trail  # noqa: F401 - register the outbox handler and the hooks
