"""Ranks, by name: one that is here already is used as it is."""

from __future__ import annotations

from guildhall.eqdkp.legacy import rows as r
from guildhall.roster.models import Rank

from .context import MAX_INTEGER, Context, Kind, Known, fingerprint


def import_ranks(ctx: Context) -> None:
    """Import ranks by name; one that is here already (whatever its case) is used as it is."""
    table, counts = r.RANKS.name, ctx.counts[r.RANKS.name]

    def work() -> None:
        here = {rank.name.casefold(): rank.pk for rank in Rank.objects.all()}
        has_default = Rank.objects.filter(is_default=True).exists()
        known = ctx.known(Kind.RANK)
        for rank in ctx.snapshot.rows(r.RANKS):
            counts.read += 1
            ctx.look(table, rank.id)
            name = (rank.name or f"Rank {rank.id}")[:60]
            if not rank.name:
                ctx.problem(table, rank.id, "no_name", f"rank {rank.id} has no name; it is called {name}")
            content = fingerprint(rank.name, rank.hidden, rank.order)
            before = known.get(rank.id)
            if before is not None and before.here:
                if before.content == content:
                    counts.same += 1
                    continue
                counts.changed += 1
                _change_rank(ctx, before, rank, content)
                continue
            counts.new += 1
            object_id, created = here.get(name.casefold()), False
            if object_id is None:
                object_id, created = ctx.fake_id(), True
                if ctx.commit:
                    object_id = Rank.objects.create(
                        name=name,
                        order=_order(rank),
                        is_hidden=rank.hidden,
                        is_default=rank.default and not has_default,
                    ).pk
                has_default = has_default or rank.default
                here[name.casefold()] = object_id
            ctx.remember(Kind.RANK, rank.id, object_id, content, created=created, before=before)
        there = {rank.id for rank in ctx.snapshot.rows(r.RANKS)}
        ctx.gone_there(Kind.RANK, table, there, "rank {} was deleted in EQdkp; it stays here")
        ctx.progress(table, counts.read)

    ctx.batch(work)


def _order(rank: r.LegacyRank) -> int:
    """Return its place from the top, from 1 on; a number that no database keeps is the last place."""
    return min(max(rank.order, 0) + 1, MAX_INTEGER)


def _change_rank(ctx: Context, before: Known, rank: r.LegacyRank, content: str) -> None:
    current = Rank.objects.filter(pk=before.key).first()
    if current is not None and before.created:
        was = {"name": current.name, "order": current.order, "is_hidden": current.is_hidden}
        taken = Rank.objects.filter(name__iexact=rank.name).exclude(pk=current.pk).exists()
        becomes = {
            "name": current.name if taken or not rank.name else rank.name[:60],
            "order": _order(rank),
            "is_hidden": rank.hidden,
        }
        ctx.note_change(before, was, becomes)
        if ctx.commit:
            for name, value in becomes.items():
                setattr(current, name, value)
            current.save()
    ctx.remember(
        Kind.RANK, rank.id, before.object_id, content, before=before, created=before.created, same_row=True
    )  # fmt: skip
