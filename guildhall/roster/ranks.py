"""Changes to the ranks themselves. Who holds which is `services.set_rank` and its bulk form."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from guildhall.accounts.models import User
from guildhall.core import audit, revisions
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.transactions import use_case

from .models import Rank

EDITABLE = frozenset({"name", "order", "is_hidden", "is_trial", "is_default"})
LOWEST_ORDER = 1_000_000


def _apply(rank: Rank, values: dict[str, Any]) -> None:
    unknown = set(values) - EDITABLE
    if unknown:
        raise BadInput(f"A rank has no {', '.join(sorted(unknown))}.", attr=sorted(unknown)[0])
    if "name" in values:
        values["name"] = str(values["name"]).strip()[:60]
        if not values["name"]:
            raise BadInput("Give the rank a name.", code="required", attr="name")
    if not 0 <= values.get("order", 0) <= LOWEST_ORDER:
        raise BadInput(f"order lies between 0 (the highest) and {LOWEST_ORDER}.", code="out_of_range", attr="order")
    for name, value in values.items():
        setattr(rank, name, value)
    if rank.is_default:
        Rank.objects.filter(is_default=True).exclude(pk=rank.pk).update(is_default=False)
    # Every database must agree which names are the same, whatever its collation.
    if Rank.objects.filter(name__iexact=rank.name).exclude(pk=rank.pk).exists():
        raise _taken(rank)
    try:
        with transaction.atomic():
            rank.save()
    except IntegrityError as error:
        raise _taken(rank) from error


def _taken(rank: Rank) -> Conflict:
    return Conflict(f"There is a rank called {rank.name} already.", code="name_taken", attr="name")


@use_case
def create_rank(*, name: str, actor: User | None, **values: Any) -> Rank:
    """Make a rank. `order` 1 is the highest; a default rank is given to characters that come without one.

    Raises:
        BadInput: ``required``, ``out_of_range``.
        Conflict: ``name_taken``.
    """
    rank = Rank()
    _apply(rank, {"name": name, **values})
    audit.record(action="roster.create_rank", summary=f"rank {rank} made", actor=actor, target=rank)
    revisions.bump("roster")
    return rank


@use_case
def update_rank(*, rank: Rank, actor: User | None, **changes: Any) -> Rank:
    """Change a rank; whoever holds it holds it still.

    Raises:
        BadInput: ``required``, ``out_of_range``.
        Conflict: ``name_taken``.
    """
    locked = Rank.objects.select_for_update().get(pk=rank.pk)
    before = {name: str(getattr(locked, name)) for name in changes if name in EDITABLE}
    _apply(locked, changes)
    audit.record(
        action="roster.update_rank",
        summary=f"rank {locked} changed: {', '.join(changes)}",
        actor=actor,
        target=locked,
        data={"before": before, "after": {name: str(getattr(locked, name)) for name in before}},
    )
    revisions.bump("roster")
    return locked


@use_case
def delete_rank(*, rank: Rank, actor: User | None) -> None:
    """Delete a rank that nobody holds or ever held.

    Raises:
        Conflict: ``rank_in_use``; give its characters another rank, or hide it.
        NotFound: ``unknown_rank``.
    """
    locked = Rank.objects.select_for_update().filter(pk=rank.pk).first()
    if locked is None:
        raise NotFound(f"There is no rank {rank.pk}.", code="unknown_rank")
    name, held = locked.name, locked.characters.count()
    audit.record(action="roster.delete_rank", summary=f"rank {name} deleted", actor=actor, target=locked)
    try:
        with transaction.atomic():
            locked.delete()
    except ProtectedError as error:
        who = f"{held} characters hold" if held else "characters once held"
        raise Conflict(
            f"{who} {name}, so it stays on the record. Rename it or hide it instead (is_hidden).", code="rank_in_use"
        ) from error
    revisions.bump("roster")
