from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from guildhall.points.models import LedgerEntry, UserPointsSummary
from guildhall.points.verification import verify


class Command(BaseCommand):
    """Recompute every balance from its entries; exit non-zero and name every difference if one is wrong."""

    help = "Recompute the whole ledger and compare. Exit 1 and a line for each difference if anything is off."

    def handle(self, *args: object, **options: object) -> None:
        differences = verify()
        for difference in differences:
            self.stderr.write(str(difference))
        if differences:
            raise CommandError(f"{len(differences)} differences. Do not award anything; see docs/sysadmin.md.")
        entries, summaries = LedgerEntry.objects.count(), UserPointsSummary.objects.count()
        self.stdout.write(f"The ledger adds up: {entries} entries, {summaries} balances.")
