"""Who is in the guild, brought to the roster by a dump or a list; and people made of characters that are nobody's."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from guildhall.core.errors import GuildhallError
from guildhall.core.guild import is_being_set_up
from guildhall.core.versions import row_version
from guildhall.raids.models import NoteRules
from guildhall.raids.roster_dump import NoteRead, members_of_nobody, notes_of, notes_of_roster, read_roster, with_mains
from guildhall.raids.services.note_rules import note_rules, save_note_rules
from guildhall.roster.selectors import owned_by_nobody
from guildhall.roster.services import PEOPLE, DumpChoices, DumpDifference, apply_guild_dump, preview_guild_dump
from guildhall.web.forms.imports import (
    DUMP_CHOICES,
    NOTE_PATTERNS,
    DumpForm,
    NotePatternsForm,
    PeopleForm,
    people_to_name,
)
from guildhall.web.pages import Done, as_number, go, me, officers, page
from guildhall.web.undoing import offer

ON_AT_FIRST = ("add", "update", "set_ranks", "make_ranks", "bring_back", "people")
SHOWN_NOTES = 50
ONLY_PEOPLE = DumpChoices(add=False, update=False, set_ranks=False, bring_back=False, people=True)


@page("roster:write", may=officers)
def guild_dump(request: HttpRequest) -> HttpResponse:
    """Return the difference between a dump and the roster, and the button that applies it."""
    form = DumpForm(request, "dump")
    people = people_to_name(me(request))
    context: dict[str, object] = {"form": form, "choices": DUMP_CHOICES, "on": ON_AT_FIRST, "people": people}
    is_valid = form.sent and form.is_valid()
    patterns = form.patterns() if form.sent else None
    if is_valid:
        seen = form.cleaned_data["seen"]
        chosen = form.cleaned_data["choice"]
        context["on"] = chosen if seen else ON_AT_FIRST
        try:
            text, filename = form.dump()
            context |= {"text": text, "filename": filename}
            if form.hidden("do") == "keep":
                form.run(lambda: _keep(request, form))  # its answer leads away, and the dump is still to be shown
            dump, members = read_roster(text, filename=filename, notes=patterns)
            context |= _notes_shown(notes_of(dump))
            mains = form.mains()
            members = with_mains(members, mains, {words.casefold(): pk for words, pk in people.items()})
            context["dump"] = dump

            def change() -> Done:
                found = apply_guild_dump(
                    members=members,
                    is_partial=dump.is_partial,
                    choices=DumpChoices(**{name: name in chosen for name, _ in DUMP_CHOICES}),
                    actor=me(request),
                    digest=form.digest,
                )
                count = found.count("add") if "add" in chosen else 0
                words = f"The roster follows the dump: {count} new name{'' if count == 1 else 's'}"
                return _done(request, found, words)

            if form.hidden("do") == "apply" and seen and (response := form.run(change)) is not None:
                return response
            found = preview_guild_dump(members=members, is_partial=dump.is_partial)
            context["difference"] = found
            context["steps"] = [step for step in found.steps if step.is_shown]
            context["mains"] = mains
            actions = ("add", "update", "bring_back", "missing", "same")
            context["counts"] = {action: found.count(action) for action in actions}
        except GuildhallError as error:
            form.refuse(error)
    elif form.sent:
        context |= {"text": form.hidden("text"), "filename": form.hidden("filename")}
    rules = note_rules()
    context |= {
        "patterns": NOTE_PATTERNS,
        "read_so": rules.patterns if patterns is None else patterns,
        "rules_version": _version(rules),
        "differs": patterns is not None and set(patterns) != set(rules.patterns),
    }
    return render(request, "web/guild_dump.html", context, status=form.http_status)


def _version(rules: NoteRules) -> str:
    return row_version(rules, ["patterns"])


def _keep(request: HttpRequest, form: DumpForm) -> Done:
    """Make how the notes of this preview are read the guild's setting."""
    version = form.cleaned_data["rules_version"]
    save_note_rules(patterns=form.patterns() or [], actor=me(request), version=version or "unknown")
    return go("guild-dump", message="The notes of every dump are read so from now on.")


