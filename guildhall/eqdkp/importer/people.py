"""Ranks, accounts, people and characters.

A *person* is a main with its twinks: points belong to the person here and to the main there, so both come out equal.
The account that EQdkp connects to the main (else to a twink) is that person; without one it is a placeholder who can be
claimed later. An account with several mains keeps one of them; the others are people of their own, because EQdkp keeps
their points apart, and the report says so. Nobody becomes an officer by an import.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import unused_username
from guildhall.core import clock
from guildhall.eqdkp import game
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.legacy.points import resolve_mains
from guildhall.eqdkp.models import LegacyRecord
from guildhall.roster.models import Character, CharacterOwnership, Rank, RankChange
from guildhall.roster.names import name_key

from .context import Context, Kind, Known, fingerprint

BATCH = 500


# -- ranks -----------------------------------------------------------------------------------------------------------
def import_ranks(ctx: Context) -> None:
    """Ranks by name; one that is here already (whatever its case) is used as it is."""
    table, counts = r.RANKS.name, ctx.counts[r.RANKS.name]

    def work() -> None:
        here = {rank.name.casefold(): rank.pk for rank in Rank.objects.all()}
        has_default = Rank.objects.filter(is_default=True).exists()
        known = ctx.known(Kind.RANK)
        for rank in ctx.snapshot.rows(r.RANKS):
            counts.read += 1
            content = fingerprint(rank.name, rank.hidden, rank.order)
            before = known.get(rank.id)
            if before is not None and before.here:
                if before.content == content:
                    counts.same += 1
                    continue
                counts.changed += 1
                _change_rank(ctx, before, rank, content)
                continue
            counts.new += 1
            name = (rank.name or f"Rank {rank.id}")[:60]
            if not rank.name:
                ctx.problem(table, rank.id, "no_name", f"rank {rank.id} has no name; it is called {name}")
            object_id, created = here.get(name.casefold()), False
            if object_id is None:
                object_id, created = ctx.fake_id(), True
                if ctx.commit:
                    object_id = Rank.objects.create(
                        name=name,
                        order=max(rank.order, 0) + 1,
                        is_hidden=rank.hidden,
                        is_default=rank.default and not has_default,
                    ).pk
                has_default = has_default or rank.default
                here[name.casefold()] = object_id
            ctx.remember(Kind.RANK, rank.id, object_id, content, created=created, before=before)
        there = {rank.id for rank in ctx.snapshot.rows(r.RANKS)}
        ctx.gone_there(Kind.RANK, table, there, "rank {} was deleted in EQdkp; it stays here")
        ctx.progress(table, counts.read)

    ctx.batch(work)


def _change_rank(ctx: Context, before: Known, rank: r.LegacyRank, content: str) -> None:
    current = Rank.objects.filter(pk=before.key).first()
    if current is not None and before.created:
        was = {"name": current.name, "order": current.order, "is_hidden": current.is_hidden}
        taken = Rank.objects.filter(name__iexact=rank.name).exclude(pk=current.pk).exists()
        becomes = {
            "name": current.name if taken or not rank.name else rank.name[:60],
            "order": max(rank.order, 0) + 1,
            "is_hidden": rank.hidden,
        }
        ctx.note_change(before, was, becomes)
        if ctx.commit:
            for name, value in becomes.items():
                setattr(current, name, value)
            current.save()
    ctx.remember(
        Kind.RANK, rank.id, before.object_id, content, before=before, created=before.created, same_row=True
    )  # fmt: skip


# -- who is who ------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class PersonPlan:
    """One person to be: the group's key (``member_main_id``), its characters, and the account that owns it, if any."""

    main_id: int
    members: list[r.LegacyMember] = field(default_factory=list)
    account: int | None = None

    @property
    def main(self) -> r.LegacyMember:
        """The character that is the main; the first of the group where the main itself belongs to another group."""
        return next((m for m in self.members if m.id == self.main_id), self.members[0])


def plan_people(ctx: Context) -> list[PersonPlan]:
    """Group the characters into people and give each its account. Pure: reads the snapshot, reports what is odd."""
    members = {member.id: member for member in ctx.snapshot.rows(r.MEMBERS)}
    mains = resolve_mains({member.id: member.main_id for member in members.values()})
    for member in members.values():
        if member.main_id and member.main_id not in members:
            ctx.problem(
                "members", member.id, "main_missing",
                f"{member.name}'s main (character {member.main_id}) does not exist; {member.name} is a main of its own",
            )  # fmt: skip
        elif mains[mains[member.id]] != mains[member.id]:
            ctx.problem(
                "members", member.id, "main_is_twink",
                f"{member.name}'s main {members[mains[member.id]].name} is itself a twink; EQdkp counts "
                f"{member.name} apart from both, and so is it here",
            )  # fmt: skip
    plans: dict[int, PersonPlan] = {}
    for member in members.values():
        plans.setdefault(mains[member.id], PersonPlan(mains[member.id])).members.append(member)
    _give_accounts(ctx, plans, members)
    return list(plans.values())


