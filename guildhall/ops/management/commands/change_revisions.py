"""`manage.py change_revisions`: after SQL that another program than Guildhall sent to its database."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from guildhall.core import revisions


class Command(BaseCommand):
    """Give every table a new revision."""

    help = "Let every kept answer and ETag count as outdated: for after SQL by hand, which Guildhall does not see."

    def handle(self, *args: object, **options: object) -> None:
        revisions.change_all()
        self.stdout.write("Every list is made anew when it is next asked for.")
