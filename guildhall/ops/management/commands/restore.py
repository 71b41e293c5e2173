"""`manage.py restore FILE`: bring a backup back into a new, empty database, whole and proven."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from guildhall.core.errors import GuildhallError
from guildhall.ops import restoring


class Command(BaseCommand):
    """Migrate the empty database that DATABASE_URL names, fill it from a backup, verify the ledger."""

    help = "Restore a backup into the empty database of DATABASE_URL. Nothing is ever overwritten."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: object, **options: Any) -> None:
        try:
            restoring.check(options["file"])  # before `migrate` writes anything
            call_command("migrate", interactive=False, verbosity=0)
            restored = restoring.restore(options["file"])
        except GuildhallError as error:
            extra = "".join(f"\n  {name}: {value}" for name, value in error.figures.items() if value)
            raise CommandError(f"{error.detail}{extra}") from error
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {error}. Check DATABASE_URL.") from error
        rows = sum(restored.rows.values())
        self.stdout.write(f"Restored {rows} rows of {restored.made_at}. The ledger adds up.")
