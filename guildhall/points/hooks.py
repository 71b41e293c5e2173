"""What later apps hang onto the ledger, called inside its transactions. An app registers in its `AppConfig.ready`.

Points know nothing of raids or loot; a raid's attendance and an award are documents whose rows must follow when
their entries are reversed or change hands, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import models

from guildhall.accounts.models import User
from guildhall.core.revisions import Revisions

ReversalHook = Callable[[Collection[UUID], User | None, str, UUID | None], None]
LockHook = Callable[[Collection[UUID]], None]
MergeHook = Callable[[int, int], Mapping[str, int]]
AttendanceProvider = Callable[[Collection[int]], Mapping[int, Decimal]]
SealedCounter = Callable[[Collection[int]], int]
AttendanceCounter = Callable[[Collection[int], int, Any], Mapping[int, tuple[int, int]]]

_reversal_hooks: list[ReversalHook] = []
_lock_hooks: list[LockHook] = []
_merge_hooks: list[MergeHook] = []
_attendance: list[AttendanceProvider] = []
_attendance_models: list[type[models.Model]] = []
_attendance_period: list[Callable[[Revisions], str]] = []
_attendance_counter: list[AttendanceCounter] = []
_sealed_counter: list[SealedCounter] = []


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that `verify_ledger` found: what, where, what it should be and what it is."""

    check: str
    where: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.check}: {self.where}: expected {self.expected}, found {self.found}"


Check = Callable[[], Iterable[Difference]]
_checks: list[Check] = []


def on_reversal(hook: ReversalHook) -> ReversalHook:
    """Register ``hook(documents, actor, reason, import_id)``: every entry of each of these documents has just been
    reversed, by a person (`import_id` is None) or by the import that `import_id` names."""
    _reversal_hooks.append(hook)
    return hook


def before_reversal(hook: LockHook) -> LockHook:
    """Register ``hook(documents)``: lock the app's own rows (auction, raid) of these documents, which are about to be
    reversed. Called before the ledger locks anybody's summaries; rows that are locked already stay so."""
    _lock_hooks.append(hook)
    return hook


def on_merge(hook: MergeHook) -> MergeHook:
    """Register ``hook(source_id, target_id)``: move an app's rows from one user to another; returns counts by name."""
    _merge_hooks.append(hook)
    return hook


def ledger_check(check: Check) -> Check:
    """Register a check that `verify_ledger` runs: yields each `Difference`."""
    _checks.append(check)
    return check


def attendance_provider(
    *read_from: type[models.Model], period: Callable[[Revisions], str]
) -> Callable[[AttendanceProvider], AttendanceProvider]:
    """Register who knows 30-day attendance: ``provider(user_ids)`` answers percentages by user id, in one query.

    Args:
        read_from: the models whose rows decide it.
        period: returns a text that is another one whenever the time alone has changed a figure.
    """

    def register(provider: AttendanceProvider) -> AttendanceProvider:
        _attendance[:], _attendance_models[:], _attendance_period[:] = [provider], read_from, [period]
        return provider

    return register


def attendance_counter(counter: AttendanceCounter) -> AttendanceCounter:
    """Register who counts raids: ``counter(user_ids, days, pool)`` answers (attended, held) of each person in the pool."""
    _attendance_counter[:] = [counter]
    return counter


def sealed_counter(counter: SealedCounter) -> SealedCounter:
    """Register who counts sealed auctions: ``counter(pool_ids)`` answers how many run that charge any of the pools."""
    _sealed_counter[:] = [counter]
    return counter


def lock_documents(documents: Collection[UUID]) -> None:
    """Lock what the apps keep of these documents, later apps first: an auction before its raid, both before summaries."""
    if documents:
        for hook in reversed(_lock_hooks):
            hook(documents)


def run_reversal_hooks(
    documents: Collection[UUID], actor: User | None, reason: str, import_id: UUID | None = None
) -> None:
    """Call every reversal hook, in the order of registration."""
    for hook in _reversal_hooks:
        hook(documents, actor, reason, import_id)


def run_merge_hooks(source_id: int, target_id: int) -> dict[str, int]:
    """Call every merge hook; the counts together."""
    counts: dict[str, int] = {}
    for hook in _merge_hooks:
        counts.update(hook(source_id, target_id))
    return counts


def checks() -> list[Check]:
    """Return the registered checks."""
    return list(_checks)


def attendance_30d(user_ids: Collection[int]) -> Mapping[int, Decimal]:
    """Return 30-day attendance percentages by user id; empty where no app knows."""
    return _attendance[0](user_ids) if _attendance else {}


def attendance_models() -> list[type[models.Model]]:
    """Return the models whose rows decide 30-day attendance."""
    return list(_attendance_models)


def attendance_period(seen: Revisions) -> str:
    """Return a text that is another one whenever the time alone has changed somebody's 30-day attendance."""
    return _attendance_period[0](seen) if _attendance_period else ""


def attendance_over(user_ids: Collection[int], *, days: int, pool: object) -> Mapping[int, tuple[int, int]]:
    """Return raids of the pool that each person attended and that were held for them in the last `days`; empty where no app knows."""
    return _attendance_counter[0](user_ids, days, pool) if _attendance_counter else {}


def sealed_auctions(pool_ids: Collection[int]) -> int:
    """Return how many sealed auctions run that charge any of these pools; none where no app knows."""
    return _sealed_counter[0](pool_ids) if _sealed_counter else 0
