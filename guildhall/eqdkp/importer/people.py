"""Accounts, and the people behind the mains (`who_is_who`). Nobody becomes an officer by an import."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import follow_roles, unused_username
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import LegacyRecord
from guildhall.roster.models import Character
from guildhall.roster.names import name_key

from .characters import characters_here, import_characters
from .context import Context, Counts, Kind, fingerprint
from .difference import Changed, Created, Known
from .loop import RowKind, bring
from .who_is_who import PersonPlan, plan_people

BATCH = 500
Data = dict[str, object]


def import_people(ctx: Context) -> None:
    """Accounts, the people behind the mains, and their characters."""
    plans = plan_people(ctx)
    ctx.mains = {member.id: plan.main_id for plan in plans for member in plan.members}
    ctx.names = {member.id: member.name or f"Character {member.id}" for plan in plans for member in plan.members}
    by_account = {plan.account: plan for plan in plans if plan.account is not None}
    existing = characters_here(plans)
    bring(Accounts(ctx, by_account, existing))
    bring(People(ctx, plans, existing))
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
        follow_roles(self.users)
        User.history.bulk_history_create(self.users, batch_size=BATCH)


class Accounts(RowKind[r.LegacyUser, Data]):
    """Accounts, as people who can be claimed. What is kept of one besides is `Data`."""

    kind = Kind.USER
    table = r.USERS.name
    called = "account"
    batch_size = None
    always_built = True

    def __init__(self, ctx: Context, plans: dict[int, PersonPlan], existing: dict[str, Character]) -> None:
        super().__init__(ctx)
        self.plans = plans
        self.existing = existing
        self.groups = _groups(ctx)

    def rows(self) -> Iterable[r.LegacyUser]:
        """Return the accounts of the old system."""
        return self.ctx.snapshot.rows(r.USERS)

    def fingerprint(self, row: r.LegacyUser) -> str:
        """Return a fingerprint of what is brought of an account."""
        return fingerprint(row.username, row.email, row.active, self.build(row, None))

    def build(self, row: r.LegacyUser, before: Known | None) -> Data:
        """Return what of an account has no other place here: whether it was away, and its groups."""
        return {**_account_data(row), "groups": self.groups.get(row.id, [])}

    def create(self, new: Sequence[Created[r.LegacyUser, Data]]) -> None:
        """Make placeholders, except for accounts whose character somebody has here already."""
        fresh = _NewUsers()
        pending: list[tuple[Created[r.LegacyUser, Data], User]] = []
        for step in new:
            self.counts.new += 1
            account, before, plan = step.row, step.before, self.plans.get(step.row.id)
            here = _owner_here(self.ctx, plan, self.existing) if plan is not None else None
            if (found := here or (before.object_id if before is not None else None)) is not None:
                self.ctx.remember(
                    self.kind, account.id, found, step.content, created=here is None, before=before, data=step.values
                )
                continue
            role = RoleGroup.MEMBER if plan is not None else RoleGroup.GUEST
            shown = (plan.main.name if plan is not None else account.username) or f"Account {account.id}"
            pending.append((step, fresh.add(account.username, shown, account.email, role, account.registered)))
        if self.ctx.commit:
            fresh.store()
        for step, user in pending:
            self.ctx.remember(
                self.kind,
                step.row.id,
                user.pk or self.ctx.fake_id(),
                step.content,
                before=step.before,
                data=step.values,
            )

    def change(self, step: Changed[r.LegacyUser, Data]) -> None:
        """Follow a changed mail address or name, on people who are placeholders still: a claimed account is its
        owner's."""
        self.counts.changed += 1
        account, before, plan = step.row, step.before, self.plans.get(step.row.id)
        user = User.objects.filter(pk=before.key).first()
        if user is not None and user.is_placeholder and before.created:
            was = {"email": user.email, "display_name": user.display_name}
            becomes = {
                "email": account.email[:254] or user.email,
                "display_name": (plan.main.name if plan is not None else account.username or user.display_name)[:80],
            }
            self.ctx.note_change(before, was, becomes)
            if self.ctx.commit:
                User.objects.filter(pk=user.pk).update(**becomes)
        self.ctx.remember(
            self.kind, account.id, before.object_id, step.content, before=before, created=before.created,
            data=step.values, same_row=True,
        )  # fmt: skip

    def brought(self) -> list[int]:
        """Return the ids of the accounts that were brought and not put back to what they were by undoing an import."""
        known = self.ctx.known(self.kind)
        return [legacy_id for legacy_id in super().brought() if known[legacy_id].content]

    def vanish(self, legacy_id: int, before: Known) -> None:
        """Report the deletion; the person stays."""
        what = f"account {legacy_id} was deleted in EQdkp; the person stays here"
        self.ctx.problem(self.table, legacy_id, "deleted_there", what)
        self.ctx.note_change(before, {}, {})


