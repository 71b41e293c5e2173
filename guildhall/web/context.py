"""What every template knows: the guild, the way around, and what this person may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from guildhall.accounts.permissions import Principal, principal_of


class May:
    """In templates: ``may.officer``, ``may.recruiter``, ``may.points_write`` and so on for every scope."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    def __getitem__(self, name: str) -> bool:
        if name == "officer":
            return self._principal.is_officer
        if name == "recruiter":
            return self._principal.is_recruiter
        return self._principal.can(name.replace("_", ":", 1))


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the menu. `here` where the present page lies under it."""

    label: str
    url: str
    here: bool


# Label, name of the page, the scope that opens it. A page that no room has brought is left out.
MAIN = (
    ("Standings", "web:standings", "points:read"),
    ("Roster", "web:roster", "roster:read"),
    ("Raids", "web:raids", "raids:read"),
    ("Calendar", "web:calendar", "raids:read"),
    ("Items", "web:items", "raids:read"),
    ("Auctions", "web:auctions", "bidding:read"),
    ("Recruitment", "web:recruitment", "recruitment:read"),
)
OFFICERS = (
    ("Import a raid", "web:raid-import", "raids:write"),
    ("Import the roster", "web:guild-dump", "roster:write"),
    ("Adjust points", "web:adjust", "points:write"),
    ("Point rules", "web:rules", "points:write"),
    ("Pools", "web:pools", "points:write"),
    ("Events", "web:events", "raids:write"),
    ("People", "web:people", "roster:write"),
    ("Discord", "web:discord", "discord:write"),
    ("Leaving EQdkp", "web:eqdkp-imports", "points:write"),
    ("Audit log", "web:audit", "roster:write"),
    ("Admin site", "admin:index", "roster:write"),
)


def _links(request: HttpRequest, principal: Principal, wanted: tuple[tuple[str, str, str], ...]) -> list[Link]:
    found = []
    for label, name, scope in wanted:
        if not principal.can(scope):
            continue
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        found.append(Link(label, url, request.path.startswith(url)))
    return found


def house(request: HttpRequest) -> dict[str, Any]:
    """The context processor of every page."""
    if request.path.startswith(("/admin/", "/api/")):
        return {}
    principal = principal_of(request) if hasattr(request, "user") else None
    if principal is None:
        return {"guild_name": settings.GUILD_NAME}
    return {
        "guild_name": settings.GUILD_NAME,
        "guild_time_zone": settings.GUILD_TIME_ZONE,
        "may": May(principal),
        "main_menu": _links(request, principal, MAIN),
        "officer_menu": _links(request, principal, OFFICERS) if principal.is_officer else [],
    }
