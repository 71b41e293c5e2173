"""What members ask officers for, and the officers' answers."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.core.versions import row_version
from guildhall.raids import request_selectors as selectors
from guildhall.raids.models import MemberRequest
from guildhall.raids.services import requests as services
from guildhall.roster.selectors import characters_of, person_by_name
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.requests import (
    AskAltForm,
    AskAttendanceForm,
    AskMainForm,
    AskTransferForm,
    RefuseForm,
    RequestButtonForm,
    RequestPolicyForm,
)
from guildhall.web.pages import Done, as_number, go, me, page, paginate

Actions = list[tuple[PageForm, Callable[[], Done]]]
Kind = MemberRequest.Kind
POLICY = ("alt", "main", "transfer", "attendance")


@page("raids:signup", "raids:write")
def mine(request: HttpRequest) -> HttpResponse:
    """Ask officers for something, and see what became of what one asked for."""
    person = me(request)
    own = [row for row in characters_of(person.pk) if row.status != "removed"]
    alt, attendance = AskAltForm(request, "alt"), AskAttendanceForm(request, "attendance")
    main, transfer = AskMainForm(request, "main"), AskTransferForm(request, "transfer")
    main.offer(row for row in own if not row.is_main)
    transfer.offer(own)
    attendance.offer(own)
    checks = selectors.checks_to_ask_for(person, raid_id=as_number(request.GET.get("raid"), attr="raid", what="a raid"))
    attendance.offer_checks(checks)
    asked = list(selectors.requests_of(person.pk)[:100])
    withdraw = RequestButtonForm(request, "withdraw")

    def ask(kind: str, form: PageForm) -> Done:
        given = dict(form.cleaned_data)
        if kind == Kind.TRANSFER:
            given["to_user"] = person_by_name(given["to_user"], attr="to_user")
        made = services.make_request(user=person, kind=kind, **given)
        words = "Done: " if made.by_itself else "Asked; an officer decides. It stands below: "
        return go("requests", message=f"{words}{made}.")

    def take_back() -> Done:
        row = selectors.request_with_id(withdraw.cleaned_data["asked"])
        return go("requests", message=f"Taken back: {services.withdraw_request(request=row, actor=person)}.")

    kinds = ((Kind.ALT, alt), (Kind.MAIN, main), (Kind.TRANSFER, transfer), (Kind.ATTENDANCE, attendance))
    actions: Actions = [(form, lambda kind=kind, form=form: ask(kind, form)) for kind, form in kinds]  # type: ignore[misc]
    actions.append((withdraw, take_back))
    for form, action in actions:
        if form.sent and (response := form.run(action)) is not None:
            return response
    context = {
        "alt": alt,
        "main": main,
        "transfer": transfer,
        "attendance": attendance,
        "own": own,
        "others": [row for row in own if not row.is_main],
        "checks": checks,
        "asked": asked,
        "withdraw": withdraw,
        "policy": services.request_policy(),
    }
    return render(request, "web/requests.html", context, status=max(form.http_status for form, _ in actions))


@page("roster:write", "raids:write")
def decide(request: HttpRequest) -> HttpResponse:
    """Return what is asked for, each with one press to approve it; below it what was decided, and what needs no officer."""
    who, officer = principal_of(request), me(request)
    yes, no = RequestButtonForm(request, "approve"), RefuseForm(request, "refuse")
    setting = services.request_policy()
    initial = {name: getattr(setting, name) for name in POLICY}
    policy = RequestPolicyForm(request, "policy", initial=initial, version=row_version(setting, POLICY))

    def approve() -> Done:
        asked = selectors.request_with_id(yes.cleaned_data["asked"])
        done = services.approve_request(request=asked, actor=officer, by=who)
        return go("requests-decide", message=f"Approved and done: {done}.")

    def refuse() -> Done:
        asked = selectors.request_with_id(no.cleaned_data["asked"])
        done = services.refuse_request(request=asked, actor=officer, reason=no.cleaned_data["reason"], by=who)
        return go("requests-decide", message=f"Refused: {done}.")

    def set_policy() -> Done:
        who.require("roster:write")
        services.edit_request_policy(actor=officer, version=policy.seen_version, **policy.cleaned_data)
        return go("requests-decide", message="That is the setting from now on.")

    actions: Actions = [(yes, approve), (no, refuse), (policy, set_policy)]
    for form, action in actions:
        if form.sent and (response := form.run(action)) is not None:
            return response
    context = {
        "rows": [row for row in selectors.open_requests()[:200] if services.may_decide(who, row.kind)],
        "yes": yes,
        "no": no,
        "policy": policy,
        "page": paginate(request, selectors.decided_requests()),
        "may_set": who.can("roster:write"),
    }
    return render(request, "web/requests_decide.html", context, status=max(form.http_status for form, _ in actions))
