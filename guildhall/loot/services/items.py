"""The catalogue of items.

Invariant: whatever is about to be made of an item holds the item's lock (`lock_item`, `ensure_items`), taken after a raid's and before
people's summaries; a merge of the item waits for it, or it is made of the item that stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from guildhall.accounts.models import User
from guildhall.core import audit
from guildhall.core.errors import BadInput, Conflict, NotFound, Stale
from guildhall.core.model_updates import refuse_unknown_fields, update_model
from guildhall.core.transactions import use_case
from guildhall.loot.models import Item
from guildhall.loot.names import clean_item_name, item_key
from guildhall.raids.models import ItemPool


class ItemDetails(TypedDict, total=False):
    """What is known of an item besides its name."""

    description: str
    category: str
    item_pool: ItemPool | None
    rarity: str
    game_id: str
    metadata: dict[str, object]
    is_active: bool


class ItemChanges(ItemDetails, total=False):
    """What `update_item` takes."""

    name: str


def _name_taken(name: str, item: Item | None) -> Conflict:
    return Conflict(
        f"There is an item called {item.name if item else name} already.",
        code="name_taken",
        attr="name",
        figures={"item_id": item.pk} if item else None,
    )


def _check_details(values: ItemDetails) -> None:
    rarity = values.get("rarity", "")
    if rarity not in Item.Rarity.values:
        raise BadInput(
            f"“{rarity}” is not a rarity; choose {', '.join(value for value in Item.Rarity.values if value)}.",
            code="invalid_choice",
            attr="rarity",
        )
    if not isinstance(values.get("metadata", {}), dict):
        raise BadInput("Metadata is an object of names and values.", code="invalid", attr="metadata")


@use_case
def create_item(*, name: str, actor: User | None, **details: Unpack[ItemDetails]) -> Item:
    """Put a new item in the catalogue.

    Raises:
        BadInput: ``required``, ``name_too_long``, ``invalid_choice``, ``unknown_field``.
        Conflict: ``name_taken``, whatever the case and the apostrophes.
    """
    name = clean_item_name(name, attr="name")
    refuse_unknown_fields(details, ItemDetails)
    _check_details(details)
    item = Item(name=name, name_key=item_key(name), **details)
    try:
        with transaction.atomic():
            item.save()
    except IntegrityError as error:
        raise _name_taken(name, Item.objects.filter(name_key=item.name_key).first()) from error
    audit.record(action="loot.create_item", summary=f"item {item} added", actor=actor, target=item)
    return item


@use_case
def update_item(*, item: Item, actor: User | None, version: str | None = None, **changes: Unpack[ItemChanges]) -> Item:
    """Change an item; awards keep the name they were made under.

    Args:
        version: the `core.versions.row_version` of the item that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since; as `create_item`; Conflict: ``item_merged``.
    """
    locked = Item.objects.select_for_update().get(pk=item.pk)
    refuse_merged(locked)
    if "name" in changes:
        changes["name"] = clean_item_name(changes["name"], attr="name")
    _check_details(changes)

    def set_key() -> None:
        locked.name_key = item_key(locked.name) if "name" in changes else locked.name_key

    update_model(
        locked, changes, fields=ItemChanges, actor=actor, action="loot.update_item", seen=version,
        summary=f"item {changes.get('name', locked.name)} changed", check=set_key,
        conflict=lambda: _name_taken(locked.name, Item.objects.filter(name_key=locked.name_key).first()),
    )  # fmt: skip
    return locked


@use_case
def delete_item(*, item: Item, actor: User | None) -> None:
    """Take an item out of the catalogue.

    Raises:
        Conflict: ``item_in_use`` if it was ever awarded or auctioned, or another was merged into it; set `is_active` to false instead.
            ``item_merged``.
    """
    name, pk = item.name, item.pk
    refuse_merged(Item.objects.select_for_update().get(pk=pk))
    try:
        with transaction.atomic():
            item.delete()
    except ProtectedError as error:
        raise Conflict(
            f"{name} was awarded or auctioned before, or another item was merged into it, so it stays on record. Set is_active to "
            "false to hide it.",
            code="item_in_use",
        ) from error
    audit.record(action="loot.delete_item", summary=f"item {name} ({pk}) deleted", actor=actor, data={"item_id": pk})


def refuse_merged(item: Item) -> None:
    """Pass unless `item` was merged into another.

    Raises:
        Conflict: ``item_merged``, with the id of the one that stays.
    """
    if item.merged_into_id is not None:
        raise Conflict(
            f"{item.name} was merged into {item.merged_into}; change that one.",
            code="item_merged",
            figures={"item_id": item.merged_into_id},
        )


def lock_item(item: Item) -> Item:
    """Lock an item that something is about to be made of, and return it; the one that stays where it was merged. One statement,
    two where it was merged.

    Raises:
        Stale: that one was merged on in the meantime.
        NotFound: ``unknown_item``; it was deleted meanwhile.
    """
    locked = Item.objects.select_for_update().filter(pk=item.pk).first()
    if locked is None:
        raise NotFound(f"There is no item {item.pk} any more.", code="unknown_item", attr="item_id")
    return locked if locked.merged_into_id is None else _lock_staying([locked])[locked.merged_into_id]


def _lock_staying(merged: Sequence[Item]) -> dict[int, Item]:
    """Lock the items that these were merged into, and return them by their ids.

    Raises:
        Stale: one of them was merged on since.
    """
    wanted = {item.merged_into_id for item in merged if item.merged_into_id is not None}
    found = {item.pk: item for item in Item.objects.select_for_update().filter(pk__in=wanted).order_by("pk")}
    if any(item.merged_into_id is not None for item in found.values()):
        raise Stale("The item was merged into another a moment ago. Nothing was stored; send it again.")
    return found


def ensure_items(names: Sequence[str], *, item_pool: ItemPool | None = None) -> dict[str, Item]:
    """Return the items with these names, made where they are new, locked, by `item_key`: of a name that was merged into another item,
    that one. Three statements, four where some were merged; joins the transaction.

    Raises:
        BadInput: ``required``, ``name_too_long``.
        Stale: as `lock_item`.
    """
    wanted = {item_key(clean): clean for clean in map(clean_item_name, names)}
    found = _lock_by_key(sorted(wanted))
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        rows = [Item(name=wanted[key], name_key=key, item_pool=item_pool) for key in missing]
        Item.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
        found.update(_lock_by_key(missing))
    merged = [item for item in found.values() if item.merged_into_id is not None]
    staying = _lock_staying(merged) if merged else {}
    return {key: item if item.merged_into_id is None else staying[item.merged_into_id] for key, item in found.items()}


def _lock_by_key(keys: Sequence[str]) -> dict[str, Item]:
    found: dict[str, Item] = {}
    for start in range(0, len(keys), 500):
        rows = Item.objects.select_for_update().filter(name_key__in=keys[start : start + 500]).order_by("pk")
        found.update((item.name_key, item) for item in rows)
    return found
