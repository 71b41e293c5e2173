"""Applying: the form, a draft of it, and following an application by its private link."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from guildhall.accounts.middleware import client_address
from guildhall.accounts.models import User
from guildhall.accounts.permissions import principal_of
from guildhall.core import clock
from guildhall.core.errors import BadInput, GuildhallError
from guildhall.recruitment import selectors, services
from guildhall.recruitment.models import (
    STATUS_WORDS,
    ApplicationQuestion,
)
from guildhall.recruitment.selectors import Tier
from guildhall.recruitment.services.applying import (
    REQUIRED,
    find_by_token,
    is_unclaimed,
    may_apply_again_at,
    refuse_to_apply,
)
from guildhall.recruitment.services.transitions import CLOSED, policy
from guildhall.roster.models import CharacterClass
from guildhall.web.pages import Done, Form, go, me, page

LINK = "application_link"
FIELDS = (
    "character_name", "server", "character_class", "level", "previous_guilds", "availability", "timezone",
    "references", "discord_username", "email",
)  # fmt: skip


def _stamp(question: ApplicationQuestion) -> str:
    """What changes when a question is asked differently."""
    asked = [question.wording, question.help_text, question.kind, *question.choices]
    return hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16]


def _typed(form: Form) -> dict[str, Any]:
    """What was typed, with an answer for every question that the form showed.

    Raises:
        BadInput: ``question_changed`` where a question is put differently than the form showed it: an answer is kept with
            the wording that it was given to, so the person reads the new one first.
    """
    values: dict[str, Any] = {name: form.text(name) for name in FIELDS}
    for row in selectors.questions():
        if form.typed.get(f"asked{row.pk}", _stamp(row)) != _stamp(row):
            raise BadInput(
                f"While you were writing, a question was changed: “{row.wording}” Please look at your answer to it, and send "
                "the form again.",
                code="question_changed",
                attr="answers",
            )
    values["answers"] = [
        {
            "question_id": row.pk,
            "answer": form.many(f"q{row.pk}") if row.kind == "multiple" else form.text(f"q{row.pk}"),
        }
        for row in selectors.questions()
    ]
    return values


def _form_context(form: Form) -> dict[str, Any]:
    rows = []
    for row in selectors.questions():
        given = form.typed.getlist(f"q{row.pk}") if form.sent else form.initial.get(f"q{row.pk}", [])
        rows.append(
            {
                "row": row,
                "name": f"q{row.pk}",
                "given": given,
                "text": given[0] if given else "",
                "stamp": _stamp(row),
                "was": form.initial.get(f"was{row.pk}", row.wording),
            }
        )
    return {
        "form": form,
        "questions": rows,
        "required": REQUIRED,
        "classes": [name for name in CharacterClass.values if name],
        "policy": policy(),
    }


@page(public=True)
def apply(request: HttpRequest) -> HttpResponse:
    """The application form, for people with and without an account."""
    user = me(request) if request.user.is_authenticated else None
    form = Form(request, "apply", initial=_draft_values(user) if user else {})
    if form.sent and (response := _apply(request, form)) is not None:
        return response
    refusal = form.error or _refusal(user)
    context = {
        **_form_context(form),
        "signed_in": user is not None,
        "refusal": None if form.error else refusal,
        "no_form": refusal is not None and refusal.code in ("already_member", "already_applied") and not form.error,
    }
    return render(request, "web/apply.html", context, status=form.status)


def _refusal(user: User | None) -> GuildhallError | None:
    """Why this person cannot apply now, so that nobody fills in a form for nothing."""
    try:
        refuse_to_apply(user)
    except GuildhallError as error:
        return error
    return None


def _draft_values(user: Any) -> dict[str, Any]:
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


def _apply(request: HttpRequest, form: Form) -> HttpResponse | None:
    user = me(request) if request.user.is_authenticated else None
    if user is not None:
        if form.typed.get("do") == "draft":
            return form.run(lambda: _keep_draft(user, form))
        return form.run(lambda: _send(request, form))
    try:
        # Without an account there is nobody to remember the form for: a second press finds the open application.
        done = _send(request, form)
    except GuildhallError as error:
        form.error = error
        return None
    messages.success(request, done.message)
    return HttpResponseRedirect(done.url)


def _keep_draft(user: Any, form: Form) -> Done:
    services.save_draft(user=user, **_typed(form))
    return go("apply", message="Kept. Nobody sees it until you send it.")


def _send(request: HttpRequest, form: Form) -> Done:
    user = me(request) if request.user.is_authenticated else None
    values = _typed(form)
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
    """One's own application by its private link, for somebody without an account."""
    token = request.GET.get("token", "") or request.session.get(LINK, "")
    application = find_by_token(token)
    claim, withdraw = Form(request, "claim"), Form(request, "withdraw")
    back = f"{reverse('web:follow')}?{urlencode({'token': token})}"
    if claim.sent and request.user.is_authenticated:
        user = me(request)

        def take() -> Done:
            services.claim_application(user=user, token=token)
            return go("application", application.pk, message="The application is tied to your account now.")

        if (response := claim.run(take)) is not None:
            return response
    if withdraw.sent:
        try:
            services.withdraw_by_link(token=token, reason=withdraw.text("reason"))
        except GuildhallError as error:
            withdraw.error = error
            application = find_by_token(token)
        else:
            messages.success(request, "Your application is withdrawn.")
            return HttpResponseRedirect(back)
    unclaimed = is_unclaimed(application)
    view = selectors.view_of(application, principal_of(request), tier=Tier.OWN)
    context = {
        "application": view,
        "status_words": STATUS_WORDS[view["status"]],
        "steps": selectors.steps_in_words(application, Tier.OWN),
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
    return render(request, "web/application_own.html", context, status=max(claim.status, withdraw.status))