def _give_accounts(ctx: Context, plans: dict[int, PersonPlan], members: dict[int, r.LegacyMember]) -> None:
    accounts = {user.id for user in ctx.snapshot.rows(r.USERS)}
    owners: dict[int, list[int]] = defaultdict(list)
    for link in ctx.snapshot.rows(r.MEMBER_USER):
        if link.member_id not in members:
            ctx.problem(
                "member_user", f"{link.member_id}:{link.user_id}", "member_missing",
                f"account {link.user_id} is connected to character {link.member_id}, which does not exist", held=True,
            )  # fmt: skip
        elif link.user_id not in accounts:
            ctx.problem(
                "member_user", f"{link.member_id}:{link.user_id}", "user_missing",
                f"{members[link.member_id].name} is connected to account {link.user_id}, which does not exist", held=True,
            )  # fmt: skip
        else:
            owners[link.member_id].append(link.user_id)
    taken: dict[int, PersonPlan] = {}
    for plan in sorted(plans.values(), key=lambda p: p.main_id):
        candidates = [*owners.get(plan.main.id, ()), *(u for m in plan.members for u in owners.get(m.id, ()))]
        if len(set(candidates)) > 1:
            ctx.problem(
                "members", plan.main.id, "several_accounts",
                f"{plan.main.name} and its twinks are connected to accounts {sorted(set(candidates))}; "
                f"account {candidates[0]} has them all here, because EQdkp counts their points together",
            )  # fmt: skip
        for candidate in dict.fromkeys(candidates):
            if candidate not in taken:
                plan.account = candidate
                taken[candidate] = plan
                break
            ctx.problem(
                "member_user", f"{plan.main.id}:{candidate}", "several_mains",
                f"account {candidate} has several mains; {plan.main.name} keeps its points apart from "
                f"{taken[candidate].main.name}, as in EQdkp, and is a person of its own (merge them if you like)",
            )  # fmt: skip


# -- accounts and people ---------------------------------------------------------------------------------------------
def import_people(ctx: Context) -> None:
    """Accounts, the people behind the mains, and their characters."""
    plans = plan_people(ctx)
    ctx.mains = {member.id: plan.main_id for plan in plans for member in plan.members}
    ctx.names = {member.id: member.name or f"Character {member.id}" for plan in plans for member in plan.members}
    by_account = {plan.account: plan for plan in plans if plan.account is not None}
    existing = _characters_here(plans)
    _accounts(ctx, by_account, existing)
    _persons(ctx, plans, existing)
    _characters(ctx, plans, existing)


def _characters_here(plans: list[PersonPlan]) -> dict[str, Character]:
    keys = [name_key(member.name) for plan in plans for member in plan.members]
    found: dict[str, Character] = {}
    for start in range(0, len(keys), BATCH):
        for character in Character.objects.filter(name_key__in=keys[start : start + BATCH]):
            found[character.name_key] = character
    return found


def _owner_here(ctx: Context, plan: PersonPlan, existing: dict[str, Character]) -> int | None:
    """The person who has one of the plan's characters in Guildhall already, the main's first."""
    for member in (plan.main, *plan.members):
        character = existing.get(name_key(member.name))
        if character is not None and character.user_id is not None:
            return character.user_id
    return None


class _NewUsers:
    """People to be made in one go, with usernames that are free."""

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.users: list[User] = []

    def add(self, wanted: str, display_name: str, email: str, role: str, since: dt.datetime | None = None) -> User:
        base = unused_username(wanted or "person")
        name, number = base, 2
        while name in self.taken:
            name, number = f"{base}{number}", number + 1
        self.taken.add(name)
        user = User(
            username=name, display_name=display_name[:80], email=email[:254], role_group=role, is_placeholder=True
        )
        if since is not None:
            user.date_joined = since
        user.set_unusable_password()
        self.users.append(user)
        return user

    def store(self) -> None:
        """Insert them with their history and the group of their role."""
        from django.contrib.auth.models import Group

        if not self.users:
            return
        User.objects.bulk_create(self.users, batch_size=BATCH)
        groups = {role: Group.objects.get_or_create(name=role)[0].pk for role in {u.role_group for u in self.users}}
        through = User.groups.through
        through.objects.bulk_create(
            [through(user_id=u.pk, group_id=groups[u.role_group]) for u in self.users], batch_size=BATCH
        )
        User.history.bulk_history_create(self.users, batch_size=BATCH)


