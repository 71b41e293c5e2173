"""How a view says what it needs: `required_scopes`, checked here and nowhere else."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from guildhall.accounts.permissions import Principal, principal_of, role_scopes


class ScopePermission(BasePermission):
    """Checks the view's `required_scopes`:

    - ``"points"``: `points:read` for GET, `points:write` for the rest;
    - ``"points:read"``: that scope for every method;
    - ``{"GET": "points:read", "POST": ("points:write", "admin")}``: by method; any of several; None: signed in is enough;
    - None: signed in is enough.

    A view without it is a mistake and says so. Nobody signed in is let in only by a view that opens itself to strangers
    (`visitors.VisitorReadable`).
    """

    message = "Your role or your key does not allow this."
    """What is said where no permission would help; else `refusal` names the one that is missing."""

    @classmethod
    def admits_strangers(cls, view: object, method: str) -> bool:
        """Return whether a caller who is not signed in may be let in, for the schema. A subclass that does says so here."""
        opens = getattr(view, "may_open_to_visitors", None)
        return bool(opens is not None and opens(method))

    @classmethod
    def scopes_for(cls, view: object, method: str) -> tuple[str, ...]:
        """Return the scopes of which one is needed, for the schema; empty where signing in is enough."""
        return needed_scopes(getattr(view, "required_scopes", None), method)

    def has_permission(self, request: Request, view: object) -> bool:
        if not hasattr(view, "required_scopes"):
            raise ImproperlyConfigured(f"{view.__class__.__name__} must say its required_scopes")
        principal = principal_of(request)
        if principal.user is None:
            opens = getattr(view, "opens_to_visitor", None)
            return bool(opens is not None and opens(request))
        method = request.method or "GET"
        if not declares(view.required_scopes, method):
            # Refused rather than open to everybody; a method that the view does not have goes on to its 405.
            return getattr(view, method.lower(), None) is None
        wanted = needed_scopes(view.required_scopes, method)
        if not wanted or any(principal.can(scope) for scope in wanted):
            return True
        self.message = refusal(principal, wanted)
        return False


def refusal(principal: Principal, wanted: tuple[str, ...]) -> str:
    """Return what is missing, of which any is enough, and whether it is the key or the role that lacks it."""
    needs = f"This needs the permission {' or '.join(wanted)}"
    if principal.key is None or principal.user is None:
        return f"{needs}, which your role does not have. Ask an officer."
    if principal.user.is_bot or role_scopes(principal.user) & set(wanted):
        return f"{needs}, which this key does not have. Use a key that has it."
    return f"{needs}, which neither this key nor its owner's role has. Ask an officer."


def declares(declared: object, method: str) -> bool:
    """Return whether `declared`, a view's `required_scopes`, says what `method` needs.

    A dictionary that leaves out a method of the view says nothing about it; HEAD and OPTIONS go by GET, or are free.
    """
    return not isinstance(declared, dict) or method in declared or method in ("HEAD", "OPTIONS")


def needed_scopes(declared: Any, method: str) -> tuple[str, ...]:
    """Return the scopes of which one is needed for `method`; empty where signing in is enough."""
    if isinstance(declared, dict):
        declared = declared.get("GET" if method in ("HEAD", "OPTIONS") else method)
    if declared is None:
        return ()
    if isinstance(declared, str):
        declared = (declared,)
    action = "read" if method in SAFE_METHODS else "write"
    return tuple(scope if ":" in scope or scope == "admin" else f"{scope}:{action}" for scope in declared)


def principal(request: Request) -> Principal:
    """Return who asks, for views that must know more than a scope."""
    return principal_of(request)