def _groups(ctx: Context) -> dict[int, list[str]]:
    """Return the groups of each account, by name. They are remembered, and give nobody any right here."""
    names = {group.id: group.name for group in ctx.snapshot.rows(r.GROUPS)}
    found: dict[int, list[str]] = defaultdict(list)
    for row in ctx.snapshot.rows(r.GROUP_MEMBERS):
        found[row.user_id].append(
            names.get(row.group_id, f"group {row.group_id}") + (" (leader)" if row.leader else "")
        )
    return found


def _account_data(account: r.LegacyUser) -> Data:
    """Return what of an account has no other place here: whether it was away."""
    away = account.away_until.isoformat() if account.away_until else None
    data = {"away_until": away, "away_note": account.away_note}
    return {name: value for name, value in data.items() if value}


class People(RowKind[PersonPlan, PersonPlan]):
    """Ties every person to a user: the account's, the one who has the character here already, or a new placeholder.

    A person has no row of its own in the old system and nothing that could change; the record says by its content,
    which is empty, only that the person was brought.
    """

    kind = Kind.PERSON
    table = ""
    called = "person"
    batch_size = None
    deletions_first = True

    def __init__(self, ctx: Context, plans: list[PersonPlan], existing: dict[str, Character]) -> None:
        super().__init__(ctx)
        self.plans = plans
        self.existing = existing
        self.follows_deletions = True
        self._counts = Counts()

    @property
    def counts(self) -> Counts:
        """Return counts that no report shows."""
        return self._counts

    def rows(self) -> Iterable[PersonPlan]:
        """Return the persons to be."""
        return self.plans

    def fingerprint(self, row: PersonPlan) -> str:
        """Return nothing: nothing of a person changes."""
        return ""

    def stands(self, before: Known) -> bool:
        """Return whether the person is one still."""
        return before.live

    def build(self, row: PersonPlan, before: Known | None) -> PersonPlan:
        """Return the person as planned."""
        return row

    def change(self, step: Changed[PersonPlan, PersonPlan]) -> None:
        """Do nothing: a record put back to what it was is the same person still."""

    def create(self, new: Sequence[Created[PersonPlan, PersonPlan]]) -> None:
        """Tie new persons to users, no two to the same one, and open again those that undoing an import closed."""
        known = self.ctx.known(self.kind)
        used = {record.key for record in known.values() if record.live}
        earlier = _earlier_persons(self.ctx, [step.row for step in new], known)
        fresh = _NewUsers()
        pending: list[tuple[Created[PersonPlan, PersonPlan], User]] = []
        for step in new:
            plan = step.row
            found = self._user_of(plan, step.before, earlier.get(plan.main_id, ()), used)
            if found is not None:
                used.add(found)
                self.ctx.remember(self.kind, plan.main_id, found, "", created=False, before=step.before)
                continue
            shown = plan.main.name or f"Character {plan.main.id}"
            pending.append((step, fresh.add(shown, shown, "", RoleGroup.MEMBER, plan.main.created)))
        if self.ctx.commit:
            fresh.store()
        for step, user in pending:
            self.ctx.remember(self.kind, step.row.id, user.pk or self.ctx.fake_id(), "", before=step.before)
        if self.ctx.commit:
            keys = [record.key for record in self.ctx.known(self.kind).values() if record.live]
            closed = User.objects.filter(pk__in=keys, is_placeholder=True, is_active=False, merged_into=None)
            closed.update(is_active=True)

    def _user_of(
        self, plan: PersonPlan, before: Known | None, earlier: Iterable[int], used: Collection[int]
    ) -> int | None:
        """Return the user that a person is: who had its characters' points, its account's, whoever has its character
        here, or who it was before an import was undone."""
        found = next((user for user in earlier if user not in used), None)
        if found is None:
            found = self.ctx.object_id(Kind.USER, plan.account) if plan.account is not None else None
        if found is None or found in used:
            here = _owner_here(self.ctx, plan, self.existing)
            found = here if here is not None and here not in used else None
        if found is None and before is not None and before.object_id and before.object_id not in used:
            found = before.object_id
        return found


def _earlier_persons(ctx: Context, plans: list[PersonPlan], known: dict[int, Known]) -> dict[int, list[int]]:
    """Return for new persons where a group has another main now: whoever had its characters' points so far, the main's first."""
    left = {key: record.key for key, record in known.items() if record.state == LegacyRecord.State.GONE and record.key}
    if not plans or not left:
        return {}
    rows = LegacyRecord.objects.filter(source=ctx.source, kind=Kind.MEMBER).values_list("legacy_id", "data")
    before = {legacy_id: data.get("main") for legacy_id, data in rows.iterator()}
    found: dict[int, list[int]] = {}
    for plan in plans:
        mains = dict.fromkeys(before.get(member.id) for member in (plan.main, *plan.members))
        found[plan.main_id] = [left[main] for main in mains if main in left]
    return found
