"""People and the audit trail, for officers."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts import services as accounts
from guildhall.accounts.authority import may_change
from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import principal_of
from guildhall.accounts.selectors import people as all_people
from guildhall.core.errors import GuildhallError
from guildhall.core.selectors import audit_events
from guildhall.discord.linking.services import link_discord, unlink_discord
from guildhall.points.services import MergePreview, merge_people, preview_merge
from guildhall.points.uncovered import bids_at_risk
from guildhall.raids.selectors import on_leave_now
from guildhall.roster.selectors import characters_of, find_person
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.people import LinkForm, MergeForm, NameForm, PersonForm, RoleForm, WhyForm
from guildhall.web.pages import (
    Done,
    as_moment,
    as_number,
    chosen,
    go,
    me,
    officers,
    page,
    paginate,
    searched,
)
from guildhall.web.views.groups import PersonGroups
from guildhall.web.views.sign_in_links import PersonLink

APPS = ("accounts", "roster", "points", "raids", "loot", "auctions", "recruitment", "discord", "eqdkp")


@page(may=officers)
def people(request: HttpRequest) -> HttpResponse:
    """Everybody, by name and role; a form to bring somebody in."""
    form = PersonForm(request, "create")

    def act() -> Done:
        made = accounts.create_person(
            display_name=form.cleaned_data["display_name"],
            role_group=form.cleaned_data["role_group"],
            discord_id=form.cleaned_data["discord_id"] or None,
            actor=me(request),
        )
        return go("person", made.pk, message=f"{made} is in.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    rows = all_people(search=searched(request), role_group=chosen(request.GET.get("role"), RoleGroup.values))
    context = {"form": form, "page": paginate(request, rows), "roles": RoleGroup.choices}
    return render(request, "web/people.html", context, status=form.http_status)


@page(may=officers)
def person(request: HttpRequest, user_id: int) -> HttpResponse:
    """Return one person: role, name, Discord account, account open or closed, and merging a second account into this one."""
    found = find_person(user_id=user_id)
    role = RoleForm(request, "role", initial={"role_group": found.role_group})
    name = NameForm(request, "name", initial={"display_name": found.display_name or str(found)})
    state, merge = WhyForm(request, "state"), MergeForm(request, "merge")
    discord = WhyForm(request, "discord") if found.discord_id else LinkForm(request, "discord")
    merge.offer(found)
    preview, groups, link = None, PersonGroups(request, found), PersonLink(request, found)

    def set_role() -> Done:
        changed = accounts.set_role_group(user=found, actor=me(request), **role.cleaned_data)
        return go("person", found.pk, message=f"{changed} is {changed.get_role_group_display().lower()} now.")

    def set_name() -> Done:
        changed = accounts.update_person(user=found, actor=me(request), display_name=name.cleaned_data["display_name"])
        return go("person", found.pk, message=f"Called {changed} from now on.")

    def set_state() -> Done:
        change = accounts.deactivate_person if found.is_active else accounts.reactivate_person
        changed = change(user=found, actor=me(request), reason=state.cleaned_data["reason"])
        words = "open again" if changed.is_active else "closed; points and history stay"
        return go("person", found.pk, message=f"The account of {changed} is {words}.")

    def set_discord() -> Done:
        if found.discord_id:
            unlink_discord(user=found, actor=me(request), reason=discord.cleaned_data["reason"])
            return go("person", found.pk, message="Unlinked. The guild's roles go with it; points and history stay.")
        changed = link_discord(user=found, actor=me(request), **discord.cleaned_data)
        return go("person", found.pk, message=f"Linked to {changed.discord_username or changed.discord_id}.")

    def do_merge() -> Done:
        merge_people(target=found, actor=me(request), **merge.cleaned_data, digest=merge.digest)
        source = merge.cleaned_data["source"]
        return go("person", found.pk, message=f"{source} and {found} are one person now.")

    actions: list[tuple[PageForm, Callable[[], Done]]] = [
        (role, set_role), (name, set_name), (discord, set_discord), (state, set_state), *groups.actions, *link.actions,
    ]  # fmt: skip
    if merge.pressed == "merge":
        actions.append((merge, do_merge))
    for form, action in actions:
        if form.sent and (response := form.run(action)) is not None:
            return response
    if merge.sent and (merge.is_valid() or merge.needs_preview or "reason" in merge.errors):
        preview = _preview(merge, found, me(request))
    context = {
        "person": found,
        "characters": characters_of(found.pk),
        "leave": on_leave_now([found.pk]).get(found.pk),
        "may_change": may_change(principal_of(request), found),
        "role": role,
        "name": name,
        "state": state,
        "discord": discord,
        "merge": merge,
        "preview": preview,
        "risk": bids_at_risk(preview.changes) if preview else None,
    }
    status = max(form.http_status for form in (role, name, link.form, discord, state, merge, groups.give, groups.take))
    return render(request, "web/person.html", groups.context() | link.context() | context, status=status)


def _preview(merge: MergeForm, found: User, actor: User) -> MergePreview | None:
    """Return what the merge that the form asks for would do, where it names another account; a refusal is shown in it."""
    source = merge.cleaned_data.get("source")
    if source is None:
        return None
    try:
        return preview_merge(source=source, target=found, actor=actor)
    except GuildhallError as error:
        merge.refuse(error)
        return None


@page(may=officers)
def audit(request: HttpRequest) -> HttpResponse:
    """Return who did what, newest first."""
    rows = audit_events(
        reader=me(request),
        search=searched(request),
        app=chosen(request.GET.get("app"), APPS),
        actor_id=as_number(request.GET.get("actor"), attr="actor", what="a person"),
        until=as_moment(request.GET.get("until"), attr="until"),
    )
    context = {"page": paginate(request, rows), "apps": APPS, "people": all_people()}
    return render(request, "web/audit.html", context)
