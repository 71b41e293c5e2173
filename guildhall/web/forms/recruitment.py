"""Forms about recruitment: applying, reviewing, voting."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput
from guildhall.core.form_fields import ChoiceField, FlagField, NumberField, RowField, TextField, text_of
from guildhall.core.validators import validate_no_control_characters
from guildhall.recruitment import selectors
from guildhall.recruitment.models import Application, ApplicationComment, ApplicationQuestion, ApplicationVote
from guildhall.recruitment.services.answers import (
    REQUIRED,
    ApplicationValues,
    clean_values,
    missing_fields,
    read_answer,
)
from guildhall.roster.models import CharacterClass
from guildhall.web.forms.base import ButtonForm, PageForm

LONGEST_REASON = 1000
CHANGED = (
    "While you were writing, a question was changed: “{}” Please look at your answer to it, and send the form again."
)


def stamp(question: ApplicationQuestion) -> str:
    """Return what changes when a question is asked differently."""
    asked = [question.wording, question.help_text, question.kind, *question.choices]
    return hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16]


class AnswerField(forms.Field):
    """The answer to a question of the questionnaire, checked as the service checks it. Cleaned it is what was sent."""

    def __init__(self, question: ApplicationQuestion) -> None:
        kinds = ApplicationQuestion.Kind
        widget: forms.Widget
        if question.kind == kinds.LONG:
            widget = forms.Textarea(attrs={"rows": 3})
        elif question.kind == kinds.YES_NO:
            widget = forms.RadioSelect(choices=[("yes", "yes"), ("no", "no")])
        elif question.kind == kinds.CHOICE:
            widget = forms.RadioSelect(choices=[(choice, choice) for choice in question.choices])
        elif question.kind == kinds.MULTIPLE:
            widget = forms.CheckboxSelectMultiple(choices=[(choice, choice) for choice in question.choices])
        else:
            widget = forms.TextInput(attrs={"inputmode": "numeric"} if question.kind == kinds.NUMBER else {})
        label = f"{question.wording} (please answer)" if question.required else question.wording
        super().__init__(label=label, required=False, widget=widget, help_text=question.help_text)
        self.question = question
        self.several = question.kind == kinds.MULTIPLE

    def clean(self, value: Any) -> object:
        given: Any = [one for one in value or () if one] if self.several else str(value or "").strip()
        for text in given if self.several else [given]:
            validate_no_control_characters(text)
        try:
            read_answer(self.question, given)
        except BadInput as error:
            raise ValidationError(error.detail, code=error.code) from error
        return given


FIELDS = (
    "character_name", "server", "character_class", "level", "previous_guilds", "availability", "timezone",
    "references", "discord_username", "email",
)  # fmt: skip


class ApplyForm(PageForm):
    """The application. As a draft nothing is required; what a sent one needs, the service says."""

    character_name = text_of(Application, "character_name", "Character name")
    server = text_of(Application, "server", "Server")
    character_class = ChoiceField(
        "Class", required=False, choices=[("", "choose"), *((name, name) for name in CharacterClass.values if name)]
    )
    level = TextField("Level", max_length=10, widget=forms.TextInput(attrs={"inputmode": "numeric"}))
    discord_username = text_of(Application, "discord_username", "Discord username")
    email = text_of(
        Application, "email", "E-mail (we write to you there)", widget=forms.TextInput(attrs={"type": "email"})
    )
    timezone = text_of(Application, "timezone", "Time zone (by a large city)")
    availability = TextField("When can you raid?", rows=2)
    previous_guilds = TextField("Guilds you were in", rows=3)
    references = TextField("Who here knows you?", rows=2)

    def prepare(self) -> None:
        for name in REQUIRED:
            self.fields[name].widget.attrs["aria-required"] = "true"
        self.questions = {row.pk: row for row in selectors.questions()}
        for pk, row in self.questions.items():
            self.fields[f"q{pk}"] = AnswerField(row)
            given = self.initial.get(f"q{pk}", [])
            self.initial[f"q{pk}"] = given if row.kind == "multiple" else next(iter(given), "")

    @property
    def is_draft(self) -> bool:
        """Return whether the button that keeps a draft was pressed."""
        return self.hidden("do") == "draft"

    def clean(self) -> dict[str, object]:
        """Refuse what a question was answered to that is asked differently now, and what a sent application lacks."""
        given = super().clean() or {}
        for pk, row in self.questions.items():
            if (self.hidden(f"asked{pk}") or stamp(row)) != stamp(row):
                self.add_error(f"q{pk}", ValidationError(CHANGED.format(row.wording), code="question_changed"))
        if not self.is_draft:
            self._refuse_missing(given)
        # What the service would refuse one by one is told together with the rest.
        faults: list[BadInput] = []
        clean_values(cast(ApplicationValues, {name: given[name] for name in FIELDS if given.get(name)}), faults)
        for fault in faults:
            if fault.attr in self.fields and fault.attr not in self.errors:
                self.add_error(fault.attr, ValidationError(fault.detail, code=fault.code))
        return given

    def _refuse_missing(self, given: Mapping[str, object]) -> None:
        user = self.request.user if isinstance(self.request.user, User) else None
        for fault in missing_fields(given, user):
            if fault.attr not in self.errors:
                self.add_error(fault.attr, ValidationError(fault.detail, code=fault.code))
        for pk, row in self.questions.items():
            if row.required and not given.get(f"q{pk}") and f"q{pk}" not in self.errors:
                self.add_error(f"q{pk}", ValidationError(f"Please answer: {row.wording}", code="required"))

    def values(self) -> dict[str, Any]:
        """Return what the services take, with an answer for every question that the form showed."""
        given = dict(self.cleaned_data)
        answers = [{"question_id": pk, "answer": given.pop(f"q{pk}")} for pk in self.questions]
        return {**given, "answers": answers}

    def shown_questions(self) -> list[dict[str, object]]:
        """Return the questions as the page writes them, each with its stamp and the wording of a draft's answer."""
        return [
            {
                "row": row,
                "field": f"q{pk}",
                "name": f"asked{pk}",
                "stamp": stamp(row),
                "was": self.initial.get(f"was{pk}", row.wording),
            }
            for pk, row in self.questions.items()
        ]


