"""Ranks, by name: one that is here already is used as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from guildhall.eqdkp.legacy import rows as r
from guildhall.roster.models import Rank

from .context import MAX_INTEGER, Context, Kind, fingerprint
from .difference import Changed, Created, Known
from .loop import bring
from .named import FoundByName, Values


def import_ranks(ctx: Context) -> None:
    """Import ranks by name; one that is here already (whatever its case) is used as it is."""
    bring(Ranks(ctx))


class Ranks(FoundByName[r.LegacyRank]):
    """Ranks, with their order and whether they are hidden."""

    kind = Kind.RANK
    table = r.RANKS.name
    called = "rank"
    model = Rank
    deleted = "rank {} was deleted in EQdkp; it stays here"

    def rows(self) -> Iterable[r.LegacyRank]:
        """Return the ranks of the old system."""
        return self.ctx.snapshot.rows(r.RANKS)

    def prepare(self, rows: Sequence[r.LegacyRank]) -> None:
        """Read the names that are here, and whether there is a default rank."""
        super().prepare(rows)
        self.has_default = Rank.objects.filter(is_default=True).exists()

    def fingerprint(self, row: r.LegacyRank) -> str:
        """Return a fingerprint of what is brought of a rank."""
        return fingerprint(row.name, row.hidden, row.order)

    def build(self, row: r.LegacyRank, before: Known | None) -> Values:
        """Return the fields of a rank."""
        name = (row.name or f"Rank {row.id}")[:60]
        if not row.name:
            self.ctx.problem(self.table, row.id, "no_name", f"rank {row.id} has no name; it is called {name}")
        # From 1 on at the top; a number that no database keeps is the last place.
        return {"name": name, "order": min(max(row.order, 0) + 1, MAX_INTEGER), "is_hidden": row.hidden}

    def make(self, step: Created[r.LegacyRank, Values]) -> int:
        """Make a rank; the old system's default one is ours where there is none."""
        is_default = step.row.default and not self.has_default
        self.has_default = self.has_default or step.row.default
        return Rank.objects.create(**step.values, is_default=is_default).pk

    def values_of_change(self, key: int, was: Values, step: Changed[r.LegacyRank, Values]) -> Values:
        """Return what to write; a rank whose name was taken away keeps it here."""
        values = super().values_of_change(key, was, step)
        return values if step.row.name else {**values, "name": was["name"]}
