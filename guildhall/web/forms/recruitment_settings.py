"""Forms about how the guild recruits: its policy, and the questions it asks."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from guildhall.core.form_fields import (
    ChoiceField,
    FlagField,
    NumberField,
    PointsField,
    RowField,
    TextField,
    text_of,
)
from guildhall.recruitment.models import MOST_HOURS, ApplicationQuestion, RecruitmentPolicy
from guildhall.recruitment.services.reviewing import LONGEST_CHOICE, MOST_CHOICES, QuestionValues
from guildhall.roster.selectors import ranks
from guildhall.web.forms.base import PageForm

MOST_SMALL = 32_767
LONGEST_INTRO = 5000


def _days(label: str, *, least: int = 0, most: int = 365, hint: str = "") -> NumberField:
    return NumberField(label, required="Say how many days.", least=least, most=most, help_text=hint)


def _percent(label: str, hint: str) -> PointsField:
    return PointsField(label, required="Say the percentage.", minimum=Decimal(0), help_text=hint)


class RecruitmentPolicyForm(PageForm):
    """How the guild recruits."""

    is_open = FlagField("We take applications")
    intro = TextField("Said above the application form", rows=4, max_length=LONGEST_INTRO)
    trial_days = _days("A trial lasts, days", least=1)
    trial_reminder_days = _days("Recruiters are reminded before its end, days")
    trial_end = ChoiceField("When it is over", choices=RecruitmentPolicy.TrialEnd.choices)
    trial_rank = RowField("Rank on trial", required=False, empty="none")
    member_rank = RowField("Rank of a new member", required=False, empty="none")
    voting_hours = NumberField("A vote is open, hours", required="Say how many hours.", least=1, most=MOST_HOURS)
    minimum_attendance = _percent("Attendance needed to vote, per cent", "of the last 30 days")
    quorum = NumberField("Votes needed for a decision", required="Say how many votes.", most=MOST_SMALL)
    threshold_percent = _percent("Passed with more than, per cent", "of the counted votes for and against")
    tie = ChoiceField("As many for as against", choices=RecruitmentPolicy.Tie.choices)
    recycle_days = _days("A recycled trial goes on, days", least=1)
    cooldown_days = _days("Whoever was rejected may apply again after, days", most=3650)
    most_a_day = NumberField("Applications a day, altogether", required="Say how many.", most=MOST_SMALL)
    most_a_day_from_one = NumberField("… from one address", required="Say how many.", most=MOST_SMALL)

    def prepare(self) -> None:
        for name in ("trial_rank", "member_rank"):
            cast(RowField, self.fields[name]).set_rows(ranks())


class QuestionForm(PageForm):
    """A question that applicants are asked."""

    blames = {"choices": "choices_text"}

    wording = text_of(ApplicationQuestion, "wording", "Question", required="Write the question.")
    help_text = text_of(ApplicationQuestion, "help_text", "Said below it")
    kind = ChoiceField("The answer is", choices=ApplicationQuestion.Kind.choices, initial=ApplicationQuestion.Kind.LONG)
    choices_text = TextField(
        "To choose from, one a line", log=True, rows=4, max_length=MOST_CHOICES * (LONGEST_CHOICE + 2)
    )
    order = NumberField("Place in the order", required="Say the place, such as 10.", most=MOST_SMALL, initial=10)
    must = FlagField("must be answered")
    is_active = FlagField("is asked", initial=True)

    def values(self) -> QuestionValues:
        """Return what the service takes."""
        given = self.cleaned_data
        return {
            "wording": given["wording"],
            "help_text": given["help_text"],
            "kind": given["kind"],
            "order": given["order"],
            "choices": [line.strip() for line in given["choices_text"].splitlines() if line.strip()],
            "required": given["must"],
            "is_active": given["is_active"],
        }


def question_initial(question: ApplicationQuestion) -> dict[str, object]:
    """Return what the form of a question begins with."""
    return {
        **{name: getattr(question, name) for name in ("wording", "help_text", "kind", "order", "is_active")},
        "choices_text": "\n".join(question.choices),
        "must": question.required,
    }
