"""How the guild recruits: the policy that officers set, and the questions that recruiters ask."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.permissions import principal_of
from guildhall.core.errors import NotFound
from guildhall.core.model_updates import field_names
from guildhall.core.versions import row_version
from guildhall.recruitment import selectors, services
from guildhall.recruitment.models import ApplicationQuestion
from guildhall.recruitment.services.reviewing import QuestionValues
from guildhall.recruitment.services.transitions import policy
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.recruitment_settings import QuestionForm, RecruitmentPolicyForm, question_initial
from guildhall.web.pages import Done, go, me, page, recruiters

STEP = 10


@page("recruitment:write", may=recruiters)
def settings(request: HttpRequest) -> HttpResponse:
    """Return the questionnaire with a form for one more question, and for officers the policy."""
    current, may_edit = policy(), selectors.may_edit_policy(principal_of(request))
    initial = {name: getattr(current, name) for name in RecruitmentPolicyForm.base_fields}
    change = RecruitmentPolicyForm(request, "policy", initial=initial, version=row_version(current, initial))
    asked = list(selectors.all_questions())
    order = max((one.order for one in asked), default=0) + STEP
    add = QuestionForm(request, "question", initial={"order": order})

    def store() -> Done:
        selectors.require_policy_maker(principal_of(request))
        services.edit_policy(actor=me(request), version=change.seen_version, **change.cleaned_data)
        return go("recruitment-settings", message="Stored. Votes that are open go on as they began.")

    def make() -> Done:
        services.save_question(actor=me(request), **add.values())
        return go("recruitment-settings", message="The question is asked from now on.", fragment="questions")

    actions: list[tuple[PageForm, Callable[[], Done]]] = [(change, store), (add, make)]
    for form, action in actions:
        if form.sent and (response := form.run(action)) is not None:
            return response
    context = {"change": change, "add": add, "questions": asked, "may_edit": may_edit, "policy": current}
    status = max(form.http_status for form, _ in actions)
    return render(request, "web/recruitment_settings.html", context, status=status)


@page("recruitment:write", may=recruiters)
def question(request: HttpRequest, question_id: int) -> HttpResponse:
    """Change a question, or stop asking it. Answers that were given keep the words they answered."""
    found = ApplicationQuestion.objects.filter(pk=question_id).first()
    if found is None:
        raise NotFound("There is no such question.", code="unknown_question")
    version = row_version(found, field_names(QuestionValues))
    form = QuestionForm(request, "question", initial=question_initial(found), version=version)

    def act() -> Done:
        services.save_question(question=found, actor=me(request), version=form.seen_version, **form.values())
        return go("recruitment-settings", message="The question is changed.", fragment="questions")

    if form.sent and (response := form.run(act)) is not None:
        return response
    context = {"form": form, "question": found}
    return render(request, "web/question.html", context, status=form.http_status)
