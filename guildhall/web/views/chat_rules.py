"""How the guild writes its auctions in chat: chosen, tried on lines, and saved."""

from __future__ import annotations

from collections import defaultdict

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.auctions.chat import ChatConventions
from guildhall.auctions.chat.lines import lines_of
from guildhall.auctions.chat.ready_made import READY_MADE, ready_made
from guildhall.auctions.chat.words import in_words
from guildhall.auctions.services.chat import read_chat
from guildhall.auctions.services.conventions import chat_rules, save_conventions
from guildhall.core.errors import GuildhallError
from guildhall.core.versions import row_version
from guildhall.web.forms.chat_rules import ChatRulesForm, shown
from guildhall.web.pages import Done, go, me, page

FILL, TRY = "fill", "try"


@page("points:write")
def conventions(request: HttpRequest) -> HttpResponse:
    """Say how auctions are written, and see how lines would be read before it is saved."""
    row = chat_rules()
    initial: dict[str, object] = {"base": row.base, **shown(ChatConventions.from_data(row.data))}
    form = ChatRulesForm(request, "conventions", initial=initial, version=row_version(row, ["base", "data"]))
    read: list[tuple[str, list[str]]] = []
    status = 200

    def save() -> Done:
        base = form.cleaned_data["base"]
        save_conventions(base=base, data=form.conventions(), actor=me(request), version=form.seen_version)
        return go("chat-rules", message="Chat is read so from now on.")

    if form.sent and form.pressed == FILL:
        base = form.hidden("base")
        chosen = {"base": base, "lines": form.hidden("lines"), **shown(ready_made(base))} if base in READY_MADE else {}
        form = ChatRulesForm(request, "conventions", initial=chosen or form.initial, version=form.version)
        form.is_bound = False
    elif form.sent and form.pressed == TRY:
        read = _tried(form)
        status = form.http_status
    elif form.sent:
        if (response := form.run(save)) is not None:
            return response
        status = form.http_status
    context = {
        "form": form,
        "read": read,
        "standing": READY_MADE[row.base].label,
        "is_saved": row.pk and row.history.exists(),
    }
    return render(request, "web/chat_rules.html", context, status=status)


def _tried(form: ChatRulesForm) -> list[tuple[str, list[str]]]:
    """Return each line of the box with how it is read by what the form says now; nothing is applied or stored."""
    if not form.is_valid():
        return []
    text = form.cleaned_data["lines"]
    try:
        events = read_chat(text, conventions=ChatConventions.from_data(form.conventions()))
    except GuildhallError as error:
        form.refuse(error)
        return []
    meant: dict[int, list[str]] = defaultdict(list)
    for event in events:
        meant[event.line_number].append(in_words(event))
    return [(line, meant[number]) for number, line in enumerate(lines_of(text), 1) if line.strip()]
