"""Lines of chat that were not understood whole: applied as an officer says, dismissed, or opened again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from guildhall.accounts.permissions import Principal
from guildhall.auctions.models import ChatLine
from guildhall.auctions.services import chat_doubts as services
from guildhall.web.forms.chat_doubts import ApplyDoubtForm, DoubtButtonForm, understood_of
from guildhall.web.pages import Done, chosen, me, page, paginate, rows_of
from guildhall.web.undoing import offer

PER_PAGE = 20
State = ChatLine.State
TABS = ((State.OPEN, "To decide"), (State.APPLIED, "Applied"), (State.DISMISSED, "Dismissed"))
_MEANT = {
    "open": "an opening",
    "bid": "a bid",
    "award": "an award",
    "undo": "an award taken back",
    "retraction": "a bid taken back",
    "close": "a closing",
    "cancel": "an auction called off",
    "roll": "a roll",
    "status": "how an auction stands",
}


@dataclass(frozen=True, slots=True)
class ShownDoubt:
    """A doubt as the page shows it. `said_at` is by the clock of the PC that wrote the log, without a time zone."""

    row: ChatLine
    said_at: dt.datetime | None
    meant: str
    figures: list[tuple[str, str]]
    form: ApplyDoubtForm | None
    awards: list[int]
    auctions: list[str]


def runs_auctions(who: Principal) -> bool:
    """Return whether they may decide doubts, as `/api/bidding/chat-doubts/` says it (with `bidding:write`)."""
    return who.runs_auctions


@page("bidding:write", may=runs_auctions)
def doubts(request: HttpRequest) -> HttpResponse:
    """Return the doubts of one state, the newest first, and do what was pressed beside one of them."""
    state = chosen(request.GET.get("state"), State.values, State.OPEN)
    here = f"{reverse('web:chat-doubts')}?state={state}"
    actor = me(request)
    apply, dismiss, reopen = (
        ApplyDoubtForm(request, "apply"),
        DoubtButtonForm(request, "dismiss"),
        DoubtButtonForm(request, "reopen"),
    )

    def do() -> Done:
        said = apply.correction()
        row = services.apply_doubt(fingerprint=apply.cleaned_data["doubt"], correction=said, actor=actor)
        undo = ""
        if roll := row.result.get("roll_id"):
            undo = offer(request, "roll", back=here, row=roll, session=row.result["bid_session_id"])
        return Done(here, f"Applied: {services.KINDS[said.kind]}, {said.item}. It stands under Applied.", undo=undo)

    def pass_over() -> Done:
        row = services.dismiss_doubt(fingerprint=dismiss.cleaned_data["doubt"], actor=actor)
        return Done(here, f"Dismissed: “{row.line[:80]}”. It stands under Dismissed, and can be opened again there.")

    def open_again() -> Done:
        row = services.reopen_doubt(fingerprint=reopen.cleaned_data["doubt"], actor=actor)
        return Done(here, f"“{row.line[:80]}” waits under To decide again.")

    for form, action in ((apply, do), (dismiss, pass_over), (reopen, open_again)):
        if form.sent and (response := form.run(action)) is not None:
            return response
    listing = paginate(request, services.doubts(state).select_related("raid__event"), size=PER_PAGE)
    rows: list[ChatLine] = list(rows_of(listing))
    wanted = apply.hidden("doubt")
    if apply.sent and all(row.fingerprint != wanted for row in rows):  # it is on another page meanwhile
        rows[:0] = services.doubts(State.OPEN).filter(fingerprint=wanted)[:1] if state == State.OPEN else []
    counts = services.doubts_by_state()
    context = {
        "shown": [_shown(row, apply, wanted, request) for row in rows],
        "page": listing,
        "state": state,
        "tabs": [(value, label, counts[value]) for value, label in TABS],
        "nothing_yet": not any(counts.values()),
        "apply": apply,
        "is_elsewhere": apply.sent and all(row.fingerprint != wanted for row in rows),
        "dismiss": dismiss,
        "reopen": reopen,
    }
    status = max(form.http_status for form in (apply, dismiss, reopen))
    return render(request, "web/chat_doubts.html", context, status=status)


def _shown(row: ChatLine, sent: ApplyDoubtForm, wanted: str, request: HttpRequest) -> ShownDoubt:
    form = None
    if row.state == State.OPEN:
        is_sent = sent.sent and row.fingerprint == wanted
        form = sent if is_sent else _form_of(request, row)
    result = row.result
    sessions = result.get("bid_session_ids") or [result.get("bid_session_id")]
    meant = str(row.doubt.get("meant") or "")
    return ShownDoubt(
        row=row,
        said_at=row.said_at.replace(tzinfo=None) if row.said_at else None,
        meant=_MEANT.get(meant, meant),
        figures=_figures(row.doubt),
        form=form,
        awards=list(result.get("loot_ids") or ()),
        auctions=[str(one) for one in sessions if one] if row.state == State.APPLIED else [],
    )


def _form_of(request: HttpRequest, row: ChatLine) -> ApplyDoubtForm:
    form = ApplyDoubtForm(request, "apply", initial=understood_of(row), row=row.pk)
    form.is_bound, form.sent = False, False
    return form


def _figures(doubt: dict[str, object]) -> list[tuple[str, str]]:
    """Return what was understood, each with its name."""
    names = (
        ("item", "item"),
        ("character_name", "character"),
        ("amount", "points"),
        ("quantity", "how many"),
        ("high", "rolled up to"),
        ("result", "turned up"),
        ("category", "category"),
    )
    return [(label, str(doubt[name])) for name, label in names if doubt.get(name) not in (None, "")]
