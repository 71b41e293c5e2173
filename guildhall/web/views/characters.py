"""Characters worked on by officers: made, changed, given to somebody else, taken off the roster, brought back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.guild import guild_zone
from guildhall.roster import selectors, services
from guildhall.roster.models import Character, CharacterAlias
from guildhall.roster.services.editing import version_of
from guildhall.web.forms.base import ButtonForm, PageForm
from guildhall.web.forms.roster import AliasForm, EditCharacterForm, NewCharacterForm, RemoveForm, TransferForm
from guildhall.web.pages import Done, as_number, go, me, page

FACTS = ("name", "character_class", "level", "rank", "status", "note")
Actions = list[tuple[PageForm, Callable[[], Done]]]


@page("roster:write")
def new_character(request: HttpRequest) -> HttpResponse:
    """Add a character, with an owner or without."""
    initial = {
        "name": request.GET.get("name", "")[:60],
        "user": as_number(request.GET.get("person"), attr="person", what="a person"),
    }
    form = NewCharacterForm(request, "new", initial=initial)

    def act() -> Done:
        given = dict(form.cleaned_data)
        make_main, joined = given.pop("make_main"), given.pop("joined_at")
        made = services.create_character(**given, joined_at=_start_of(joined), actor=me(request))
        if make_main and not made.is_main:
            made = services.set_main(character=made, actor=me(request))
        whose = (
            f", {'main' if made.is_main else 'an alt'} of {made.user}" if made.user else "; it belongs to nobody yet"
        )
        return go("character", made.pk, message=f"{made} is on the roster{whose}.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/character_new.html", {"form": form}, status=form.http_status)


def _start_of(day: dt.date | None) -> dt.datetime | None:
    return dt.datetime.combine(day, dt.time(), guild_zone()) if day else None


@page("roster:write")
def edit_character(request: HttpRequest, character_id: int) -> HttpResponse:
    """Change one character: what it is, whose it is, its other names, and whether it is on the roster."""
    found = selectors.character_page(character_id)
    joined = found.joined_at.astimezone(guild_zone()).date()
    initial = {**{name: getattr(found, name) for name in FACTS}, "joined_at": joined}
    edit = EditCharacterForm(request, "edit", initial=initial, version=version_of(found))
    transfer = TransferForm(request, "transfer", initial={"user": found.user})
    main, remove, alias = ButtonForm(request, "main"), RemoveForm(request, "remove"), AliasForm(request, "alias")
    forget = [(row, ButtonForm(request, f"forget-{row.pk}")) for row in found.aliases.all()]
    is_removed = found.status == Character.Status.REMOVED
    actions: Actions = [
        (edit, lambda: _change(request, edit, found)),
        (transfer, lambda: _transfer(request, transfer, found)),
        (main, lambda: _make_main(request, found)),
        (remove, lambda: (_bring_back if is_removed else _remove)(request, remove, found)),
        (alias, lambda: _add_alias(request, alias, found)),
        *((form, lambda row=row: _forget(request, row)) for row, form in forget),
    ]
    for form, action in actions:
        if form.sent and (response := form.run(action)) is not None:
            return response
    context: dict[str, object] = {
        "character": selectors.character_page(character_id),
        "edit": edit,
        "transfer": transfer,
        "main": main,
        "remove": remove,
        "alias": alias,
        "forget": forget,
        "is_removed": is_removed,
    }
    return render(request, "web/character_edit.html", context, status=max(form.http_status for form, _ in actions))


def _change(request: HttpRequest, form: EditCharacterForm, character: Character) -> Done:
    changes = form.changes(character)
    if "joined_at" in changes:
        changes["joined_at"] = _start_of(form.cleaned_data["joined_at"]) or character.joined_at
    if character.status == Character.Status.REMOVED:
        changes.pop("status", None)  # brought back by its own button
    done = services.edit_character(
        character=character,
        actor=me(request),
        by=principal_of(request),
        changes=changes,
        reason=form.cleaned_data["reason"],
        seen=form.seen_version,
    )
    return go("character", done.pk, message=f"{done} is changed.")


def _transfer(request: HttpRequest, form: TransferForm, character: Character) -> Done:
    done = services.reassign_character(
        character=character, actor=me(request), by=principal_of(request), **form.cleaned_data
    )
    words = f"{done} belongs to {done.user or 'nobody'} now. What it earned stays with whoever played it then."
    return go("character", done.pk, message=words)


def _make_main(request: HttpRequest, character: Character) -> Done:
    if character.is_main:
        raise Conflict(f"{character} is the main already.", code="is_the_main")
    done = services.set_main(character=character, actor=me(request))
    return go("character", done.pk, message=f"{done} is the main of {done.user} now.")


def _remove(request: HttpRequest, form: RemoveForm, character: Character) -> Done:
    if not form.cleaned_data["reason"]:
        raise BadInput("Say why; it stands in the audit log.", code="required", attr="reason")
    services.retire_character(
        character=character, actor=me(request), by=principal_of(request), reason=form.cleaned_data["reason"]
    )
    words = f"{character} is off the roster. Points and history stay; it can be brought back on its page."
    return go("character", character.pk, message=words)


def _bring_back(request: HttpRequest, form: RemoveForm, character: Character) -> Done:
    services.update_character(
        character=character, actor=me(request), by=principal_of(request), status=Character.Status.ACTIVE
    )
    return go("character", character.pk, message=f"{character} is on the roster again.")


def _add_alias(request: HttpRequest, form: AliasForm, character: Character) -> Done:
    made = services.add_alias(character=character, actor=me(request), **form.cleaned_data)
    return go("character-edit", character.pk, message=f"{made.name} means {character} from now on.", fragment="names")


def _forget(request: HttpRequest, alias: CharacterAlias) -> Done:
    services.remove_alias(alias=alias, actor=me(request))
    words = f"{alias.name} no longer means {alias.character}."
    return go("character-edit", alias.character_id, message=words, fragment="names")
