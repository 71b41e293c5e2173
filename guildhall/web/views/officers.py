"""People and the audit trail, for officers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts import services as accounts
from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.selectors import people as all_people
from guildhall.core.errors import BadInput, GuildhallError
from guildhall.core.selectors import audit_events
from guildhall.discord.linking.services import link_discord, unlink_discord
from guildhall.points.services import MergePreview, merge_people, preview_merge
from guildhall.roster.selectors import characters_of, find_person
from guildhall.web.pages import (
    Done,
    Form,
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

ROOMS = ("accounts", "roster", "points", "raids", "loot", "auctions", "recruitment", "discord", "eqdkp")


@page(may=officers)
def people(request: HttpRequest) -> HttpResponse:
    """Everybody, by name and role; a form to bring somebody in."""
    form = Form(request, "create", initial={"role_group": RoleGroup.MEMBER})

    def act() -> Done:
        made = accounts.create_person(
            display_name=form.text("display_name"),
            role_group=form.text("role_group"),
            discord_id=form.text("discord_id") or None,
            actor=me(request),
        )
        return go("person", made.pk, message=f"{made} is in.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    rows = all_people(search=searched(request), role_group=chosen(request.GET.get("role"), RoleGroup.values))
    context = {"form": form, "page": paginate(request, rows), "roles": RoleGroup.choices}
    return render(request, "web/people.html", context, status=form.status)


@page(may=officers)
def person(request: HttpRequest, user_id: int) -> HttpResponse:
    """One person: role, name, Discord account, account open or closed, and merging a second account into this one."""
    found = find_person(user_id=user_id)
    role, name, state = Form(request, "role"), Form(request, "name"), Form(request, "state")
    merge, discord = Form(request, "merge"), Form(request, "discord")
    preview: MergePreview | None = None

    def set_role() -> Done:
        changed = accounts.set_role_group(
            user=found, role_group=role.text("role_group"), actor=me(request), reason=role.text("reason")
        )
        return go("person", found.pk, message=f"{changed} is {changed.get_role_group_display().lower()} now.")

    def set_name() -> Done:
        changed = accounts.update_person(user=found, actor=me(request), display_name=name.text("display_name"))
        return go("person", found.pk, message=f"Called {changed} from now on.")

    def set_state() -> Done:
        change = accounts.deactivate_person if found.is_active else accounts.reactivate_person
        changed = change(user=found, actor=me(request), reason=state.text("reason"))
        words = "open again" if changed.is_active else "closed; points and history stay"
        return go("person", found.pk, message=f"The account of {changed} is {words}.")

    def set_discord() -> Done:
        if found.discord_id:
            unlink_discord(user=found, actor=me(request), reason=discord.text("reason"))
            return go("person", found.pk, message="Unlinked. The guild's roles go with it; points and history stay.")
        changed = link_discord(
            user=found, discord_id=discord.text("discord_id"), actor=me(request), reason=discord.text("reason")
        )
        return go("person", found.pk, message=f"Linked to {changed.discord_username or changed.discord_id}.")

    def do_merge() -> Done:
        source = _other(merge)
        merge_people(source=source, target=found, actor=me(request), reason=merge.text("reason"))
        return go("person", found.pk, message=f"{source} and {found} are one person now.")

    if merge.sent and merge.text("step") == "preview":
        try:
            preview = preview_merge(source=_other(merge), target=found)
        except GuildhallError as error:
            merge.error = error
    else:
        actions = (
            (role, set_role),
            (name, set_name),
            (discord, set_discord),
            (state, set_state),
            (merge, do_merge),
        )
        for form, action in actions:
            if form.sent and (response := form.run(action)) is not None:
                return response
    context = {
        "person": found,
        "characters": characters_of(found.pk),
        "role": role,
        "name": name,
        "state": state,
        "discord": discord,
        "merge": merge,
        "preview": preview,
        "others": all_people().exclude(pk=found.pk),
        "roles": RoleGroup.choices,
    }
    status = max(form.status for form in (role, name, discord, state, merge))
    return render(request, "web/person.html", context, status=status)


def _other(form: Form) -> User:
    number = form.number("source", what="a person")
    if number is None:
        raise BadInput("Choose the account that is to be merged into this one.", code="required", attr="source")
    return find_person(user_id=number)


@page(may=officers)
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first."""
    rows = audit_events(
        reader=me(request),
        search=searched(request),
        room=chosen(request.GET.get("room"), ROOMS),
        actor_id=as_number(request.GET.get("actor"), attr="actor", what="a person"),
        until=as_moment(request.GET.get("until"), attr="until"),
    )
    context = {"page": paginate(request, rows), "rooms": ROOMS, "people": all_people()}
    return render(request, "web/audit.html", context)