def _notes_shown(notes: Sequence[NoteRead]) -> dict[str, object]:
    """Return the notes for the page: those that name somebody first, at most `SHOWN_NOTES`."""
    ordered = sorted(notes, key=lambda one: not one.main)
    return {
        "notes": ordered[:SHOWN_NOTES],
        "notes_count": len(notes),
        "notes_read": sum(bool(one.main) for one in notes),
    }


@page("roster:write", may=officers)
def note_patterns(request: HttpRequest) -> HttpResponse:
    """Say how the guild's notes mark alts, tried on the roster's own notes or on a dump or a list that is pasted."""
    rules = note_rules()
    form = NotePatternsForm(request, "notes", initial={"pattern": rules.patterns}, version=_version(rules))
    chosen: list[str] = rules.patterns

    def save() -> Done:
        save_note_rules(patterns=form.cleaned_data["pattern"], actor=me(request), version=form.seen_version)
        return go("note-patterns", message="Notes are read so from now on. What was read before stays as it is.")

    if form.sent and form.pressed == "try":
        form.is_valid()
    elif form.sent and (response := form.run(save)) is not None:
        return response
    context: dict[str, object] = {"form": form}
    if form.sent and form.is_bound and "pattern" in form.cleaned_data:
        chosen = form.cleaned_data["pattern"]
    text = form.cleaned_data.get("text", "") if form.sent else ""
    try:
        context |= _notes_shown(
            notes_of(read_roster(text, notes=chosen)[0]) if text.strip() else notes_of_roster(chosen)
        )
        context["is_pasted"] = bool(text.strip())
    except GuildhallError as error:
        form.refuse(error)
    return render(request, "web/note_patterns.html", context, status=form.http_status)


def _done(request: HttpRequest, found: DumpDifference, words: str) -> Done:
    """Return where it goes on: to what was changed, where it can be undone, or to the roster where nothing was; while the
    guild is being set up to the list of steps, with the undo beside the message."""
    people = found.made_people
    words += f", {people} new {'person' if people == 1 else 'people'}" if people else ""
    if is_being_set_up():
        undo = (
            ""
            if found.batch is None
            else offer(request, "batch", back=reverse("web:guild-setup"), batch=str(found.batch))
        )
        return go("guild-setup", message=f"{words}.", undo=undo)
    if found.batch is None:
        return go("roster", message=f"{words}.")
    return go("batch", found.batch, message=f"{words}. It can be undone here.")


@page("roster:write", may=officers)
def make_people(request: HttpRequest) -> HttpResponse:
    """Make people of characters that belong to nobody: of one, or of many at once, each the main or an alt."""
    characters = owned_by_nobody()
    only = as_number(request.GET.get("character"), attr="character", what="a character")
    form = PeopleForm(request, "people")
    people = people_to_name(me(request))
    words = {name.casefold(): pk for name, pk in people.items()}
    everybody = members_of_nobody(characters)
    mains: dict[str, str] = {}
    picked = {one.name for one in characters if only in (None, one.pk)}
    if form.sent and form.is_valid():
        mains, picked = form.mains(), set(form.cleaned_data["pick"])
    members = [one for one in with_mains(everybody, mains, words) if one.name in picked]

    def act() -> Done:
        found = apply_guild_dump(
            members=members, is_partial=True, choices=ONLY_PEOPLE, actor=me(request), digest=form.digest, kind=PEOPLE
        )
        return _done(request, found, "Done")

    if form.sent and form.pressed == "make" and members and (response := form.run(act)) is not None:
        return response
    preview = preview_guild_dump(members=members, is_partial=True) if members else None
    whose = {step.name: step.whose for step in preview.steps} if preview else {}
    rows = [(one, one.name in picked, mains.get(one.name, ""), whose.get(one.name)) for one in characters]
    rows = [row for row in rows if only in (None, row[0].pk) or row[1]]
    context = {"form": form, "rows": rows, "preview": preview, "only": only, "most": len(characters), "people": people}
    return render(request, "web/make_people.html", context, status=form.http_status)
