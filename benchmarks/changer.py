"""Changes the guild from outside while it is measured, so that nothing which was kept of it can be sent again.

A process of its own beside the server (`python -m benchmarks.changer`): each line on its input gives every table a new
revision, as `manage.py change_revisions` does; it answers with the number of its database connection's process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

from .database import ROOT


class Changer:
    """The process, seen from the bench."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.changer"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.backend = 0
        """The database's process that serves it."""
        self.change()

    def change(self) -> None:
        """Have every table change; it is committed when this returns. Ends the program where the process has died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("change\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            sys.exit("the process that changes the guild has ended")
        self.backend = int(said)

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


def main() -> None:
    """Serve standard input."""
    import django

    django.setup()
    from django.db import connection, transaction

    from guildhall.core import revisions

    for _ in sys.stdin:
        with transaction.atomic():
            revisions.change_all()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            print(cursor.fetchone()[0], flush=True)


if __name__ == "__main__":
    main()
