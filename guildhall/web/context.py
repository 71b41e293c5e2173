"""What every template knows: the guild, the way around, and what this person may do."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from guildhall import __version__
from guildhall.accounts.models import Section
from guildhall.accounts.permissions import Principal, principal_of
from guildhall.accounts.visitors import open_sections


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


class Sees:
    """In templates: ``sees.standings``, ``sees.items`` and so on: whether this person can open the pages of a `Section`, by
    a scope or, for a stranger, because officers opened it."""

    def __init__(self, request: HttpRequest, principal: Principal) -> None:
        self._request, self._principal = request, principal

    def __getitem__(self, section: str) -> bool:
        if self._principal.user is None:
            return section in open_sections(self._request)
        return self._principal.can(_SCOPE_OF[section])


# By which scope each section is open to somebody who is signed in.
_SCOPE_OF = {
    Section.STANDINGS.value: "points:read",
    Section.ROSTER.value: "roster:read",
    Section.RAIDS.value: "raids:read",
    Section.CALENDAR.value: "raids:read",
    Section.ITEMS.value: "raids:read",
    Section.RECRUITMENT.value: "recruitment:read",
}


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the menu. `here` where the present page lies under it."""

    label: str
    url: str
    here: bool


# Label, name of the page, the section that it belongs to.
VISITORS = (
    ("Standings", "web:standings", Section.STANDINGS),
    ("Roster", "web:roster", Section.ROSTER),
    ("Raids", "web:raids", Section.RAIDS),
    ("Calendar", "web:calendar", Section.CALENDAR),
    ("Items", "web:items", Section.ITEMS),
    ("Apply", "web:apply", Section.RECRUITMENT),
)
# Label, name of the page, the scope that opens it. A page that no app has brought is left out.
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
    ("Changes made together", "web:batches", "points:write"),
    ("Pools", "web:pools", "points:write"),
    ("Bidding", "web:bidding", "points:write"),
    ("Events", "web:events", "raids:write"),
    ("People", "web:people", "roster:write"),
    ("What strangers may see", "web:visitors", "roster:write"),
    ("Discord", "web:discord", "discord:write"),
    ("Leaving EQdkp", "web:eqdkp-imports", "points:write"),
    ("Audit log", "web:audit", "roster:write"),
    ("Admin site", "admin:index", "roster:write"),
)


def _visitor_links(request: HttpRequest) -> list[Link]:
    opened = open_sections(request)
    found = [(label, reverse(name)) for label, name, section in VISITORS if section in opened]
    return [Link(label, url, request.path.startswith(url)) for label, url in found]


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


def site(request: HttpRequest) -> dict[str, object]:
    """Return the context processor of every page."""
    if request.path.startswith(("/admin/", "/api/")):
        return {}
    principal = principal_of(request) if hasattr(request, "user") else None
    if principal is None:
        return {"guild_name": settings.GUILD_NAME}
    return {
        "guild_name": settings.GUILD_NAME,
        "guild_time_zone": settings.GUILD_TIME_ZONE,
        "guildhall_version": __version__ if principal.user else "",
        "may": May(principal),
        "sees": Sees(request, principal),
        "visitor": principal.user is None,
        "main_menu": _links(request, principal, MAIN) if principal.user is not None else _visitor_links(request),
        "officer_menu": _links(request, principal, OFFICERS) if principal.is_officer else [],
    }
