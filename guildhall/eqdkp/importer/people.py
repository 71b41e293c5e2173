"""Accounts, and the people behind the mains (`who_is_who`). Nobody becomes an officer by an import."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import unused_username
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import LegacyRecord
from guildhall.roster.models import Character
from guildhall.roster.names import name_key

from .characters import characters_here, import_characters
from .context import Context, Kind, Known, fingerprint
from .who_is_who import PersonPlan, plan_people

BATCH = 500


def import_people(ctx: Context) -> None:
    """Accounts, the people behind the mains, and their characters."""
    plans = plan_people(ctx)
    ctx.mains = {member.id: plan.main_id for plan in plans for member in plan.members}
    ctx.names = {member.id: member.name or f"Character {member.id}" for plan in plans for member in plan.members}
    by_account = {plan.account: plan for plan in plans if plan.account is not None}
    existing = characters_here(plans)
    _accounts(ctx, by_account, existing)
    _persons(ctx, plans, existing)
    import_characters(ctx, plans, existing)


def _owner_here(ctx: Context, plan: PersonPlan, existing: dict[str, Character]) -> int | None:
    """Return the person who has one of the plan's characters in Guildhall already, the main's first."""
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
            ctx.look(table, account.id)
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
    """Return the groups of each account, by name. They are remembered, and give nobody any right here."""
    names = {group.id: group.name for group in ctx.snapshot.rows(r.GROUPS)}
    found: dict[int, list[str]] = defaultdict(list)
    for row in ctx.snapshot.rows(r.GROUP_MEMBERS):
        found[row.user_id].append(
            names.get(row.group_id, f"group {row.group_id}") + (" (leader)" if row.leader else "")
        )
    return found


def _account_data(account: r.LegacyUser) -> dict[str, Any]:
    """Return what of an account has no other place here: whether it was away."""
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
                found = before.object_id  # was here before it was undone
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
    """Return where a group has another main now: whoever had its characters' points so far, the main's first."""
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
