"""Who is one person: characters with the same main, and the account that EQdkp connects to them.

A *person* is a main with its twinks: points belong to the person here and to the main there, so both come out equal. The
account that EQdkp connects to the main (else to a twink) is that person; without one it is a placeholder who can be claimed
later. An account with several mains keeps one of them; the others are people of their own, because EQdkp keeps their points
apart, and the report says so.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.legacy.points import resolve_mains

from .context import Context


@dataclass(slots=True)
class PersonPlan:
    """One person to be: the group's key (``member_main_id``), its characters, and the account that owns it, if any."""

    main_id: int
    members: list[r.LegacyMember] = field(default_factory=list)
    account: int | None = None

    @property
    def id(self) -> int:
        """Return the id of the group."""
        return self.main_id

    @property
    def main(self) -> r.LegacyMember:
        """Return the character that is the main; the first of the group where the main itself belongs to another group."""
        return next((m for m in self.members if m.id == self.main_id), self.members[0])


def plan_people(ctx: Context) -> list[PersonPlan]:
    """Group the characters into people and give each its account. Pure: reads the snapshot, reports what is odd."""
    members = {member.id: member for member in ctx.snapshot.rows(r.MEMBERS)}
    mains = resolve_mains({member.id: member.main_id for member in members.values()})
    names = {member.id: member.name or f"character {member.id}" for member in members.values()}
    for member in members.values():
        if member.main_id and member.main_id not in members:
            ctx.problem(
                "members", member.id, "main_missing",
                f"{names[member.id]}'s main (character {member.main_id}) does not exist; {names[member.id]} is a main of "
                "its own",
            )  # fmt: skip
        elif mains[mains[member.id]] != mains[member.id]:
            ctx.problem(
                "members", member.id, "main_is_twink",
                f"{names[member.id]}'s main {names[mains[member.id]]} is itself a twink; EQdkp counts "
                f"{names[member.id]} apart from both, and so is it here",
            )  # fmt: skip
    plans: dict[int, PersonPlan] = {}
    for member in members.values():
        plans.setdefault(mains[member.id], PersonPlan(mains[member.id])).members.append(member)
    _give_accounts(ctx, plans, names)
    return list(plans.values())


def _give_accounts(ctx: Context, plans: dict[int, PersonPlan], names: dict[int, str]) -> None:
    accounts = {user.id for user in ctx.snapshot.rows(r.USERS)}
    owners: dict[int, list[int]] = defaultdict(list)
    for link in ctx.snapshot.rows(r.MEMBER_USER):
        if link.member_id not in names:
            ctx.problem(
                "member_user", f"{link.member_id}:{link.user_id}", "member_missing",
                f"account {link.user_id} is connected to character {link.member_id}, which does not exist", held=True,
            )  # fmt: skip
        elif link.user_id not in accounts:
            ctx.problem(
                "member_user", f"{link.member_id}:{link.user_id}", "user_missing",
                f"{names[link.member_id]} is connected to account {link.user_id}, which does not exist", held=True,
            )  # fmt: skip
        else:
            owners[link.member_id].append(link.user_id)
    taken: dict[int, PersonPlan] = {}
    for plan in sorted(plans.values(), key=lambda p: p.main_id):
        candidates = [*owners.get(plan.main.id, ()), *(u for m in plan.members for u in owners.get(m.id, ()))]
        if len(set(candidates)) > 1:
            ctx.problem(
                "members", plan.main.id, "several_accounts",
                f"{names[plan.main.id]} and its twinks are connected to accounts {sorted(set(candidates))}; "
                f"account {candidates[0]} has them all here, because EQdkp counts their points together",
            )  # fmt: skip
        for candidate in dict.fromkeys(candidates):
            if candidate not in taken:
                plan.account = candidate
                taken[candidate] = plan
                break
            ctx.problem(
                "member_user", f"{plan.main.id}:{candidate}", "several_mains",
                f"account {candidate} has several mains; {names[plan.main.id]} keeps its points apart from "
                f"{names[taken[candidate].main.id]}, as in EQdkp, and is a person of its own (merge them if you like)",
            )  # fmt: skip
