"""The personas of the demo sign-in. `guildhall.demo` makes these people; the sign-in page (`views.signin`) lists those that are there."""

from __future__ import annotations

from dataclasses import dataclass

from guildhall.accounts.models import RoleGroup


@dataclass(frozen=True, slots=True)
class Persona:
    """A person of the demo guild that one can sign in as."""

    username: str
    display_name: str
    role_group: str
    title: str
    words: str


PERSONAS: tuple[Persona, ...] = (
    Persona("officer", "Thalindra", RoleGroup.OFFICER, "Officer", "adjusts points, runs decay, sees who did what"),
    Persona(
        "raidleader", "Brakkus", RoleGroup.OFFICER, "Raid leader", "pastes a log mid-raid and pays the right people"
    ),
    Persona("recruiter", "Nimwe", RoleGroup.RECRUITER, "Recruiter", "reads applications and opens votes"),
    Persona("member", "Sorrel", RoleGroup.MEMBER, "Member", "looks up their points, bids, votes"),
    Persona("applicant", "Pipwick", RoleGroup.APPLICANT, "Applicant on trial", "follows their application"),
    Persona("guest", "Odd", RoleGroup.GUEST, "Guest", "sees the roster and may apply"),
)
