"""The catalogue of items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from guildhall.accounts.models import User
from guildhall.core import audit
from guildhall.core.errors import BadInput, Conflict
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
def update_item(*, item: Item, actor: User | None, **changes: Unpack[ItemChanges]) -> Item:
    """Change an item; awards keep the name they were made under.

    Raises:
        as `create_item`.
    """
    locked = Item.objects.select_for_update().get(pk=item.pk)
    if "name" in changes:
        changes["name"] = clean_item_name(changes["name"], attr="name")
    _check_details(changes)

    def set_key() -> None:
        locked.name_key = item_key(locked.name) if "name" in changes else locked.name_key

    update_model(
        locked, changes, fields=ItemChanges, actor=actor, action="loot.update_item",
        summary=f"item {changes.get('name', locked.name)} changed", check=set_key,
        conflict=lambda: _name_taken(locked.name, Item.objects.filter(name_key=locked.name_key).first()),
    )  # fmt: skip
    return locked


@use_case
def delete_item(*, item: Item, actor: User | None) -> None:
    """Take an item out of the catalogue.

    Raises:
        Conflict: ``item_in_use`` if it was ever awarded or auctioned; set `is_active` to false instead.
    """
    name, pk = item.name, item.pk
    try:
        with transaction.atomic():
            item.delete()
    except ProtectedError as error:
        raise Conflict(
            f"{name} was awarded or auctioned before, so it stays on record. Set is_active to false to hide it.",
            code="item_in_use",
        ) from error
    audit.record(action="loot.delete_item", summary=f"item {name} ({pk}) deleted", actor=actor, data={"item_id": pk})


def ensure_items(names: Sequence[str], *, item_pool: ItemPool | None = None) -> dict[str, Item]:
    """Return the items with these names, made where they are new, by `item_key`. Three statements; joins the transaction.

    Raises:
        BadInput: ``required``, ``name_too_long``.
    """
    wanted = {item_key(clean): clean for clean in map(clean_item_name, names)}
    found = _items_by_key(wanted)
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        rows = [Item(name=wanted[key], name_key=key, item_pool=item_pool) for key in missing]
        Item.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
        found.update(_items_by_key(missing))
    return found


def _items_by_key(keys: Any) -> dict[str, Item]:
    wanted = list(keys)
    found: dict[str, Item] = {}
    for start in range(0, len(wanted), 500):
        rows = Item.objects.select_related("item_pool").filter(name_key__in=wanted[start : start + 500])
        found.update((item.name_key, item) for item in rows)
    return found
