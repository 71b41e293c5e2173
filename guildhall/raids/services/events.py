"""Events, the groups of items they draw on, and the shares of the statuses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TypedDict, Unpack

from django.db import transaction
from django.db.models import ProtectedError

from guildhall.accounts.models import User
from guildhall.core import audit
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.model_updates import refuse_unknown_fields, update_model
from guildhall.core.money import ZERO, parse_points, round_points, show_points
from guildhall.core.transactions import use_case
from guildhall.core.validators import is_plain_number
from guildhall.points.models import DKPPool
from guildhall.points.selectors import default_pool
from guildhall.raids.models import AttendanceStatus, Event, EventPool, ItemPool, StatusShare
from guildhall.raids.plan_models import MOST_MINUTES
from guildhall.raids.policy import share_key
from guildhall.raids.versions import require_event

from .plan import BossLine, PlanLine, plan_as_lines, require_length, set_bosses, set_plan


class EventDetails(TypedDict, total=False):
    """What is set of an event besides its name, its pools and its groups of items."""

    description: str
    default_points: Decimal | int | str
    difficulty_modifier: Decimal | int | str
    is_active: bool
    counts_for_attendance: bool
    icon: str
    usual_weekday: int | None
    usual_time: dt.time | None
    usual_minutes: int | None
    full_bonus: Decimal | int | str


class EventChanges(EventDetails, total=False):
    """The fields of an event that `update_event` takes."""

    name: str


def event_worth(event: Event) -> Decimal:
    """Return what a raid of the event is worth: its default points times its difficulty, to two places."""
    return round_points(event.default_points * event.difficulty_modifier)


@use_case
def create_event(
    *,
    name: str,
    pools: Sequence[DKPPool] = (),
    no_attendance: Sequence[DKPPool] = (),
    item_pools: Sequence[ItemPool] = (),
    planned_checks: Sequence[PlanLine] = (),
    bosses: Sequence[BossLine] = (),
    actor: User | None = None,
    imported: bool = False,
    **details: Unpack[EventDetails],
) -> Event:
    """Make an event that pays into `pools`, the first of which is its own; into the default pool where none is named.

    Args:
        no_attendance: those of the pools in which its raids do not count as attendance.
        planned_checks, bosses: its plan (`plan.set_plan`, `plan.set_bosses`), which each new raid copies.
        imported: let two events have one name, as the old system did.

    Raises:
        BadInput: those of a plan, ``required``, ``name_too_long``, ``invalid_modifier``, ``unknown_field``, the codes of `parse_points`.
        Conflict: ``name_taken``.
        NotFound: ``no_pool`` in a guild that has none yet.
    """
    event = Event(**_clean_event({"name": name, **details}))
    if not imported:
        _refuse_taken_name(event)
    event.save()
    _set_pools(event, list(pools) or [default_pool()], no_attendance)
    event.item_pools.set(item_pools)
    _set_plan(event, planned_checks or None, bosses or None)
    audit.record(
        action="raids.create_event",
        summary=f"event {event} made, worth {show_points(event_worth(event))}",
        actor=actor,
        target=event,
    )
    return event


@use_case
def update_event(
    *,
    event: Event,
    actor: User | None,
    pools: Sequence[DKPPool] | None = None,
    no_attendance: Sequence[DKPPool] | None = None,
    item_pools: Sequence[ItemPool] | None = None,
    planned_checks: Sequence[PlanLine] | None = None,
    bosses: Sequence[BossLine] | None = None,
    version: str | None = None,
    **changes: Unpack[EventChanges],
) -> Event:
    """Change an event. What was paid stays as it was paid, and raids that are there keep their plan; new ones are made by the
    new values.

    Args:
        version: the `raids.versions.event_version` of the event that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput, Conflict: as `create_event`.
    """
    locked = Event.objects.select_for_update().get(pk=event.pk)
    require_event(version, locked)
    name = locked.name

    def check() -> None:
        if locked.name != name:
            _refuse_taken_name(locked)

    changed = update_model(locked, _clean_event(changes), fields=EventChanges, actor=actor, action=None, check=check)
    links = list(locked.event_pools.select_related("pool"))
    if pools is not None or no_attendance is not None:
        kept = [link.pool for link in links if link.no_attendance]
        _set_pools(
            locked,
            list(pools) if pools is not None else [link.pool for link in links],
            no_attendance if no_attendance is not None else kept,
        )
    if item_pools is not None:
        locked.item_pools.set(item_pools)
    plan_before = plan_as_lines(locked)
    _set_plan(locked, planned_checks, bosses)
    audit.record(
        action="raids.update_event",
        summary=f"event {locked} changed",
        actor=actor,
        target=locked,
        data={
            "before": {
                **changed.data["before"],
                "pools": [link.pool_id for link in links],
                **_said_of(plan_before, planned_checks),
            },
            "after": {
                **changed.data["after"],
                "pools": list(locked.event_pools.values_list("pool_id", flat=True)),
                **_said_of(plan_as_lines(locked), planned_checks),
            },
        },
    )
    if "counts_for_attendance" in changes or no_attendance is not None or pools is not None:
        from .standing import attendance_changed

        attendance_changed()
    return locked


@use_case
def delete_event(*, event: Event, actor: User | None) -> None:
    """Delete an event of which there was never a raid.

    Raises:
        NotFound: ``unknown_event``.
        Conflict: ``event_in_use``; make it inactive instead.
    """
    locked = Event.objects.select_for_update().filter(pk=event.pk).first()
    if locked is None:
        raise NotFound(f"There is no event {event.pk}.", code="unknown_event")
    used = Conflict(
        f"There are raids of {locked}, which are never deleted. Set is_active to false instead.",
        code="event_in_use",
        figures={"raids": locked.raids.count()},
    )
    if locked.raids.exists():
        raise used
    audit.record(action="raids.delete_event", summary=f"event {locked} deleted", actor=actor, target=locked)
    try:
        with transaction.atomic():
            locked.delete()
    except ProtectedError as error:
        raise used from error


def _set_plan(event: Event, checks: Sequence[PlanLine] | None, bosses: Sequence[BossLine] | None) -> None:
    if checks is not None:
        set_plan(event, checks)
    if bosses is not None:
        set_bosses(event, bosses)
    require_length(event)


def _said_of(lines: Sequence[Mapping[str, object]], given: object) -> dict[str, object]:
    """Return a plan as the audit row says it, where it was given."""
    return {} if given is None else {"plan": [{name: str(value) for name, value in line.items()} for line in lines]}


def _clean_event(values: EventChanges) -> EventChanges:
    refuse_unknown_fields(values, EventChanges)
    found = values.copy()
    if "name" in found:
        found["name"] = _clean_name(found["name"])
    if "default_points" in found:
        found["default_points"] = parse_points(found["default_points"], attr="default_points")
    if "difficulty_modifier" in found:
        found["difficulty_modifier"] = _clean_modifier(found["difficulty_modifier"])
    if "full_bonus" in found:
        found["full_bonus"] = parse_points(found["full_bonus"], attr="full_bonus", minimum=ZERO)
    for name, most in (("usual_weekday", 6), ("usual_minutes", MOST_MINUTES)):
        value = found.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most):
            raise BadInput(f"Give a number from 0 to {most}.", code="out_of_range", attr=name)
    return found


def _clean_name(name: object) -> str:
    text = " ".join(str(name or "").split())
    if not text:
        raise BadInput("Give it a name.", code="required", attr="name")
    if len(text) > 120:
        raise BadInput("A name has at most 120 characters.", code="name_too_long", attr="name")
    return text


def _clean_modifier(value: object) -> Decimal:
    try:
        text = value.strip() if isinstance(value, str) else str(value)
        modifier = Decimal(text if not isinstance(value, str) or is_plain_number(text) else "NaN")
    except InvalidOperation:
        modifier = Decimal("NaN")
    if isinstance(value, bool) or not modifier.is_finite() or not 0 <= modifier <= 100:
        raise BadInput(
            "The difficulty is a number from 0 to 100; 1 changes nothing, 1.5 gives half as much again.",
            code="invalid_modifier",
            attr="difficulty_modifier",
        )
    if modifier != modifier.quantize(Decimal("0.001")):
        raise BadInput(
            "The difficulty has at most three decimals.", code="too_many_decimals", attr="difficulty_modifier"
        )
    return modifier


def _refuse_taken_name(event: Event) -> None:
    if Event.objects.filter(name__iexact=event.name).exclude(pk=event.pk).exists():
        raise Conflict(f"There is an event called {event.name} already.", code="name_taken", attr="name")


def _set_pools(event: Event, pools: Sequence[DKPPool], no_attendance: Sequence[DKPPool]) -> None:
    if not pools:
        raise BadInput("An event pays into at least one pool.", code="required", attr="dkp_pools")
    apart = {pool.pk for pool in no_attendance}
    event.event_pools.all().delete()
    EventPool.objects.bulk_create(
        EventPool(event=event, pool=pool, position=position, no_attendance=pool.pk in apart)
        for position, pool in enumerate({pool.pk: pool for pool in pools}.values())
    )


class ItemPoolValues(TypedDict, total=False):
    """What `save_item_pool` sets."""

    name: str
    description: str
    pools: Sequence[DKPPool]


@use_case
def save_item_pool(
    *,
    item_pool: ItemPool | None = None,
    name: str | None = None,
    description: str | None = None,
    pools: Sequence[DKPPool] | None = None,
    actor: User | None = None,
    version: str | None = None,
) -> ItemPool:
    """Make a group of items, or change one: its name, and the pools in which its awards are charged.

    Args:
        version: the `core.versions.row_version` of the group that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: ``required``, ``name_too_long``.
        Conflict: ``name_taken``.
    """
    group = ItemPool.objects.select_for_update().get(pk=item_pool.pk) if item_pool is not None else ItemPool()
    values: ItemPoolValues = {}
    if name is not None or item_pool is None:
        values["name"] = _clean_name(name)
    if description is not None:
        values["description"] = description
    if pools is not None:
        values["pools"] = pools
    update_model(
        group, values, fields=ItemPoolValues, actor=actor, action="raids.save_item_pool", seen=version,
        summary=lambda changed: f"item pool {group} saved",
        conflict=lambda: Conflict(f"There is an item pool called {group.name} already.", code="name_taken", attr="name"),
    )  # fmt: skip
    return group


@use_case
def delete_item_pool(*, item_pool: ItemPool, actor: User | None) -> None:
    """Delete a group of items that nothing refers to.

    Raises:
        Conflict: ``item_pool_in_use``.
    """
    audit.record(
        action="raids.delete_item_pool", summary=f"item pool {item_pool} deleted", actor=actor, target=item_pool
    )
    try:
        with transaction.atomic():
            item_pool.delete()
    except ProtectedError as error:
        raise Conflict(f"There are items in {item_pool}; move them first.", code="item_pool_in_use") from error


@use_case
def set_status_share(
    *, status: str, percent: object, pool: DKPPool | None = None, actor: User | None = None
) -> StatusShare:
    """Say what percentage of the points a status earns, everywhere or in one pool. What was paid stays as it was.

    Raises:
        BadInput: ``invalid_choice``, ``out_of_range``, ``not_a_number``, ``too_many_decimals``.
    """
    if status not in AttendanceStatus.values:
        raise BadInput(
            f"“{str(status)[:30]}” is not a status. Use one of {', '.join(AttendanceStatus.values)}.",
            code="invalid_choice",
            attr="status",
        )
    value = parse_points(percent, attr="percent")
    if not ZERO <= value <= 100:
        raise BadInput("A share lies between 0 and 100 percent.", code="out_of_range", attr="percent")
    share, _ = StatusShare.objects.update_or_create(
        key=share_key(status, pool.pk if pool else None), defaults={"status": status, "pool": pool, "percent": value}
    )
    audit.record(action="raids.set_status_share", summary=str(share), actor=actor, target=share)
    return share


@use_case
def forget_status_share(*, share: StatusShare, actor: User | None) -> None:
    """Go back to what counts without this row: the share for everywhere, or the default."""
    audit.record(action="raids.forget_status_share", summary=f"{share}: no longer", actor=actor, target=share)
    share.delete()
