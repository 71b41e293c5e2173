"""Names of items in the plans of events and raids, when an item turns out to be another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

from guildhall.raids.models import EventBoss, RaidBoss

MODELS: dict[str, type[EventBoss | RaidBoss]] = {"event": EventBoss, "raid": RaidBoss}


class PlannedLootChange(TypedDict):
    """The expected loot of a boss before and after: `plan` is a key of `MODELS`, `boss` the row's key."""

    plan: str
    boss: int
    label: str
    before: list[str]
    after: list[str]


def planned_loot_changes(
    *, is_old: Callable[[str], bool], is_new: Callable[[str], bool], name: str
) -> list[PlannedLootChange]:
    """Return what naming an item `name` in every plan would change; nothing is stored. Two queries.

    Args:
        is_old: whether a name in a plan is the item that is to be named otherwise.
        is_new: whether it is the item that `name` is, which is not named twice.
    """
    found: list[PlannedLootChange] = []
    for plan, model in MODELS.items():
        for boss, label, loot in model._default_manager.order_by("pk").values_list("pk", "name", "loot"):
            if not any(map(is_old, loot)):
                continue
            after: list[str] = []
            for one in loot:
                wanted = name if is_old(one) else one
                if not (is_new(wanted) and any(map(is_new, after))):
                    after.append(wanted)
            found.append({"plan": plan, "boss": boss, "label": label, "before": list(loot), "after": after})
    return found


def put_planned_loot(changes: Sequence[PlannedLootChange], *, back: bool = False) -> None:
    """Carry these changes out, or take them `back`, of the bosses that stand as the changes say. Joins the transaction."""
    for change in changes:
        was, becomes = (change["after"], change["before"]) if back else (change["before"], change["after"])
        row = MODELS[change["plan"]]._default_manager.select_for_update().filter(pk=change["boss"]).first()
        if row is not None and row.loot == was:
            row.loot = becomes
            row.save(update_fields=["loot"])


def stands(change: PlannedLootChange) -> bool:
    """Return whether a boss stands as a change left it. One query."""
    row = MODELS[change["plan"]]._default_manager.filter(pk=change["boss"]).first()
    return row is not None and row.loot == change["after"]