def _accounts(ctx: Context, by_account: dict[int, PersonPlan], existing: dict[str, Character]) -> None:
    table, counts = r.USERS.name, ctx.counts[r.USERS.name]

    def work() -> None:
        known = ctx.known(Kind.USER)
        fresh = _NewUsers()
        pending: list[tuple[r.LegacyUser, User, str, Known | None]] = []
        groups = _groups(ctx)
        kept: dict[int, dict[str, Any]] = {}
        for account in ctx.snapshot.rows(r.USERS):
            counts.read += 1
            plan = by_account.get(account.id)
            data = {**_account_data(account), "groups": groups.get(account.id, [])}
            content = fingerprint(account.username, account.email, account.active, data)
            before = known.get(account.id)
            if before is not None and before.here:
                counts.same += before.content == content
                if before.content != content:
                    counts.changed += 1
                    _change_account(ctx, before, account, content, plan, data)
                continue
            counts.new += 1
            here = _owner_here(ctx, plan, existing) if plan is not None else None
            revived = before.object_id if before is not None and before.object_id else None
            if here is not None or revived is not None:
                ctx.remember(
                    Kind.USER, account.id, here or revived, content, created=here is None, before=before, data=data
                )  # fmt: skip
                continue
            kept[account.id] = data
            role = RoleGroup.MEMBER if plan is not None else RoleGroup.GUEST
            shown = plan.main.name if plan is not None else account.username
            user = fresh.add(
                account.username, shown or f"Account {account.id}", account.email, role, account.registered
            )
            pending.append((account, user, content, before))
        if ctx.commit:
            fresh.store()
        for account, user, content, before in pending:
            ctx.remember(
                Kind.USER, account.id, user.pk or ctx.fake_id(), content, before=before, data=kept[account.id]
            )  # fmt: skip
        there = {account.id for account in ctx.snapshot.rows(r.USERS)}
        ctx.gone_there(Kind.USER, table, there, "account {} was deleted in EQdkp; the person stays here")
        ctx.progress(table, counts.read)

    ctx.batch(work)


def _groups(ctx: Context) -> dict[int, list[str]]:
    """The groups of each account, by name. They are remembered, and give nobody any right here."""
    names = {group.id: group.name for group in ctx.snapshot.rows(r.GROUPS)}
    found: dict[int, list[str]] = defaultdict(list)
    for row in ctx.snapshot.rows(r.GROUP_MEMBERS):
        found[row.user_id].append(
            names.get(row.group_id, f"group {row.group_id}") + (" (leader)" if row.leader else "")
        )
    return found


def _account_data(account: r.LegacyUser) -> dict[str, Any]:
    """What of an account has no other place here: whether it was away."""
    away = account.away_until.isoformat() if account.away_until else None
    data = {"away_until": away, "away_note": account.away_note}
    return {name: value for name, value in data.items() if value}


def _change_account(
    ctx: Context, before: Known, account: r.LegacyUser, content: str, plan: PersonPlan | None, data: dict[str, Any]
) -> None:
    """Follow a changed mail address or name, on people who are placeholders still: a claimed account is its owner's."""
    user = User.objects.filter(pk=before.key).first()
    if user is not None and user.is_placeholder and before.created:
        was = {"email": user.email, "display_name": user.display_name}
        becomes = {
            "email": account.email[:254] or user.email,
            "display_name": (plan.main.name if plan is not None else account.username or user.display_name)[:80],
        }
        ctx.note_change(before, was, becomes)
        if ctx.commit:
            User.objects.filter(pk=user.pk).update(**becomes)
    ctx.remember(
        Kind.USER, account.id, before.object_id, content, before=before, created=before.created, data=data, same_row=True
    )  # fmt: skip


