"""`manage.py backup`: one file with the whole guild in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from guildhall.core.errors import GuildhallError
from guildhall.ops import backups
from guildhall.ops.selectors import pending_migrations


class Command(BaseCommand):
    """Write a backup and, where asked, forget old ones."""

    help = "Write a backup of the whole database to BACKUP_DIR (default var/backups); restores on any database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", type=Path, default=None, help="another directory")
        parser.add_argument("--label", default="", help="added to the name; labelled backups are never forgotten")
        parser.add_argument("--keep", type=int, default=0, help="forget all but the newest N without a label")
        parser.add_argument("--native", action="store_true", help="also the database's own dump (pg_dump …) beside it")
        parser.add_argument("--if-migrations", action="store_true", help="only if migrations wait; for upgrades")

    def handle(self, *args: object, **options: Any) -> None:
        try:
            if options["if_migrations"] and not pending_migrations():
                self.stdout.write("No migration waits; no backup needed.")
                return
            made = backups.make(label=options["label"], where=options["to"], native=options["native"])
            gone = backups.delete_expired(keep=options["keep"], where=options["to"]) if options["keep"] else []
        except GuildhallError as error:
            raise CommandError(error.detail) from error
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {error}. Check DATABASE_URL.") from error
        self.stdout.write(str(made.path))
        for path in gone:
            self.stderr.write(f"forgot {path.name}")
