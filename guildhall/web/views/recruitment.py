"""Reviewing and voting. What a page shows of a vote is what `recruitment.selectors` gives the person's tier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.core import clock
from guildhall.core.errors import NotFound
from guildhall.recruitment import selectors, services
from guildhall.recruitment.models import STATUS_WORDS, Application, ApplicationComment, ApplicationVote
from guildhall.recruitment.selectors import Tier
from guildhall.recruitment.services.admission import may_apply_again_at
from guildhall.recruitment.services.transitions import CLOSED, OPEN, policy, rules_of
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.recruitment import ACTIONS, WithdrawForm
from guildhall.web.pages import Done, go, me, page, paginate, rows_of


@page("recruitment:read")
def recruitment(request: HttpRequest) -> HttpResponse:
    """Show members what is being voted on and who is on trial, recruiters the queue as well, others their own
    applications."""
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
    """Return one application: the applicant's own view, the voter's, or the recruiter's."""
    who = principal_of(request)
    found = selectors.get_application(who, application_id)
    tier = selectors.tier_of(who, found)
    if tier == Tier.OWN:
        return _own(request, found)
    forms = {name: ACTIONS[name](request, name) for name in _ACTIONS}
    for name, form in forms.items():
        if form.sent and (response := form.run(_action(request, name, found, form, tier))) is not None:
            return response
    return _shown(request, found, tier, forms)


def _own(request: HttpRequest, found: Application) -> HttpResponse:
    form = WithdrawForm(request, "withdraw")
    if form.sent:

        def take_back() -> Done:
            services.withdraw(application=found, actor=me(request), reason=form.cleaned_data["reason"])
            draft = found.status == Application.Status.DRAFT
            return go("recruitment", message="The draft is gone." if draft else "Your application is withdrawn.")

        if (response := form.run(take_back)) is not None:
            return response
    view = selectors.view_of(found, principal_of(request))
    context = {
        "application": view,
        "status_words": STATUS_WORDS[view["status"]],
        "steps": selectors.describe_steps(found, Tier.OWN),
        "now": clock.now(),
        "comments": selectors.comments_for(found, Tier.OWN),
        "withdraw": form,
        "may_apply_at": may_apply_again_at(found),
        "can_withdraw": view["status"] not in CLOSED,
    }
    return render(request, "web/application_own.html", context, status=form.http_status)


def _shown(request: HttpRequest, found: Application, tier: Tier, forms: dict[str, PageForm]) -> HttpResponse:
    who = principal_of(request)
    rules = rules_of(found)
    context: dict[str, Any] = {
        "application": selectors.view_of(found, who),
        "found": found,
        "tier": tier.name.lower(),
        "forms": forms,
        "steps": selectors.describe_steps(found, tier),
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
        context["my_vote"] = own = selectors.own_vote(found, me(request))
        forms["vote"].initial["comment"] = own["comment"] if own else ""
    if tier == Tier.RECRUITER:
        context |= {
            "can_reopen": found.status in (Application.Status.REJECTED, Application.Status.WITHDRAWN),
            "officer": selectors.officer_view(found) if found.voting_round else None,
            "undecided": found.decision == Application.Decision.NO_QUORUM and found.status == "voting_complete",
            "comments": selectors.comments_for(found, tier),
            "earlier": selectors.earlier_applications(found, who),
            "performance": selectors.trial_performance(found),
        }
        forms["assign"].initial["user_id"] = found.assigned_to_id
    status = max(form.http_status for form in forms.values())
    return render(request, "web/application.html", context, status=status)


@page("recruitment:read")
def votes(request: HttpRequest, application_id: int) -> HttpResponse:
    """Show recruiters who may vote on an application, whose vote would count now, and every change of a vote."""
    who = principal_of(request)
    selectors.require(who, Tier.RECRUITER)
    found = selectors.get_application(who, application_id)
    selectors.require(who, Tier.RECRUITER, found)
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


def _vote(request: HttpRequest, found: Application, form: PageForm) -> str:
    services.cast_vote(application=found, voter=me(request), **form.cleaned_data)
    return "Your vote is in. You may change it until the vote ends."


def _unvote(request: HttpRequest, found: Application, form: PageForm) -> str:
    services.withdraw_vote(application=found, voter=me(request))
    return "Your vote is withdrawn."


def _trial(request: HttpRequest, found: Application, form: PageForm) -> str:
    services.accept_trial(application=found, actor=me(request), **form.cleaned_data)
    return f"{found.character_name} is on trial."


def _reject(request: HttpRequest, found: Application, form: PageForm) -> str:
    services.reject(application=found, actor=me(request), reason=form.cleaned_data["reason"])
    return "The application is rejected, and the applicant is told."


def _start(request: HttpRequest, found: Application, form: PageForm) -> str:
    services.start_voting(application=found, actor=me(request), hours=form.cleaned_data["hours"])
    return "The vote is open."


def _cancel(request: HttpRequest, found: Application, form: PageForm) -> str:
    services.cancel_voting(application=found, actor=me(request), reason=form.cleaned_data["reason"])
    return "The vote is called off. What was cast stays on the record and counts for nothing."


def _reopen(request: HttpRequest, found: Application, form: PageForm) -> str:
    services.reopen(application=found, actor=me(request), reason=form.cleaned_data["reason"])
    return "The application is open again, and the applicant is told that we look at it once more."


def _promote(request: HttpRequest, found: Application, form: PageForm) -> str:
    services.promote_trial(application=found, actor=me(request), reason=form.cleaned_data["reason"])
    return f"{found.character_name} is a full member."


def _assign(request: HttpRequest, found: Application, form: PageForm) -> str:
    recruiter = form.cleaned_data["user_id"]
    services.assign(application=found, recruiter=recruiter, actor=me(request))
    return f"Assigned to {recruiter}." if recruiter else "Assigned to nobody."


def _withdraw(request: HttpRequest, found: Application, form: PageForm) -> str:
    services.withdraw(application=found, actor=me(request), reason=form.cleaned_data["reason"])
    return f"{found.character_name}'s application is withdrawn, and the applicant is told."


def _comment(request: HttpRequest, found: Application, form: PageForm) -> str:
    services.add_comment(
        application=found,
        author=me(request),
        body=form.cleaned_data["body"],
        kind=form.cleaned_data["kind"] or ApplicationComment.Kind.NOTE,
        visible_to_applicant=form.cleaned_data["visible_to_applicant"],
    )
    return "Noted."


_ACTIONS: dict[str, tuple[Tier, Callable[[HttpRequest, Application, PageForm], str]]] = {
    "vote": (Tier.MEMBER, _vote),
    "unvote": (Tier.MEMBER, _unvote),
    "trial": (Tier.RECRUITER, _trial),
    "reject": (Tier.RECRUITER, _reject),
    "start": (Tier.RECRUITER, _start),
    "cancel": (Tier.RECRUITER, _cancel),
    "reopen": (Tier.RECRUITER, _reopen),
    "promote": (Tier.RECRUITER, _promote),
    "withdraw": (Tier.RECRUITER, _withdraw),
    "assign": (Tier.RECRUITER, _assign),
    "comment": (Tier.RECRUITER, _comment),
}


def _action(request: HttpRequest, name: str, found: Application, form: PageForm, tier: Tier) -> Callable[[], Done]:
    least, act = _ACTIONS[name]

    def do() -> Done:
        if tier < least:
            raise NotFound("There is no such action on this page.")
        return go("application", found.pk, message=act(request, found, form))

    return do
