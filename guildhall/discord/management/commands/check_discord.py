"""`manage.py check_discord`: test each part of the connection and say what is wrong."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from guildhall.discord.client import default_client
from guildhall.discord.connection import check_connection


class Command(BaseCommand):
    """Exits non-zero if a part that is set up does not work."""

    help = "Test the connection to Discord, part by part."

    def handle(self, *args: object, **options: object) -> None:
        failed = 0
        for check in check_connection(default_client()):
            failed += check.state == "failed"
            self.stdout.write(f"{check.state:8} {check.name}: {check.detail}")
        if failed:
            raise CommandError(f"{failed} of the parts above do not work")
