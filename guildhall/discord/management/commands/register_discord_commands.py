"""`manage.py register_discord_commands`: tell Discord which slash commands there are."""

from __future__ import annotations

import json

from django.core.management.base import BaseCommand, CommandError, CommandParser

from guildhall.discord.client import DiscordError, default_client
from guildhall.discord.client.errors import as_text
from guildhall.discord.interactions.registry import definitions


class Command(BaseCommand):
    """Replace the application's commands by ours. May be run again at any time."""

    help = "Send the definitions of the slash commands to Discord: to your server at once, or everywhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--everywhere", action="store_true", help="not in the server of DISCORD_GUILD_ID alone")
        parser.add_argument("--dry-run", action="store_true", help="print the definitions and send nothing")
        parser.add_argument("--remove", action="store_true", help="take all commands away")

    def handle(self, *args: object, **options: object) -> None:
        wanted = [] if options["remove"] else definitions()
        if options["dry_run"]:
            self.stdout.write(json.dumps(wanted, indent=2, ensure_ascii=False))
            return
        try:
            made = default_client().put_commands(wanted, guild_only=not options["everywhere"])
        except DiscordError as error:
            raise CommandError(as_text(error)) from error
        names = ", ".join(f"/{row['name']}" for row in made) or "none"
        self.stdout.write(f"{len(made)} commands registered: {names}")
