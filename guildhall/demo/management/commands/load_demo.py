from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from guildhall.core.errors import GuildhallError
from guildhall.demo.services import load_demo
from guildhall.web.personas import PERSONAS


class Command(BaseCommand):
    """Make the demo guild in an empty database."""

    help = "Makes a believable guild in an empty database: people, characters, a year of raids, loot and points."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="another number makes another guild")

    def handle(self, *args: object, **options: Any) -> None:
        began = time.monotonic()
        try:
            loaded = load_demo(seed=options["seed"])
        except GuildhallError as error:
            raise CommandError(error.detail) from error
        if options["verbosity"] < 1:
            return
        counts = ", ".join(f"{count} {name}" for name, count in loaded.counts.items())
        self.stdout.write(f"Made in {time.monotonic() - began:.0f} s: {counts}.")
        self.stdout.write("One can sign in as:")
        for persona in PERSONAS:
            self.stdout.write(f"  {persona.username:<11} {persona.display_name:<10} {persona.title}: {persona.words}")
        if not settings.DEMO_SIGN_IN:
            self.stdout.write(
                "The demo sign-in is shut here: set DEBUG=1, or give them passwords (manage.py changepassword)."
            )