def _persons(ctx: Context, plans: list[PersonPlan], existing: dict[str, Character]) -> None:
    """Tie every person to a user: the account's, the one who has the character here already, or a new placeholder."""

    def work() -> None:
        known = ctx.known(Kind.PERSON)
        fresh = _NewUsers()
        pending: list[tuple[PersonPlan, User, Known | None]] = []
        current = {plan.main_id for plan in plans}
        used: set[int] = set()
        for key, record in list(known.items()):
            if not record.live:
                continue
            if key in current:
                used.add(record.object_id or 0)
            else:  # the main was changed: whoever takes its place is the same person
                ctx.remember(Kind.PERSON, key, record.object_id, "", state=LegacyRecord.State.GONE, before=record,
                             created=record.created)  # fmt: skip
        earlier = _earlier_persons(ctx, plans, known)
        for plan in plans:
            before = known.get(plan.main_id)
            if before is not None and before.live:
                continue
            found = next((person for person in earlier.get(plan.main_id, ()) if person not in used), None)
            if found is None:
                found = ctx.object_id(Kind.USER, plan.account) if plan.account is not None else None
            if found is None or found in used:
                here = _owner_here(ctx, plan, existing)
                found = here if here is not None and here not in used else None
            if found is None and before is not None and before.object_id and before.object_id not in used:
                found = before.object_id  # was here before it was taken back
            if found is not None:
                used.add(found)
                ctx.remember(Kind.PERSON, plan.main_id, found, "", created=False, before=before)
                continue
            shown = plan.main.name or f"Character {plan.main.id}"
            user = fresh.add(shown, shown, "", RoleGroup.MEMBER, plan.main.created)
            pending.append((plan, user, before))
        if ctx.commit:
            fresh.store()
        for plan, user, before in pending:
            ctx.remember(Kind.PERSON, plan.main_id, user.pk or ctx.fake_id(), "", before=before)
        if ctx.commit:
            used_ids = [record.key for record in ctx.known(Kind.PERSON).values() if record.live]
            User.objects.filter(pk__in=used_ids, is_placeholder=True, is_active=False, merged_into=None).update(
                is_active=True
            )

    ctx.batch(work)


def _earlier_persons(ctx: Context, plans: list[PersonPlan], known: dict[int, Known]) -> dict[int, list[int]]:
    """Where a group has another main now: whoever had its characters' points so far, the main's first."""
    new = [plan for plan in plans if not (plan.main_id in known and known[plan.main_id].live)]
    left = {key: record.key for key, record in known.items() if record.state == LegacyRecord.State.GONE and record.key}
    if not new or not left:
        return {}
    rows = LegacyRecord.objects.filter(source=ctx.source, kind=Kind.MEMBER).values_list("legacy_id", "data")
    before = {legacy_id: data.get("main") for legacy_id, data in rows.iterator()}
    found: dict[int, list[int]] = {}
    for plan in new:
        mains = dict.fromkeys(before.get(member.id) for member in (plan.main, *plan.members))
        found[plan.main_id] = [left[main] for main in mains if main in left]
    return found


# -- characters ------------------------------------------------------------------------------------------------------
def character_values(ctx: Context, member: r.LegacyMember) -> dict[str, Any]:
    """The plain attributes of a character as EQdkp has them."""
    ids = {key: value for key, value in member.profile.items() if key in ("class", "race") and value}
    profile: dict[str, Any] = {k: v for k, v in member.profile.items() if k not in ("class", "race", "level")}
    if ids:
        profile["eqdkp"] = {**ids, "role": member.default_role}
    return {
        "character_class": game.class_name(member.class_id, ctx.game),
        "race": game.race_name(member.race_id, ctx.game),
        "level": member.level if 0 < member.level <= 200 else None,
        "rank_id": ctx.object_id(Kind.RANK, member.rank_id),
        "status": Character.Status.ACTIVE if member.active else Character.Status.INACTIVE,
        "is_active": member.active,
        "note": member.notes,
        "profile": profile,
    }


