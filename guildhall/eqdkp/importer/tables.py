"""Bringing a table whose rows become rows of ours one by one: the calendar, comments, the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from guildhall.core.money import MAX_POINTS
from guildhall.eqdkp.calendar.services import MOST_HOURS
from guildhall.eqdkp.legacy.rows import TableSpec
from guildhall.eqdkp.models import CalendarEvent, CalendarSignup, LegacyLog, LegacyRecord

from .context import MAX_INTEGER, Context, Known, fingerprint

BATCH = 1000
#: The most that each number of a row may be.
LARGEST: dict[Any, dict[str, Any]] = {
    CalendarEvent: {
        "deadline_hours": MOST_HOURS, "places": MAX_INTEGER, "calendar_number": MAX_INTEGER, "points": MAX_POINTS,
    },
    CalendarSignup: {"role": MAX_INTEGER, "raidgroup": MAX_INTEGER, "guest_class": MAX_INTEGER},
    LegacyLog: {"result": MAX_INTEGER},
}  # fmt: skip


def import_table(
    ctx: Context,
    spec: TableSpec[Any],
    kind: str,
    build: Callable[[Any], dict[str, Any] | None],
    model: Any,
    *,
    prepare: Callable[[Sequence[Any]], None] | None = None,
) -> None:
    """Bring a simple table: each row becomes the values of one of ours, or None where it is excluded.

    Args:
        build: the values; with an ``id`` they are for a row of ours that is there already, which takes them over.
        prepare: sees the rows of a batch before any of them is built.
    """
    counts = ctx.counts[spec.name]
    rows: Iterator[Any] = iter(ctx.snapshot.rows(spec))
    while chunk := list(islice(rows, BATCH)):

        def work(chunk: Sequence[Any] = chunk) -> None:
            if prepare is not None:
                prepare(chunk)
            _batch(ctx, spec, kind, build, model, chunk, counts)

        ctx.batch(work)


def _batch(
    ctx: Context, spec: TableSpec[Any], kind: str, build: Any, model: Any, chunk: Sequence[Any], counts: Any
) -> None:
    known = ctx.lookup(kind, [row.id for row in chunk])
    new: list[tuple[Any, dict[str, Any], str, Known | None]] = []
    done: set[int] = set()
    for row in chunk:
        counts.read += 1
        if row.id in done:
            ctx.problem(spec.name, row.id, "duplicate_id", f"{spec.name} {row.id} is there twice", held=True, row=row)
            continue
        done.add(row.id)
        content = fingerprint(row)
        before = known.get(row.id)
        if before is not None and before.content == content and before.state in ("live", "held"):
            counts.same += 1
            continue
        ctx.look(spec.name, row.id)
        values = build(row)
        if values is not None:
            _fit(ctx, spec, row.id, model, values)
        if values is None:
            ctx.remember(kind, row.id, None, content, state=LegacyRecord.State.HELD, before=before)
            continue
        if before is not None and before.here:  # also one that comes back after it was deleted
            counts.changed += 1
            current = model.objects.filter(pk=before.object_id).first()
            if current is not None:
                was = {key: getattr(current, key) for key in values}
                ctx.note_change(before, plain(was), plain(values))
                if ctx.commit:
                    model.objects.filter(pk=current.pk).update(**values)
            ctx.remember(kind, row.id, before.object_id, content, before=before, created=before.created, same_row=True)
            continue
        if (here := values.pop("id", None)) is not None:
            counts.changed += 1
            if ctx.commit:
                model.objects.filter(pk=here).update(**values)
            ctx.remember(kind, row.id, here, content, before=before, created=False)
            continue
        counts.new += 1
        new.append((row, values, content, before))
    keys = [ctx.fake_id() for _ in new]
    if ctx.commit and new:
        made = model.objects.bulk_create([model(**values) for _, values, _, _ in new], batch_size=500)
        if made[0].pk is None:  # MySQL does not tell the keys of a bulk insert
            made = [model.objects.create(**values) for _, values, _, _ in new]
        keys = [row.pk for row in made]
    for (row, _, content, before), key in zip(new, keys, strict=True):
        ctx.remember(kind, row.id, key, content, before=before)
    ctx.progress(spec.name, len(chunk))


def _fit(ctx: Context, spec: TableSpec[Any], legacy_id: int, model: Any, values: dict[str, Any]) -> None:
    """Put 0 for numbers that no database keeps, and say so: one of them would stop the whole import on PostgreSQL."""
    too_much = {
        name: values[name] for name, most in LARGEST.get(model, {}).items() if abs(values.get(name) or 0) > most
    }
    if too_much:
        said = ", ".join(f"{value} as {name.replace('_', ' ')}" for name, value in too_much.items())
        ctx.problem(
            spec.name, legacy_id, "out_of_range",
            f"{spec.name} {legacy_id} has {said}: more than can be kept; it is 0 here",
        )  # fmt: skip
        values.update(dict.fromkeys(too_much, 0))


def plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, str | int | bool | dict | list | None) else str(value)
        for key, value in values.items()
    }