class WithdrawForm(PageForm):
    """Withdrawing an application."""

    reason = TextField("Why (if you like to say)", max_length=300)


class VoteForm(PageForm):
    """A vote."""

    vote = ChoiceField("Vote", choices=ApplicationVote.Choice.choices, required="Press one of the buttons.")
    comment = text_of(ApplicationVote, "comment", "A word for the recruiters (if you like)", rows=2)


class TrialForm(PageForm):
    """Taking an applicant on trial."""

    days = NumberField("Days of trial", least=None)
    reason = TextField("Why", max_length=LONGEST_REASON)


class StartForm(PageForm):
    """Opening a vote."""

    hours = NumberField("Hours of voting", least=None)


class RejectForm(PageForm):
    """Rejecting an application, or making a member of an applicant."""

    reason = TextField("Reason (the applicant reads it)", max_length=LONGEST_REASON)


class MistakeForm(PageForm):
    """Calling a vote off, or opening an application again."""

    reason = TextField("Why (kept on the record; the applicant does not read it)", max_length=LONGEST_REASON)


class AssignForm(PageForm):
    """Who deals with an application."""

    user_id = RowField("Assigned to", required=False, empty="nobody")

    def prepare(self) -> None:
        cast(RowField, self.fields["user_id"]).set_rows(selectors.recruiters())


class CommentForm(PageForm):
    """A note about an application."""

    body = text_of(ApplicationComment, "body", "Note", required="Write the note.", rows=2)
    kind = ChoiceField(
        "Kind",
        required=False,
        choices=[(value, str(label).lower()) for value, label in ApplicationComment.Kind.choices],
    )
    visible_to_applicant = FlagField("the applicant may see it")


ACTIONS: dict[str, type[PageForm]] = {
    "vote": VoteForm,
    "unvote": ButtonForm,
    "trial": TrialForm,
    "reject": RejectForm,
    "start": StartForm,
    "cancel": MistakeForm,
    "reopen": MistakeForm,
    "promote": RejectForm,
    "withdraw": WithdrawForm,
    "assign": AssignForm,
    "comment": CommentForm,
}
