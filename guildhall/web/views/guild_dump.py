"""A guild dump brought to the roster: paste or drop it, see the difference, press once."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.core.errors import BadInput, GuildhallError
from guildhall.raids.roster_dump import read_guild_dump
from guildhall.roster.services import DumpChoices, apply_guild_dump, preview_guild_dump
from guildhall.web.pages import Done, Form, go, me, officers, page

CHOICES = (
    ("add", "add the characters that are new"),
    ("update", "take level and class from the dump"),
    ("set_ranks", "take the rank from the dump"),
    ("make_ranks", "make the ranks that are new"),
    ("bring_back", "bring back characters that were removed"),
    ("remove_missing", "take characters off the roster that the dump does not name"),
)
ON_AT_FIRST = ("add", "update", "set_ranks", "bring_back")
MOST_BYTES = 4 * 1024 * 1024


def _text(request: HttpRequest, form: Form) -> tuple[str, str]:
    """The dump and its file's name: what was dropped, else what was pasted or carried along from the preview.

    Raises:
        BadInput: ``empty``, ``too_large``.
    """
    upload = request.FILES.get("file")
    if upload is not None:
        if (upload.size or 0) > MOST_BYTES:
            raise BadInput("A guild dump is a small file; this one has more than 4 MB.", code="too_large", attr="file")
        return upload.read().decode("utf-8", "replace").lstrip("\ufeff"), upload.name or ""
    text = request.POST.get("text", "")
    if not text.strip():
        raise BadInput("Paste the dump, or choose its file.", code="empty", attr="text")
    return text, form.text("filename")


@page("roster:write", may=officers)
def guild_dump(request: HttpRequest) -> HttpResponse:
    """The difference between a dump and the roster, and the button that applies it."""
    form = Form(request, "dump")
    context: dict[str, Any] = {"form": form, "choices": CHOICES, "on": ON_AT_FIRST}
    if form.sent:
        context["on"] = form.many("choice") if form.flag("seen") else ON_AT_FIRST
        try:
            text, filename = _text(request, form)
            dump, members = read_guild_dump(text, filename=filename)
            context |= {"text": text, "filename": filename, "dump": dump}
            if form.typed.get("do") == "apply" and form.flag("seen"):
                chosen = {name: name in form.many("choice") for name, _ in CHOICES}

                def change() -> Done:
                    found = apply_guild_dump(
                        members=members, is_partial=dump.is_partial, choices=DumpChoices(**chosen), actor=me(request)
                    )
                    return go("roster", message=f"The roster follows the dump: {found.count('add')} new names.")

                if (response := form.run(change)) is not None:
                    return response
            found = preview_guild_dump(members=members, is_partial=dump.is_partial)
            context["difference"] = found
            context["steps"] = [step for step in found.steps if step.action != "same"]
            actions = ("add", "update", "bring_back", "missing", "same")
            context["counts"] = {action: found.count(action) for action in actions}
        except GuildhallError as error:
            form.error = error
    return render(request, "web/guild_dump.html", context, status=form.status)
