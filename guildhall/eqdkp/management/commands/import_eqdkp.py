"""`manage.py import_eqdkp`: leave EQdkp Plus, or only look what that would do."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from guildhall.accounts.models import User
from guildhall.core.databases.faults import is_lost
from guildhall.core.errors import GuildhallError
from guildhall.core.leases import LeaseLost
from guildhall.eqdkp.import_issues import issues_of_run
from guildhall.eqdkp.legacy.source import open_source
from guildhall.eqdkp.models import ImportRun
from guildhall.eqdkp.running import wait_for_killed
from guildhall.eqdkp.services import perform
from guildhall.eqdkp.undo import find_run, undo_import

#: So many import issues are shown on the terminal.
SHOWN = 200


class ProgressBar:
    """A line that says how far it is and how long it will take, on a terminal; a line a step elsewhere."""

    WIDTH = 28

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.live = stream.isatty()
        self.began = time.monotonic()
        self.last = 0.0
        self.step = ""

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if self.live:
            if now - self.last < 0.1 and done < total:
                return
            self.last = now
            share = min(done / total, 1.0) if total else 1.0
            filled = int(share * self.WIDTH)
            spent = now - self.began
            left = f"about {self._span(spent / share - spent)} left" if 0.01 < share < 1 else ""
            line = f"\r[{'█' * filled}{'·' * (self.WIDTH - filled)}] {share:4.0%}  {step} {done:,}/{total:,}  {left}"
            self.stream.write(line.ljust(100))
        elif step != self.step:
            self.step = step
            self.stream.write(f"{step} ({done:,} of {total:,} rows done)\n")
        self.stream.flush()

    @staticmethod
    def _span(seconds: float) -> str:
        return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"

    def end(self) -> None:
        if self.live:
            self.stream.write("\n")


_ABOUT_STRANGERS = (
    "What the old site showed to everybody is closed here, /api.php too. "
    "Officers open it on “What strangers may see”; tools with a key go on."
)


class Command(BaseCommand):
    help = (
        "Bring a guild over from EQdkp Plus 2.x: from its database, a dump of it, or the exports of its API. Without "
        "--commit nothing is changed: it reads everything and says what would happen. Exits 1 where a difference "
        "between the old balances and the new ones has no explanation, 2 where the source cannot be used or another import "
        "runs, 3 where it was interrupted and goes on when it is run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "sources", nargs="*", metavar="SOURCE",
            help="mysql://user:password@host/database, or a dump (.sql, .sql.gz, .zip), or API exports (JSON or XML)",
        )  # fmt: skip
        parser.add_argument("--commit", action="store_true", help="do it; without this it is a dry run")
        parser.add_argument("--prefix", help="the table prefix, where there are several installations")
        parser.add_argument("--source", default="eqdkp", help="a name for the old installation, if there are several")
        parser.add_argument("--report", type=Path, help="write the whole proof to this file, as JSON")
        parser.add_argument("--undo", metavar="RUN", help="undo one import: its id, or “last”")
        parser.add_argument("--list", action="store_true", help="the imports so far")
        parser.add_argument("--actor", help="the username to write into the record")
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *args: object, **options: object) -> None:
        try:
            self._handle(options)
        except GuildhallError as error:
            raise CommandError(error.detail, returncode=2) from error
        except (DatabaseError, InterfaceError) as error:
            what = "The connection to Guildhall's database was lost"
            if not is_lost(error):
                what = "Guildhall's database refused a batch whole, which should not happen: please report it"
            raise CommandError(
                f"{what} ({str(error).strip()}). What was brought so far stays; run the same command again and it goes on "
                "where it was.",
                returncode=3,
            ) from error
        except LeaseLost as error:
            raise CommandError(
                "This process stood still for too long, and another one has taken the import over; --list says how far "
                "it is.",
                returncode=3,
            ) from error
        except KeyboardInterrupt as error:
            raise CommandError(
                "Interrupted. What was done so far stays; run the same command again and it goes on where it was.",
                returncode=3,
            ) from error

    def _handle(self, options: dict[str, Any]) -> None:
        if options["list"]:
            self._list()
            return
        actor = self._actor(options["actor"])
        bar = None if options["no_progress"] else ProgressBar(sys.stderr)
        if options["undo"] or options["commit"]:
            wait_for_killed(self.stderr.write)
        if options["undo"]:
            done = undo_import(run=find_run(options["undo"], source=options["source"]), actor=actor, beat=bar)
            if bar is not None:
                bar.end()
            self.stdout.write(done.as_text())
            return
        if not options["sources"]:
            raise CommandError("Name a source; --help says which kinds there are.", returncode=2)
        with open_source(options["sources"], prefix=options["prefix"]) as snapshot:
            run = perform(snapshot=snapshot, commit=options["commit"], source=options["source"], actor=actor, beat=bar)
        if bar is not None:
            bar.end()
        self._say(run)
        if options["commit"]:
            self.stdout.write(_ABOUT_STRANGERS)
        if options["report"]:
            self._write(run, options["report"])
        if run.report["unexplained"]:
            raise CommandError(
                f"{run.report['unexplained']} differences have no explanation; see the lines marked UNEXPLAINED.",
                returncode=1,
            )

    def _actor(self, username: str | None) -> User | None:
        if not username:
            return None
        found = User.objects.filter(username=username).first()
        if found is None:
            raise CommandError(f"There is no user called {username}.", returncode=2)
        return found

    def _list(self) -> None:
        for run in ImportRun.objects.order_by("created_at"):
            kind = "import" if run.is_commit else "dry run"
            self.stdout.write(
                f"{run.pk}  {run.created_at:%Y-%m-%d %H:%M}  {kind}, {run.get_state_display()}: {run.origin}"
            )

    @staticmethod
    def _write(run: ImportRun, path: Path) -> None:
        """Write the whole proof, with every import issue, as JSON."""
        names = ("table", "legacy_id", "code", "detail", "outcome", "row")
        odd = [{name: getattr(row, name) for name in names} for row in issues_of_run(run).iterator()]
        try:
            path.write_text(json.dumps({**run.report, "odd_rows": odd}, indent=1, ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            raise CommandError(
                f"The report cannot be written to {path} ({error.strerror}); name another file with --report. The "
                f"{'import' if run.is_commit else 'dry run'} itself is done.",
                returncode=2,
            ) from error

    def _say(self, run: ImportRun) -> None:
        report, out = run.report, self.stdout.write
        out(f"EQdkp Plus {report['version'] or '(version unknown)'} from {report['origin']}")
        out(f"{'table':26}{'rows':>9}{'new':>9}{'changed':>9}{'same':>9}{'held':>7}{'gone':>7}   sum there → here")
        for table, line in report["tables"].items():
            counts = line["counts"]
            if line["what"]:
                out(f"{table:26}{line['eqdkp']['rows']:>9,}   {line['what']}")
                continue
            sums = (
                f"{line['eqdkp'].get('sum', '')} → {line['guildhall'].get('sum', '')}" if "sum" in line["eqdkp"] else ""
            )
            out(
                f"{table:26}{line['eqdkp']['rows']:>9,}{counts['new']:>9,}{counts['changed']:>9,}{counts['same']:>9,}"
                f"{counts['held']:>7,}{counts['gone']:>7,}   {sums}"
            )
        for note in report["notes"]:
            out(f"note: {note}")
        if report["problems"]:
            out("import issues: " + ", ".join(f"{code} {number}" for code, number in report["problems"].items()))
        odd = issues_of_run(run)
        for problem in odd[:SHOWN]:
            out(f"  {problem.table} {problem.legacy_id}: {problem.detail} [{problem.get_outcome_display()}]")
        if (more := odd.count() - SHOWN) > 0:
            out(f"  and {more:,} more; --report FILE writes them all")
        for text in report["claimed_differences"]:
            out(f"  UNEXPLAINED {text}")
        out(
            f"balances: {report['compared']} compared, {report['equal']} equal, {report['explained']} different with a "
            f"cause, {report['unexplained']} unexplained"
        )
        for line in report["people"]:
            if line["causes"] or line["difference"] != "0.00":
                out(
                    f"  {line['person']} in {line['pool']}: EQdkp {line['eqdkp']['current']}, "
                    f"Guildhall {line['guildhall']['current']}: {'; '.join(line['causes'])}"
                )
        out("Imported." if run.is_commit else "Nothing was changed. Run it again with --commit to import.")
