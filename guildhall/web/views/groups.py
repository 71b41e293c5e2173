"""Permission groups, for officers; and for everybody what they may do and why."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts import services as accounts
from guildhall.accounts.models import PermissionGroup, User
from guildhall.accounts.permissions import principal_of
from guildhall.accounts.ready_made import WORDS
from guildhall.accounts.selectors import groups as all_groups
from guildhall.accounts.selectors import permissions_of
from guildhall.core.errors import NotAllowed, NotFound
from guildhall.core.versions import row_version
from guildhall.discord.models import DiscordGroupMapping, DiscordRole
from guildhall.discord.roles.groups import create_group_mapping, delete_group_mapping, role_names
from guildhall.discord.roles.sync import request_sync
from guildhall.roster.selectors import find_person
from guildhall.web.forms.base import ButtonForm, PageForm
from guildhall.web.forms.groups import (
    DropRoleForm,
    GiveForm,
    GiveGroupForm,
    GroupForm,
    RoleGivesForm,
    TakeForm,
    TakeGroupForm,
)
from guildhall.web.pages import Done, go, me, officers, page


@page("roster:write", may=officers)
def groups(request: HttpRequest) -> HttpResponse:
    """Return every group: what it gives, who has it, which Discord roles give it; a form to make one."""
    form = GroupForm(request, "create")

    def act() -> Done:
        made = accounts.create_group(**form.cleaned_data, actor=me(request))
        return go("group", made.pk, message=f"The group {made} is made. Nobody has it yet.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    rows = list(all_groups().prefetch_related(Prefetch("discord_mappings")))
    context = {"form": form, "groups": rows, "words": WORDS}
    return render(request, "web/groups.html", context, status=form.http_status)


@page("roster:write", may=officers)
def group(request: HttpRequest, group_id: int) -> HttpResponse:
    """Return one group, to change what it gives, to give and to take it, and to let Discord roles give it."""
    found = all_groups().filter(pk=group_id).first()
    if found is None:
        raise NotFound("There is no such group; somebody may have removed it.", code="unknown_group")
    initial = {name: getattr(found, name) for name in ("name", "description", "scopes")}
    change, give, take = (
        GroupForm(request, "change", initial=initial, version=row_version(found, initial)),
        GiveForm(request, "give"),
        TakeForm(request, "take"),
    )
    add, drop, remove = RoleGivesForm(request, "add"), DropRoleForm(request, "drop"), ButtonForm(request, "remove")
    add.offer([(role.role_id, role.name) for role in DiscordRole.objects.filter(is_deleted=False)])
    actor = me(request)

    def changed() -> Done:
        done = accounts.edit_group(group=found, actor=actor, version=change.seen_version, **change.cleaned_data)
        return go("group", done.pk, message=f"{done} is changed; it counts from now on.")

    def given() -> Done:
        user: User = give.cleaned_data["person"]
        accounts.give_group(user=user, group=found, actor=actor, reason=give.cleaned_data["reason"])
        return go("group", found.pk, message=f"{user} has {found} now.", fragment="people")

    def taken() -> Done:
        user = find_person(user_id=take.cleaned_data["person"])
        accounts.take_group(user=user, group=found, actor=actor)
        return go("group", found.pk, message=f"{user} no longer has {found}.", fragment="people")

    def removed() -> Done:
        accounts.remove_group(group=found, actor=actor)
        return go("groups", message=f"The group {found} is removed.")

    def add_role() -> Done:
        made = create_group_mapping(role_id=add.cleaned_data["role_id"], group=found, actor=actor)
        asked = request_sync(user_ids=None, source="groups", actor=actor, reason=f"{made.role_name} gives {found}")
        later = "Discord is asked who has it." if asked else "It counts when Discord is read: no bot is set up yet."
        return go("group", found.pk, message=f"Whoever has {made.role_name} has {found}. {later}", fragment="discord")

    def drop_role() -> Done:
        mapping = DiscordGroupMapping.objects.filter(pk=drop.cleaned_data["mapping"], group=found).first()
        if mapping is None:
            raise NotFound("This role is off the list already.", code="unknown_mapping")
        delete_group_mapping(mapping=mapping, actor=actor)
        return go("group", found.pk, message=f"{mapping.role_name} gives {found} no longer.", fragment="discord")

    actions: list[tuple[PageForm, Callable[[], Done]]] = [
        (change, changed), (give, given), (take, taken), (add, add_role), (drop, drop_role), (remove, removed),
    ]  # fmt: skip
    for form, action in actions:
        if form.sent and (response := form.run(action)) is not None:
            return response
    forms = {"change": change, "give": give, "take": take, "add": add, "drop": drop, "remove": remove}
    context = {**forms, "group": found, **_who_has(found)}
    return render(request, "web/group.html", context, status=max(form.http_status for form in forms.values()))


class PersonGroups:
    """The groups of one person, with the forms to give and to take one: a part of the page about them."""

    def __init__(self, request: HttpRequest, person: User) -> None:
        self.person, self.actor = person, me(request)
        self.give, self.take = GiveGroupForm(request, "give-group"), TakeGroupForm(request, "take-group")
        self.give.offer(PermissionGroup.objects.filter(for_role=""))
        self.actions: list[tuple[PageForm, Callable[[], Done]]] = [(self.give, self._give), (self.take, self._take)]

    def _give(self) -> Done:
        group = self.give.cleaned_data["group"]
        reason = self.give.cleaned_data["reason"]
        accounts.give_group(user=self.person, group=group, actor=self.actor, reason=reason)
        return go("person", self.person.pk, message=f"{self.person} has {group} now.", fragment="groups")

    def _take(self) -> Done:
        group = PermissionGroup.objects.filter(pk=self.take.cleaned_data["group"]).first()
        if group is None:
            raise NotFound("There is no such group; somebody may have removed it.", code="unknown_group")
        accounts.take_group(user=self.person, group=group, actor=self.actor)
        return go("person", self.person.pk, message=f"{self.person} no longer has {group}.", fragment="groups")

    def context(self) -> dict[str, object]:
        """Return what the page shows of them."""
        held = self.person.group_memberships.select_related("group").order_by("group__name", "via")
        return {"memberships": held, "give_group": self.give, "take_group": self.take}


def _who_has(found: PermissionGroup) -> dict[str, object]:
    """Return what the page of a group shows beside its forms."""
    return {
        "given": found.memberships.select_related("user", "given_by").order_by("user__display_name", "via"),
        "role_names": role_names(),
        "mappings": found.discord_mappings.all(),
    }


@page()
def my_permissions(request: HttpRequest) -> HttpResponse:
    """Return what the reader may do, and what gives it to them."""
    return _permissions(request, me(request))


@page()
def permissions(request: HttpRequest, user_id: int) -> HttpResponse:
    """Return what a person may do and why: their own for everybody, anybody's for officers."""
    if user_id != me(request).pk and not principal_of(request).is_officer:
        raise NotAllowed("What others may do is shown to officers; your own is under “What may I do?”.")
    return _permissions(request, find_person(user_id=user_id))


def _permissions(request: HttpRequest, person: User) -> HttpResponse:
    rows = permissions_of(person, discord_roles=role_names())
    context = {
        "person": person,
        "is_me": person.pk == me(request).pk,
        "held": [row for row in rows if row.is_held],
        "missing": [row for row in rows if not row.is_held],
    }
    return render(request, "web/permissions.html", context)
