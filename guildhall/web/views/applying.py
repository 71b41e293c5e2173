"""Applying: the form, a draft of it, and following an application by its private link."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from guildhall.accounts.models import Section, User
from guildhall.accounts.permissions import principal_of
from guildhall.core import clock
from guildhall.core.addresses import client_address
from guildhall.core.errors import GuildhallError
from guildhall.core.time_zones import time_zones
from guildhall.recruitment import selectors, services
from guildhall.recruitment.links import find_by_sent_token
from guildhall.recruitment.models import STATUS_WORDS
from guildhall.recruitment.selectors import Tier
from guildhall.recruitment.services.admission import may_apply_again_at, refuse_to_apply
from guildhall.recruitment.services.applying import find_by_token, is_unclaimed
from guildhall.recruitment.services.transitions import CLOSED, policy
from guildhall.web.forms.base import ButtonForm
from guildhall.web.forms.recruitment import FIELDS, ApplyForm, WithdrawForm
from guildhall.web.pages import Done, go, me, page

LINK = "application_link"


@page(visitors=Section.RECRUITMENT, visitor_methods=("GET", "HEAD", "POST"))
def apply(request: HttpRequest) -> HttpResponse:
    """Return the application form, for people with and without an account."""
    user = me(request) if request.user.is_authenticated else None
    form = ApplyForm(request, "apply", initial=_draft_values(user) if user else {})
    if form.sent and (response := _apply(request, form)) is not None:
        return response
    refusal = None if form.sent and form.errors else _refusal(user)
    context = {
        "form": form,
        "questions": form.shown_questions(),
        "policy": policy(),
        "time_zones": time_zones(),
        "signed_in": user is not None,
        "refusal": refusal,
        "no_form": refusal is not None and refusal.code in ("already_member", "already_applied"),
    }
    return render(request, "web/apply.html", context, status=form.http_status)


def _refusal(user: User | None) -> GuildhallError | None:
    """Return why this person cannot apply now, so that nobody fills in a form for nothing."""
    try:
        refuse_to_apply(user)
    except GuildhallError as error:
        return error
    return None


def _draft_values(user: User) -> dict[str, object]:
    draft = selectors.draft_of(user)
    if draft is None:
        return {"discord_username": user.discord_username, "email": user.email}
    values = {name: getattr(draft, name) for name in FIELDS}
    for item in draft.answers:
        answer = item["answer"]
        given = answer if isinstance(answer, list) else [{True: "yes", False: "no"}.get(answer, str(answer))]
        values[f"q{item['question_id']}"] = given
        values[f"was{item['question_id']}"] = item["wording"]
    return values


def _apply(request: HttpRequest, form: ApplyForm) -> HttpResponse | None:
    user = me(request) if request.user.is_authenticated else None
    if user is not None:
        if form.is_draft:
            return form.run(lambda: _keep_draft(user, form))
        return form.run(lambda: _send(request, form))
    if not form.is_valid():
        return None
    try:
        # Without an account there is nobody to remember the form for: a second press finds the open application.
        done = _send(request, form)
    except GuildhallError as error:
        form.refuse(error)
        return None
    messages.success(request, done.message)
    return HttpResponseRedirect(done.url)


def _keep_draft(user: User, form: ApplyForm) -> Done:
    services.save_draft(user=user, **form.values())
    return go("apply", message="Kept. Nobody sees it until you send it.")


def _send(request: HttpRequest, form: ApplyForm) -> Done:
    user = me(request) if request.user.is_authenticated else None
    values = form.values()
    if user is not None and selectors.draft_of(user) is not None:
        draft = services.save_draft(user=user, **values)
        application, token = services.submit_draft(user=user, application=draft, address=client_address(request))
    else:
        application, token = services.apply(user=user, address=client_address(request), **values)
    request.session[LINK] = token
    if user is not None:
        return go("application", application.pk, message="Sent. We will be in touch.")
    return Done(f"{reverse('web:follow')}?token={token}", "Sent. We will be in touch; keep the link below.")


@page(public=True)
def follow(request: HttpRequest) -> HttpResponse:
    """Return one's own application by its private link, for somebody without an account."""
    token = request.GET.get("token", "") or request.session.get(LINK, "")
    application = find_by_sent_token(request, token)
    claim, withdraw = ButtonForm(request, "claim"), WithdrawForm(request, "withdraw")
    back = f"{reverse('web:follow')}?{urlencode({'token': token})}"
    if claim.sent and request.user.is_authenticated:
        user = me(request)

        def take() -> Done:
            services.claim_application(user=user, token=token)
            return go("application", application.pk, message="The application is tied to your account now.")

        if (response := claim.run(take)) is not None:
            return response
    if withdraw.sent and withdraw.is_valid():
        try:
            services.withdraw_by_link(token=token, reason=withdraw.cleaned_data["reason"])
        except GuildhallError as error:
            withdraw.refuse(error)
            application = find_by_token(token)
        else:
            messages.success(request, "Your application is withdrawn.")
            return HttpResponseRedirect(back)
    unclaimed = is_unclaimed(application)
    view = selectors.view_of(application, principal_of(request), tier=Tier.OWN)
    context = {
        "application": view,
        "status_words": STATUS_WORDS[view["status"]],
        "steps": selectors.describe_steps(application, Tier.OWN),
        "now": clock.now(),
        "comments": selectors.comments_for(application, Tier.OWN),
        "link": request.build_absolute_uri(back),
        "claim": claim,
        "claimable": request.user.is_authenticated and unclaimed,
        "sign_in": None if request.user.is_authenticated else f"{reverse('web:sign-in')}?{urlencode({'next': back})}",
        "unclaimed": unclaimed,
        "withdraw": withdraw,
        "may_apply_at": may_apply_again_at(application),
        "can_withdraw": unclaimed and view["status"] not in CLOSED,
    }
    return render(request, "web/application_own.html", context, status=max(claim.http_status, withdraw.http_status))
