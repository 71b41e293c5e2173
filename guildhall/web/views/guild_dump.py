"""A guild dump brought to the roster: paste or drop it, see the difference, press once."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.core.errors import GuildhallError
from guildhall.raids.roster_dump import read_guild_dump
from guildhall.roster.services import DumpChoices, apply_guild_dump, preview_guild_dump
from guildhall.web.forms.imports import DUMP_CHOICES, DumpForm
from guildhall.web.pages import Done, go, me, officers, page

ON_AT_FIRST = ("add", "update", "set_ranks", "bring_back")


@page("roster:write", may=officers)
def guild_dump(request: HttpRequest) -> HttpResponse:
    """Return the difference between a dump and the roster, and the button that applies it."""
    form = DumpForm(request, "dump")
    context: dict[str, object] = {"form": form, "choices": DUMP_CHOICES, "on": ON_AT_FIRST}
    if form.sent and form.is_valid():
        seen = form.cleaned_data["seen"]
        chosen = form.cleaned_data["choice"]
        context["on"] = chosen if seen else ON_AT_FIRST
        try:
            text, filename = form.dump()
            context |= {"text": text, "filename": filename}
            dump, members = read_guild_dump(text, filename=filename)
            context["dump"] = dump

            def change() -> Done:
                found = apply_guild_dump(
                    members=members,
                    is_partial=dump.is_partial,
                    choices=DumpChoices(**{name: name in chosen for name, _ in DUMP_CHOICES}),
                    actor=me(request),
                    digest=form.digest,
                )
                count = found.count("add")
                return go(
                    "roster", message=f"The roster follows the dump: {count} new name{'' if count == 1 else 's'}."
                )

            if form.hidden("do") == "apply" and seen and (response := form.run(change)) is not None:
                return response
            found = preview_guild_dump(members=members, is_partial=dump.is_partial)
            context["difference"] = found
            context["steps"] = [step for step in found.steps if step.action != "same"]
            actions = ("add", "update", "bring_back", "missing", "same")
            context["counts"] = {action: found.count(action) for action in actions}
        except GuildhallError as error:
            form.refuse(error)
    elif form.sent:
        context |= {"text": form.hidden("text"), "filename": form.hidden("filename")}
    return render(request, "web/guild_dump.html", context, status=form.http_status)
