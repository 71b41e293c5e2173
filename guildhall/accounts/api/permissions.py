"""How a view says what it needs: `required_scopes`, checked here and nowhere else."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from guildhall.accounts.permissions import Principal, principal_of


class ScopePermission(BasePermission):
    """Checks the view's `required_scopes`:

    - ``"points"``: `points:read` for GET, `points:write` for the rest;
    - ``"points:read"``: that scope for every method;
    - ``{"GET": "points:read", "POST": ("points:write", "admin")}``: by method; any of several; None: signed in is enough;
    - None: signed in is enough.

    A view without it is a mistake and says so.
    """

    message = "Your role or your key does not allow this."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not hasattr(view, "required_scopes"):
            raise ImproperlyConfigured(f"{view.__class__.__name__} must say its required_scopes")
        principal = principal_of(request)
        if principal.user is None:
            return False
        wanted = needed_scopes(view.required_scopes, request.method or "GET")
        return not wanted or any(principal.can(scope) for scope in wanted)


def needed_scopes(declared: Any, method: str) -> tuple[str, ...]:
    """The scopes of which one is needed for `method`; empty where signing in is enough."""
    if isinstance(declared, dict):
        declared = declared.get("GET" if method in ("HEAD", "OPTIONS") else method)
    if declared is None:
        return ()
    if isinstance(declared, str):
        declared = (declared,)
    action = "read" if method in SAFE_METHODS else "write"
    return tuple(scope if ":" in scope or scope == "admin" else f"{scope}:{action}" for scope in declared)


def principal(request: Request) -> Principal:
    """Who asks, for views that must know more than a scope."""
    return principal_of(request)
