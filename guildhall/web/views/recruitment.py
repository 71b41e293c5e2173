"""Applying, reviewing, voting. What a page shows of a vote is what `recruitment.selectors` gives the person's tier."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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
from guildhall.core.errors import BadInput, GuildhallError, NotFound
from guildhall.recruitment import selectors, services
from guildhall.recruitment.models import (
    STATUS_WORDS,
    STEP_WORDS,
    Application,
    ApplicationComment,
    ApplicationQuestion,
    ApplicationVote,
)
from guildhall.recruitment.selectors import Tier
from guildhall.recruitment.services.applying import (
    REQUIRED,
    find_by_token,
    is_unclaimed,
    may_apply_again_at,
    refuse_to_apply,
)
from guildhall.recruitment.services.transitions import CLOSED, OPEN, policy, rules_of
from guildhall.roster.models import CharacterClass
from guildhall.roster.selectors import find_person
from guildhall.web.pages import Done, Form, go, me, page, paginate, rows_of

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
        "steps": _steps(application, Tier.OWN),
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


@page("recruitment:read")
def recruitment(request: HttpRequest) -> HttpResponse:
    """For members what is being voted on and who is on trial; for recruiters the queue as well; for the rest their own."""
    who = principal_of(request)
    tier = selectors.tier_of(who)
    context: dict[str, Any] = {"tier": tier.name.lower(), "now": clock.now(), "policy": policy()}
    user = me(request)
    mine = list(selectors.own_applications(user))
    context["mine"] = [
        {**selectors.view_of(row, who), "pk": row.pk, "words": STATUS_WORDS[row.public_status]} for row in mine
    ]
    context["has_open"] = any(row.status in (*OPEN, Application.Status.DRAFT) for row in mine)
    if tier >= Tier.MEMBER:
        voted = selectors.votes_of(user)
        context["votes"] = [(row, voted.get((row.pk, row.voting_round))) for row in selectors.votes_running(who)]
        context["trials"] = list(selectors.on_trial(who))
    if tier == Tier.RECRUITER:
        context["pending"] = list(selectors.pending(who))
        wanted = request.GET.get("status", "")
        everything = selectors.of_others(who)
        if wanted in Application.Status.values:
            everything = selectors.with_status(who, everything, wanted)
        listing = paginate(request, everything)
        context |= {"page": listing, "all": rows_of(listing), "statuses": _statuses(), "wanted": wanted}
        context["statistics"] = selectors.statistics(who=who)
    return render(request, "web/recruitment.html", context)


def _statuses() -> list[tuple[str, str]]:
    return [(value, words) for value, words in STATUS_WORDS.items() if value != Application.Status.DRAFT]


@page("recruitment:read")
def application(request: HttpRequest, application_id: int) -> HttpResponse:
    """One application: the applicant's own view, the voter's, or the recruiter's."""
    who = principal_of(request)
    found = selectors.get_application(who, application_id)
    tier = selectors.tier_of(who, found)
    if tier == Tier.OWN:
        return _own(request, found)
    forms = {name: Form(request, name) for name in _ACTIONS}
    for name, form in forms.items():
        if form.sent and (response := form.run(_action(request, name, found, form, tier))) is not None:
            return response
    return _shown(request, found, tier, forms)


def _steps(found: Application, tier: Tier) -> list[dict[str, Any]]:
    return [{**step, "words": STEP_WORDS.get(step["to"], step["to"])} for step in selectors.steps_of(found, tier)]


def _own(request: HttpRequest, found: Application) -> HttpResponse:
    form = Form(request, "withdraw")
    if form.sent:

        def take_back() -> Done:
            services.withdraw(application=found, actor=me(request), reason=form.text("reason"))
            draft = found.status == Application.Status.DRAFT
            return go("recruitment", message="The draft is gone." if draft else "Your application is withdrawn.")

        if (response := form.run(take_back)) is not None:
            return response
    view = selectors.view_of(found, principal_of(request))
    context = {
        "application": view,
        "status_words": STATUS_WORDS[view["status"]],
        "steps": _steps(found, Tier.OWN),
        "now": clock.now(),
        "comments": selectors.comments_for(found, Tier.OWN),
        "withdraw": form,
        "may_apply_at": may_apply_again_at(found),
        "can_withdraw": view["status"] not in CLOSED,
    }
    return render(request, "web/application_own.html", context, status=form.status)


