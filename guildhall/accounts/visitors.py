"""What strangers may see: the guild's one setting, for the pages, the API, the old API and the calendar feed alike.

Invariants:
- A stranger (nobody signed in, no key) reads only what belongs to an open `Section`; a new guild has none open. Whoever
  is signed in is judged by the scopes of their role (`permissions.py`), whatever is open here.
- Opening is named at each endpoint (`visitors=` of a page, `visitor_section` of an API view, `Caller.may_read` of the old
  API); an endpoint that names no section stays closed. Nothing but reading is ever open, except sending an application.
- An open section shows no notes, reasons, e-mail addresses, Discord ids, held points or audit data: API views name the
  fields that strangers get, and blank all others (`api.visitors.VisitorReadable`).
- `tests/contract/test_what_strangers_see.py` goes through every page, endpoint and old function, for each section on and off.
"""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

from guildhall.core import audit
from guildhall.core.errors import BadInput
from guildhall.core.model_updates import update_model
from guildhall.core.transactions import use_case

from .models import User, VisitorAccess
from .permissions import principal_of

_ROW = 1


def visitor_access() -> VisitorAccess:
    """Return the setting; everything closed where nobody has edited it yet. One query."""
    return VisitorAccess.objects.filter(pk=_ROW).first() or VisitorAccess()


def is_visitor(request: object) -> bool:
    """Return whether a request comes from nobody we know."""
    return principal_of(request).user is None


def open_sections(request: Any) -> frozenset[str]:
    """Return the sections that are open to strangers, read once for each request."""
    found: frozenset[str] | None = getattr(request, "_open_sections", None)
    if found is None:
        found = request._open_sections = visitor_access().open_sections
    return found


def visitor_may_use(request: Any, section: str | None) -> bool:
    """Return whether this is a stranger and `section` is open to them. False for whoever is signed in: there, scopes decide."""
    return section is not None and is_visitor(request) and section in open_sections(request)


class VisitorAccessChanges(TypedDict, total=False):
    """What `edit_visitor_access` takes: each `Section`, open (true) or closed."""

    standings: bool
    roster: bool
    raids: bool
    calendar: bool
    items: bool
    recruitment: bool


@use_case
def edit_visitor_access(
    *, actor: User | None, version: str | None = None, **changes: Unpack[VisitorAccessChanges]
) -> VisitorAccess:
    """Open or close sections to strangers: ``standings=True``. What is not named stays as it is.

    Args:
        version: the `core.versions.row_version` of the row that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: ``unknown_field``; ``invalid`` for anything but true or false.
    """
    for name, value in changes.items():
        if not isinstance(value, bool):
            raise BadInput(f"{name[:40]} is open (true) or closed (false).", code="invalid", attr=name[:40])
    VisitorAccess.objects.get_or_create(pk=_ROW)
    row = VisitorAccess.objects.select_for_update().get(pk=_ROW)
    changed = update_model(row, changes, fields=VisitorAccessChanges, actor=actor, action=None, seen=version)
    if changed:
        words = ", ".join(f"{name} {'opened' if value else 'closed'}" for name, value in changed.after.items())
        audit.record(
            action="accounts.edit_visitor_access",
            summary=f"What strangers may see: {words}",
            actor=actor,
            target=row,
            data={"changed": changed.after, "open": sorted(row.open_sections)},
        )
    return row