def _characters(ctx: Context, plans: list[PersonPlan], existing: dict[str, Character]) -> None:
    table, counts = r.MEMBERS.name, ctx.counts[r.MEMBERS.name]
    first_of_name: dict[str, r.LegacyMember] = {}
    duplicates: set[int] = set()
    for member in sorted((m for plan in plans for m in plan.members), key=lambda m: m.id):
        other = first_of_name.setdefault(name_key(member.name), member)
        if not member.name:
            duplicates.add(member.id)
            ctx.problem(table, member.id, "no_name", f"character {member.id} has no name; its points are kept",
                        held=True, row=member)  # fmt: skip
        elif other is not member:
            duplicates.add(member.id)
            ctx.problem(
                table, member.id, "duplicate_name",
                f"{member.name} (character {member.id}) has the name of character {other.id}; its points are kept for "
                "its own person, the character itself is not made twice", held=True, row=member,
            )  # fmt: skip

    def work() -> None:
        known = ctx.known(Kind.MEMBER)
        mains_here: set[int | None] = set(Character.objects.filter(is_main=True).values_list("user_id", flat=True))
        new: list[tuple[PersonPlan, r.LegacyMember, Character, str, Known | None]] = []
        for plan in plans:
            user_id = ctx.object_id(Kind.PERSON, plan.main_id)
            assert user_id is not None
            for member in plan.members:
                counts.read += 1
                content = _member_content(member, plan.main_id)
                before = known.get(member.id)
                data = {"main": plan.main_id, "name": member.name}
                if member.id in duplicates and (before is None or not before.live):
                    ctx.remember(
                        Kind.MEMBER, member.id, None, content, state=LegacyRecord.State.HELD, before=before, data=data
                    )  # fmt: skip
                    continue
                if before is not None and before.here:
                    if before.content == content:
                        counts.same += 1
                    else:
                        counts.changed += 1
                        _change_character(ctx, before, member, user_id, content, plan)
                    continue
                here = existing.get(name_key(member.name))
                if here is not None:
                    counts.new += 1
                    if here.user_id is None and ctx.commit:
                        _adopt(here, user_id)
                    elif here.user_id not in (None, user_id):
                        ctx.problem(
                            table, member.id, "owned_here", f"{here.name} is {here.user}'s in Guildhall already and stays "
                            "so; its points from EQdkp are kept for a person of its own (merge the two if they are one)",
                        )  # fmt: skip
                    ctx.remember(Kind.MEMBER, member.id, here.pk, content, created=False, before=before, data=data)
                    continue
                counts.new += 1
                new.append((plan, member, _new_character(ctx, member, user_id), content, before))
        _store_characters(ctx, new, mains_here)
        if not ctx.snapshot.partial:
            _characters_gone(ctx)
        ctx.progress(table, counts.read)

    ctx.batch(work)


def _characters_gone(ctx: Context) -> None:
    """Characters that the old system deleted stay, inactive: their history here names them."""
    for legacy_id, before in list(ctx.known(Kind.MEMBER).items()):
        if legacy_id in ctx.mains or not before.live:
            continue
        ctx.counts[r.MEMBERS.name].gone += 1
        character = Character.objects.filter(pk=before.key).first()
        if character is not None and before.created:
            ctx.problem(
                r.MEMBERS.name, legacy_id, "deleted_there",
                f"{character.name} was deleted in EQdkp; it stays here, inactive and without points from there",
            )  # fmt: skip
            ctx.note_change(before, _character_state(character), {})
            if ctx.commit:
                Character.objects.filter(pk=character.pk).update(status=Character.Status.INACTIVE, is_active=False)
        ctx.remember(Kind.MEMBER, legacy_id, before.object_id, "", state=LegacyRecord.State.GONE, before=before,
                     created=before.created)  # fmt: skip


_WRITTEN = ("character_class", "race", "level", "rank_id", "status", "is_active", "note", "profile")


def _character_state(character: Character) -> dict[str, Any]:
    """What an import may write of a character, as it is now."""
    names = (*_WRITTEN, "name", "user_id", "is_main")
    return {name: getattr(character, name) for name in names}


def _member_content(member: r.LegacyMember, main_id: int) -> str:
    return fingerprint(
        member.name,
        member.active,
        member.rank_id,
        main_id,
        member.notes,
        member.default_role,
        sorted(member.profile.items()),
    )


def _new_character(ctx: Context, member: r.LegacyMember, user_id: int) -> Character:
    return Character(
        name=member.name[:120],
        name_key=name_key(member.name),
        user_id=user_id,
        joined_at=member.created or clock.now(),
        **character_values(ctx, member),
    )


def _adopt(character: Character, user_id: int) -> None:
    """A character that nobody owned here yet gets the owner that EQdkp knows."""
    character.user_id = user_id
    character.save()
    character.ownerships.filter(ended_at=None).update(ended_at=clock.now())
    CharacterOwnership.objects.create(character=character, user_id=user_id, reason="EQdkp import")


