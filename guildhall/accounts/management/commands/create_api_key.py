from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from guildhall.accounts import services
from guildhall.accounts.models import APIKey, User
from guildhall.core import clock
from guildhall.core.errors import GuildhallError
from guildhall.core.transactions import use_case


class Command(BaseCommand):
    """Make a key and print it, and nothing else (docs/api-contract.md, "Accounts")."""

    help = "Print a new API key for a person (--user) or a bot (--bot, made if it is not there)."

    def add_arguments(self, parser: CommandParser) -> None:
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--user", help="username of a person")
        who.add_argument("--bot", help="name of a bot")
        parser.add_argument("--scopes", default="all", help="comma-separated scopes, or: all (the default)")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="days until the key stops; never without it")
        parser.add_argument("--name", default="made on the command line", help="what the key is called in lists")

    def handle(self, *args: object, **options: Any) -> None:
        scopes = None if options["scopes"] == "all" else [s.strip() for s in options["scopes"].split(",") if s.strip()]
        expires = clock.now() + dt.timedelta(days=options["expires"]) if options["expires"] is not None else None
        wanted = {"name": options["name"], "scopes": scopes, "expires_at": expires}
        try:
            if options["bot"]:
                plain = self._make_for_bot(options["bot"], wanted)
            else:
                _, plain = services.create_api_key(user=self._person(options["user"]), **wanted)
        except GuildhallError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(plain)

    @staticmethod
    @use_case
    def _make_for_bot(name: str, wanted: dict[str, Any]) -> str:
        """Create the bot and its key, or neither."""
        owner = services.get_or_create_bot(name=name)
        _, plain = services.create_api_key(user=owner, kind=APIKey.Kind.BOT, **wanted)
        return plain

    def _person(self, name: str) -> User:
        user = User.objects.filter(username=name).first() or User.objects.filter(discord_id=name).first()
        if user is None:
            raise CommandError(f"There is no person with the username {name}.")
        if user.is_bot:
            raise CommandError(f"{name} is a bot: use --bot {name}.")
        return user
