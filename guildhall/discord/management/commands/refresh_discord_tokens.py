"""`manage.py refresh_discord_tokens`: renew tokens that lapse soon, or encrypt all of them anew."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandParser

from guildhall.discord.client import default_client
from guildhall.discord.tokens import reencrypt_all, refresh_lapsing


class Command(BaseCommand):
    """The worker does the same on its own; this is for after a change of keys."""

    help = "Refresh Discord tokens that are about to lapse."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reencrypt", action="store_true", help="encrypt all under the first of DISCORD_TOKEN_KEYS"
        )

    def handle(self, *args: object, **options: object) -> None:
        if options["reencrypt"]:
            self.stdout.write(f"{reencrypt_all()} tokens encrypted anew")
        refreshed, failed = refresh_lapsing(client=default_client())
        self.stdout.write(f"{refreshed} refreshed, {failed} not")
