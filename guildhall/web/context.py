"""What every template knows: the guild, the way around, and what this person may do."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from guildhall import __version__
from guildhall.accounts.models import Section
from guildhall.accounts.permissions import Principal, principal_of
from guildhall.accounts.visitors import open_sections
from guildhall.core.guild import guild_name, guild_time_zone, is_being_set_up


class May:
    """In templates: ``may.officer``, ``may.recruiter``, ``may.loot``, ``may.night`` (has a part in the console), ``may.own`` (sees
    their own points), ``may.doubts`` (decides doubts of chat), ``may.points_write`` and so on for every scope."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    def __getitem__(self, name: str) -> bool:
        if name == "officer":
            return self._principal.is_officer
        if name == "recruiter":
            return self._principal.is_recruiter
        if name == "doubts":
            return self._principal.can("bidding:write") and self._principal.runs_auctions
        if name in _EITHER:
            return any(self._principal.can(scope) for scope in _EITHER[name])
        return self._principal.can(name.replace("_", ":", 1))


class Sees:
    """In templates: ``sees.standings``, ``sees.items`` and so on: whether this person can open the pages of a `Section`, by
    a scope or, for a stranger, because officers opened it."""

    def __init__(self, request: HttpRequest, principal: Principal) -> None:
        self._request, self._principal = request, principal

    def __getitem__(self, section: str) -> bool:
        if self._principal.user is None:
            return section in open_sections(self._request)
        return any(self._principal.can(scope) for scope in _SCOPE_OF[section])


# What several scopes allow, each by itself.
_EITHER = {
    "loot": ("raids:write", "loot:write"),
    "night": ("raids:write", "loot:write", "bidding:run"),
    "own": ("points:read", "own:read"),
}
# By which scope each section is open to somebody who is signed in.
_SCOPE_OF = {
    Section.STANDINGS.value: ("points:read",),
    Section.ROSTER.value: ("roster:read",),
    Section.RAIDS.value: ("raids:read",),
    Section.CALENDAR.value: ("raids:read", "calendar:read"),
    Section.ITEMS.value: ("raids:read",),
    Section.RECRUITMENT.value: ("recruitment:read",),
}


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the menu. `here` where the present page lies under it."""

    label: str
    url: str
    here: bool


Entries = tuple[tuple[str, ...], ...]
# Label, name of the page, the section that it belongs to.
VISITORS = (
    ("Standings", "web:standings", Section.STANDINGS),
    ("Roster", "web:roster", Section.ROSTER),
    ("Raids", "web:raids", Section.RAIDS),
    ("Calendar", "web:calendar", Section.CALENDAR),
    ("Items", "web:items", Section.ITEMS),
    ("Apply", "web:apply", Section.RECRUITMENT),
)
# Label, name of the page, the scopes of which any opens it. A page that no app has brought is left out.
MAIN: Entries = (
    ("Standings", "web:standings", "points:read"),
    ("Roster", "web:roster", "roster:read"),
    ("Raids", "web:raids", "raids:read"),
    ("Calendar", "web:calendar", "raids:read", "calendar:read"),
    ("Items", "web:items", "raids:read"),
    ("Auctions", "web:auctions", "bidding:read"),
    ("Recruitment", "web:recruitment", "recruitment:read"),
)
OFFICERS: Entries = (
    ("Import a raid", "web:raid-import", "raids:write"),
    ("Import the roster", "web:guild-dump", "roster:write"),
    ("Adjust points", "web:adjust", "points:write"),
    ("Point rules", "web:rules", "points:write"),
    ("Changes made together", "web:batches", "points:write", "roster:write", "raids:write", "loot:write"),
    ("Pools", "web:pools", "points:write"),
    ("Bidding", "web:bidding", "points:write"),
    ("Chat to decide", "web:chat-doubts", "bidding:run"),
    ("Events", "web:events", "raids:write"),
    ("Requests", "web:requests-decide", "roster:write", "raids:write"),
    ("People", "web:people", "roster:write"),
    ("Invitations", "web:invitations", "roster:write"),
    ("Ranks", "web:ranks", "roster:write"),
    ("What strangers may see", "web:visitors", "roster:write"),
    ("Discord", "web:discord", "discord:write"),
    ("Leaving EQdkp", "web:eqdkp-imports", "points:write"),
    ("Set up the guild", "web:guild-setup", "roster:write"),
    ("Permission groups", "web:groups", "roster:write"),
    ("Audit log", "web:audit", "roster:write"),
    ("Admin site", "admin:index", "roster:write"),
)
#: Pages for officers in person, whatever somebody's groups give.
IN_PERSON = frozenset(
    f"web:{name}"
    for name in ("guild-dump", "people", "invitations", "visitors", "discord", "eqdkp-imports", "groups", "audit")
) | {"admin:index"}

#: Scopes that a page of the menu asks for besides.
BESIDES = {"web:chat-doubts": "bidding:write"}


@functools.cache
def _url(name: str) -> str | None:
    try:
        return reverse(name)
    except NoReverseMatch:
        return None


def _visitor_links(request: HttpRequest) -> list[Link]:
    opened = open_sections(request)
    found = [(label, reverse(name)) for label, name, section in VISITORS if section in opened]
    return [Link(label, url, request.path.startswith(url)) for label, url in found]


def _links(request: HttpRequest, principal: Principal, wanted: Entries) -> list[Link]:
    found = []
    for label, name, *scopes in wanted:
        if not any(principal.can(scope) for scope in scopes) or (name in IN_PERSON and not principal.is_officer):
            continue
        if name in BESIDES and not principal.can(BESIDES[name]):
            continue
        url = _url(name)
        if url is None:
            continue
        found.append(Link(label, url, request.path.startswith(url)))
    return found


def site(request: HttpRequest) -> dict[str, object]:
    """Return the context processor of every page."""
    if request.path.startswith(("/admin/", "/api/")):
        return {}
    principal = principal_of(request) if hasattr(request, "user") else None
    if principal is None:
        return {"guild_name": guild_name()}
    return {
        "guild_name": guild_name(),
        "guild_time_zone": guild_time_zone(),
        "guildhall_version": __version__ if principal.user else "",
        "may": May(principal),
        "sees": Sees(request, principal),
        "visitor": principal.user is None,
        "setting_up": is_being_set_up(),
        "main_menu": _links(request, principal, MAIN) if principal.user is not None else _visitor_links(request),
        "officer_menu": _links(request, principal, OFFICERS),
    }
