"""What the imports found odd: seen by officers, and closed by them once it is dealt with here."""

from __future__ import annotations

from typing import Any

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.transactions import use_case

from .models import ImportRun, LegacyProblem


def find_issues(*, closed: bool = False, held: bool | None = None, text: str = "") -> Any:
    """Import issues of the imports (not of dry runs), those excluded first.

    Args:
        closed: those that are dealt with, instead of the open ones.
        held: only those excluded, or only those brought with a repair; None for both.
        text: part of what is said of them.
    """
    found = LegacyProblem.objects.filter(run__is_commit=True, resolved_at__isnull=not closed)
    if held is not None:
        wanted = LegacyProblem.Outcome.HELD if held else LegacyProblem.Outcome.REPAIRED
        found = found.filter(outcome=wanted)
    if text:
        found = found.filter(detail__icontains=text)
    return found.select_related("run", "resolved_by").order_by("outcome", "table", "id")


def issues_of_run(run: ImportRun) -> Any:
    """Return what a dry run found odd; after an import, what is open of it and of those before it."""
    if not run.is_commit:
        return LegacyProblem.objects.filter(run=run).order_by("outcome", "table", "id")
    return find_issues().filter(source=run.source)


@use_case
def close_issue(*, problem_id: int, note: str, actor: User) -> LegacyProblem:
    """Say that an import issue is dealt with: nothing moves by it, and a later import leaves it closed.

    Raises:
        NotFound: ``unknown_problem``.
        BadInput: ``required`` without a note.
        Conflict: ``already_closed``.
    """
    problem = LegacyProblem.objects.select_for_update().filter(pk=problem_id, run__is_commit=True).first()
    if problem is None:
        raise NotFound("There is no such row any more; its import was undone.", code="unknown_problem")
    words = note.strip()
    if not words:
        raise BadInput("Say what was done about it.", code="required", attr="note")
    if problem.resolved_at is not None:
        raise Conflict(f"This is closed already: {problem.resolution}.", code="already_closed")
    problem.resolved_at, problem.resolved_by, problem.resolution = clock.now(), actor, words[:300]
    problem.save(update_fields=["resolved_at", "resolved_by", "resolution"])
    audit.record(
        action="eqdkp.close_issue",
        summary=f"{problem.table} {problem.legacy_id} of EQdkp dealt with: {words[:150]}",
        actor=actor,
        target=problem.run,
        data={"table": problem.table, "legacy_id": problem.legacy_id, "code": problem.code, "detail": problem.detail},
    )
    return problem