def _store_characters(
    ctx: Context,
    new: list[tuple[PersonPlan, r.LegacyMember, Character, str, Known | None]],
    mains_here: set[int | None],
) -> None:
    """Mains first, so that twinks can name them; histories as if each had been made by hand."""
    mains: dict[int, Character] = {}
    for plan, member, character, _, _ in new:
        if member is plan.main and character.user_id not in mains_here:
            character.is_main = True
            mains[plan.main_id] = character
    if ctx.commit:
        Character.objects.bulk_create(list(mains.values()), batch_size=BATCH)
        here = {c.user_id: c for c in Character.objects.filter(is_main=True, user__isnull=False)}
        twinks = [character for _, _, character, _, _ in new if not character.is_main]
        for character in twinks:
            character.main_character = here.get(character.user_id)
        Character.objects.bulk_create(twinks, batch_size=BATCH)
        made = [character for _, _, character, _, _ in new]
        CharacterOwnership.objects.bulk_create(
            [
                CharacterOwnership(character=c, user_id=c.user_id, started_at=c.joined_at, reason="EQdkp import")
                for c in made
            ],
            batch_size=BATCH,
        )
        RankChange.objects.bulk_create(
            [RankChange(character=c, to_rank_id=c.rank_id, reason="EQdkp import") for c in made if c.rank_id],
            batch_size=BATCH,
        )
        Character.history.bulk_history_create(made, batch_size=BATCH)
    for plan, member, character, content, before in new:
        data = {"main": plan.main_id, "name": member.name}
        ctx.remember(Kind.MEMBER, member.id, character.pk or ctx.fake_id(), content, before=before, data=data)


def _change_character(
    ctx: Context, before: Known, member: r.LegacyMember, user_id: int, content: str, plan: PersonPlan
) -> None:
    """Bring a character up to date: attributes, and its name and person where these changed *there*.

    What officers here decided of its name, owner or main stays until EQdkp changes the same. A character that was here
    before the import is not written to at all.
    """
    character = Character.objects.filter(pk=before.key).first()
    if character is None:
        ctx.problem(
            "members", member.id, "deleted_here", f"{member.name} was deleted in Guildhall; it is left so", held=True
        )
        return
    ctx.look("members", member.id)
    brought = LegacyRecord.objects.filter(pk=before.pk or 0).values_list("data", flat=True).first() or {}
    data = {"main": plan.main_id, "name": member.name}
    if before.created:
        moved, renamed = brought.get("main") != plan.main_id, brought.get("name") != member.name
        is_main = member is plan.main if moved else character.is_main
        becomes = dict(
            character_values(ctx, member), name=character.name, user_id=user_id if moved else character.user_id
        )
        if renamed and name_key(member.name) != character.name_key:
            if not member.name or Character.objects.filter(name_key=name_key(member.name)).exists():
                ctx.problem(
                    "members", member.id, "name_taken", f"{character.name} is called {member.name or 'nothing'} now, "
                    "a name that is taken here; it keeps its old one",
                )  # fmt: skip
                data["name"] = brought.get("name", "")
            else:
                becomes["name"] = member.name[:120]
        ctx.note_change(before, _character_state(character), becomes)
        if ctx.commit:
            apply_character(character, becomes, is_main=is_main)
    ctx.remember(Kind.MEMBER, member.id, before.object_id, content, before=before, created=before.created, data=data,
                 same_row=True)  # fmt: skip


def apply_character(character: Character, values: dict[str, Any], *, is_main: bool) -> None:
    """Write attributes, name, owner and main of a character, with the records that a change by hand would leave."""
    now = clock.now()
    if character.rank_id != values["rank_id"]:
        RankChange.objects.create(
            character=character, from_rank_id=character.rank_id, to_rank_id=values["rank_id"], reason="EQdkp import"
        )
    moved = character.user_id != values["user_id"]
    for name, value in values.items():
        setattr(character, name, value)
    character.name_key = name_key(character.name)
    if moved:
        Character.objects.filter(main_character=character).update(main_character=None)
        character.is_main = False
        character.ownerships.filter(ended_at=None).update(ended_at=now)
        CharacterOwnership.objects.create(
            character=character, user_id=values["user_id"], started_at=now, reason="EQdkp import"
        )
    if is_main and not character.is_main:
        Character.objects.filter(user_id=values["user_id"], is_main=True).update(is_main=False)
        character.is_main, character.main_character = True, None
        character.save()
        others = Character.objects.filter(user_id=values["user_id"]).exclude(pk=character.pk)
        others.update(main_character=character)
        return
    if not character.is_main:
        character.main_character = (
            Character.objects.filter(user_id=values["user_id"], is_main=True).exclude(pk=character.pk).first()
        )
    character.save()
