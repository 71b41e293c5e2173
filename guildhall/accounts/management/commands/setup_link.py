from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from guildhall.accounts.services import make_setup_code, setup_address
from guildhall.core.errors import GuildhallError


class Command(BaseCommand):
    """Print a new address that opens the setup of a guild without officers; the one before opens nothing any more."""

    help = "Print the address at which a new guild is set up: works once, for a day, until the guild has an officer."

    def handle(self, *args: object, **options: Any) -> None:
        try:
            code = make_setup_code()
        except GuildhallError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(setup_address(code))
