"""`manage.py join_pretend_discord`: link some people to the pretend Discord that `make run` starts."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from guildhall.discord import pretend


class Command(BaseCommand):
    """Only where DEBUG is on and the settings point at this machine."""

    help = "Bring the demo guild into the pretend Discord: people, links, roles."

    def handle(self, *args: object, **options: object) -> None:
        try:
            said = pretend.join()
            if options["verbosity"]:
                self.stdout.write(said)
        except (RuntimeError, OSError) as error:
            raise CommandError(str(error)) from error