def _shown(request: HttpRequest, found: Application, tier: Tier, forms: dict[str, Form]) -> HttpResponse:
    who = principal_of(request)
    rules = rules_of(found)
    context: dict[str, Any] = {
        "application": selectors.view_of(found, who),
        "found": found,
        "tier": tier.name.lower(),
        "forms": forms,
        "steps": _steps(found, tier),
        "policy": policy(),
        "rules": rules,
        "choices": ApplicationVote.Choice.values,
        "decision": Application.Decision(found.decision).label if found.decision else "",
        "closed": found.status in CLOSED,
        "has_vote": found.voting_round > 0,
        "may_vote": selectors.may_vote_on(found, me(request)),
        "now": clock.now(),
    }
    if found.voting_round:
        context["summary"] = selectors.vote_summary(found)
        context["my_vote"] = selectors.own_vote(found, me(request))
    if tier == Tier.RECRUITER:
        context |= {
            "officer": selectors.officer_view(found) if found.voting_round else None,
            "undecided": found.decision == Application.Decision.NO_QUORUM and found.status == "voting_complete",
            "comments": selectors.comments_for(found, tier),
            "earlier": selectors.earlier_applications(found, who),
            "performance": selectors.trial_performance(found),
            "recruiters": selectors.recruiters(),
            "kinds": ApplicationComment.Kind.choices,
        }
    status = max(form.status for form in forms.values())
    return render(request, "web/application.html", context, status=status)


@page("recruitment:read")
def votes(request: HttpRequest, application_id: int) -> HttpResponse:
    """For recruiters: who may vote on an application, whose vote would count now, and every change of a vote."""
    who = principal_of(request)
    selectors.demand(who, Tier.RECRUITER)
    found = selectors.get_application(who, application_id)
    selectors.demand(who, Tier.RECRUITER, found)
    cast = {row["user_id"]: row for row in selectors.voters(found)} if found.voting_round else {}
    people = [{**row, "cast": cast.get(row["user_id"])} for row in selectors.eligibility(found)]
    context = {
        "found": found,
        "people": people,
        "eligible": sum(row["is_eligible"] for row in people),
        "changes": selectors.vote_changes(found),
        "minimum": rules_of(found).minimum_attendance,
    }
    return render(request, "web/application_votes.html", context)


def _vote(request: HttpRequest, found: Application, form: Form) -> str:
    services.cast_vote(application=found, voter=me(request), vote=form.text("vote"), comment=form.text("comment"))
    return "Your vote is in. You may change it until the vote ends."


def _unvote(request: HttpRequest, found: Application, form: Form) -> str:
    services.withdraw_vote(application=found, voter=me(request))
    return "Your vote is taken back."


def _trial(request: HttpRequest, found: Application, form: Form) -> str:
    days = form.number("days", what="days")
    services.accept_trial(application=found, actor=me(request), days=days, reason=form.text("reason"))
    return f"{found.character_name} is on trial."


def _reject(request: HttpRequest, found: Application, form: Form) -> str:
    services.reject(application=found, actor=me(request), reason=form.text("reason"))
    return "The application is rejected, and the applicant is told."


def _start(request: HttpRequest, found: Application, form: Form) -> str:
    services.start_voting(application=found, actor=me(request), hours=form.number("hours", what="hours"))
    return "The vote is open."


def _promote(request: HttpRequest, found: Application, form: Form) -> str:
    services.promote_trial(application=found, actor=me(request), reason=form.text("reason"))
    return f"{found.character_name} is a full member."


def _assign(request: HttpRequest, found: Application, form: Form) -> str:
    number = form.number("user_id", what="a recruiter")
    recruiter = find_person(user_id=number) if number else None
    services.assign(application=found, recruiter=recruiter, actor=me(request))
    return f"Assigned to {recruiter}." if recruiter else "Assigned to nobody."


def _withdraw(request: HttpRequest, found: Application, form: Form) -> str:
    services.withdraw(application=found, actor=me(request), reason=form.text("reason"))
    return f"{found.character_name}'s application is withdrawn, and the applicant is told."


def _comment(request: HttpRequest, found: Application, form: Form) -> str:
    services.add_comment(
        application=found,
        author=me(request),
        body=form.text("body"),
        kind=form.text("kind") or "note",
        visible_to_applicant=form.flag("visible_to_applicant"),
    )
    return "Noted."


_ACTIONS: dict[str, tuple[Tier, Callable[[HttpRequest, Application, Form], str]]] = {
    "vote": (Tier.MEMBER, _vote),
    "unvote": (Tier.MEMBER, _unvote),
    "trial": (Tier.RECRUITER, _trial),
    "reject": (Tier.RECRUITER, _reject),
    "start": (Tier.RECRUITER, _start),
    "promote": (Tier.RECRUITER, _promote),
    "withdraw": (Tier.RECRUITER, _withdraw),
    "assign": (Tier.RECRUITER, _assign),
    "comment": (Tier.RECRUITER, _comment),
}


def _action(request: HttpRequest, name: str, found: Application, form: Form, tier: Tier) -> Callable[[], Done]:
    least, act = _ACTIONS[name]

    def do() -> Done:
        if tier < least:
            raise NotFound("There is nothing like that here.")
        return go("application", found.pk, message=act(request, found, form))

    return do
