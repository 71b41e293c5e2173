"""Shapes of what comes in and, for the schema, of what goes out. No rule lives here."""

from __future__ import annotations

from typing import Any

from django.db.models import DecimalField
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from guildhall.core.api.fields import IdField, PlainDecimalField, PlainJSONField
from guildhall.core.api.idempotency import WithheldOutput
from guildhall.core.api.serializers import Serializer
from guildhall.recruitment.models import ApplicationComment, ApplicationQuestion, ApplicationVote, RecruitmentPolicy


class AnswerInput(Serializer):
    question_id = serializers.IntegerField()
    answer = PlainJSONField(allow_null=True)


class ApplicationInput(Serializer):
    """The PRD's fields (3.10.1). A draft (`draft: true`) needs an account and nothing else."""

    character_name = serializers.CharField(max_length=300, required=False, allow_blank=True)
    server = serializers.CharField(required=False, allow_blank=True)
    character_class = serializers.CharField(required=False, allow_blank=True)
    level = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=100_000)
    previous_guilds = serializers.CharField(required=False, allow_blank=True)
    availability = serializers.CharField(required=False, allow_blank=True)
    timezone = serializers.CharField(required=False, allow_blank=True)
    references = serializers.CharField(required=False, allow_blank=True)
    discord_username = serializers.CharField(required=False, allow_blank=True)
    email = serializers.CharField(required=False, allow_blank=True)
    answers = AnswerInput(many=True, required=False)


class NewApplicationInput(ApplicationInput):
    draft = serializers.BooleanField(required=False, default=False)


@extend_schema_field(
    {
        "nullable": True,
        "oneOf": [
            {"type": "string"},
            {"type": "integer"},
            {"type": "boolean"},
            {"type": "array", "items": {"type": "string"}},
        ],
        "description": "text, a number, yes or no, or the choices, by the question's kind",
    }
)
class AnswerField(serializers.JSONField):
    """An answer, by its question's kind."""


class GivenAnswer(Serializer):
    """An answer with its question as it was asked."""

    question_id = serializers.IntegerField()
    wording = serializers.CharField()
    kind = serializers.CharField()
    answer = AnswerField(allow_null=True)


class TallyOutput(Serializer):
    """All votes by choice, the counted ones by choice, and what follows from them."""

    passes = serializers.IntegerField()
    fails = serializers.IntegerField()
    recycles = serializers.IntegerField()
    counted_passes = serializers.IntegerField()
    counted_fails = serializers.IntegerField()
    counted_recycles = serializers.IntegerField()
    total = serializers.IntegerField()
    counted = serializers.IntegerField()
    decision = serializers.CharField()
    reason = serializers.CharField()


class VoteRulesOutput(Serializer):
    """The rules that a vote is judged by."""

    quorum = serializers.IntegerField()
    threshold_percent = serializers.DecimalField(max_digits=5, decimal_places=2)
    tie = serializers.CharField()
    minimum_attendance = serializers.DecimalField(max_digits=5, decimal_places=2)


class VoteResultOutput(Serializer):
    """A tally and the rules it was judged by."""

    tally = TallyOutput()
    rules = VoteRulesOutput()


class ApplicationOutput(Serializer):
    """An application as the caller may see it; fields beyond the caller's tier are absent."""

    id = serializers.IntegerField()
    character_name = serializers.CharField()
    server = serializers.CharField()
    character_class = serializers.CharField()
    level = serializers.IntegerField(allow_null=True)
    previous_guilds = serializers.CharField()
    availability = serializers.CharField()
    timezone = serializers.CharField()
    references = serializers.CharField()
    discord_username = serializers.CharField()
    answers = GivenAnswer(many=True)
    status = serializers.CharField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    trial_started_at = serializers.DateTimeField(allow_null=True)
    trial_ends_at = serializers.DateTimeField(allow_null=True)
    email = serializers.CharField(required=False)
    rejection_reason = serializers.CharField(required=False)
    user_id = serializers.IntegerField(required=False, allow_null=True)
    character_id = serializers.IntegerField(required=False, allow_null=True)
    voting_started_at = serializers.DateTimeField(required=False, allow_null=True)
    voting_ends_at = serializers.DateTimeField(required=False, allow_null=True)
    decision = serializers.CharField(required=False, allow_null=True)
    discord_id = serializers.CharField(required=False, allow_null=True)
    assigned_to = serializers.IntegerField(required=False, allow_null=True)
    assigned_to_name = serializers.CharField(required=False, allow_null=True)
    voting_round = serializers.IntegerField(required=False)
    decision_trace = VoteResultOutput(required=False, allow_null=True)


class CreatedApplication(ApplicationOutput):
    link_token = serializers.CharField(
        required=False, help_text="the private link's secret; shown in this answer alone"
    )
    withheld = WithheldOutput(required=False, help_text="only where the answer repeats one to the same Idempotency-Key")


class TrialInput(Serializer):
    days = serializers.IntegerField(required=False, allow_null=True, min_value=-1000, max_value=100_000)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)


class ReasonInput(Serializer):
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=5000)


class VotingInput(Serializer):
    hours = serializers.IntegerField(required=False, allow_null=True, min_value=-1000, max_value=100_000)


class VoteInput(Serializer):
    vote = serializers.ChoiceField(choices=ApplicationVote.Choice.choices)
    comment = serializers.CharField(required=False, allow_blank=True)


class OwnVoteOutput(Serializer):
    vote = serializers.CharField()
    comment = serializers.CharField()
    attendance_percentage = serializers.DecimalField(max_digits=5, decimal_places=2)
    is_counted = serializers.BooleanField()
    vote_changes = serializers.IntegerField()
    cast_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class VoterOutput(OwnVoteOutput):
    user_id = serializers.IntegerField()
    display_name = serializers.CharField()
    discord_id = serializers.CharField(allow_null=True)
    raids_attended = serializers.IntegerField()
    raids_held = serializers.IntegerField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)


_SUMMARY: dict[str, object] = {
    "pass": serializers.IntegerField(),  # a reserved word, so the class is made below
    "fail": serializers.IntegerField(),
    "recycle": serializers.IntegerField(),
    "total": serializers.IntegerField(),
    "counted": serializers.IntegerField(),
    "started_at": serializers.DateTimeField(allow_null=True),
    "ends_at": serializers.DateTimeField(allow_null=True),
    "status": serializers.ChoiceField(choices=["not_started", "open", "closed"]),
    "decision": serializers.CharField(allow_null=True),
}
VoteSummaryOutput = type("VoteSummaryOutput", (serializers.Serializer,), dict(_SUMMARY))
MemberVoteOutput = type("MemberVoteOutput", (VoteSummaryOutput,), {"my_vote": OwnVoteOutput(allow_null=True)})
OfficerVoteOutput = type(
    "OfficerVoteOutput",
    (VoteSummaryOutput,),
    {
        "voters": VoterOutput(many=True),
        "result": VoteResultOutput(),
        "decided_at": serializers.DateTimeField(allow_null=True),
    },
)


class VoteChangeOutput(Serializer):
    user_id = serializers.IntegerField()
    display_name = serializers.CharField()
    round = serializers.IntegerField()
    from_vote = serializers.CharField(allow_null=True)
    to_vote = serializers.CharField(allow_null=True)
    attendance_percentage = serializers.DecimalField(max_digits=5, decimal_places=2)
    at = serializers.DateTimeField()


class EligibilityOutput(Serializer):
    user_id = serializers.IntegerField()
    display_name = serializers.CharField()
    role_group = serializers.CharField()
    attendance_percentage = serializers.DecimalField(max_digits=5, decimal_places=2)
    raids_attended = serializers.IntegerField()
    raids_held = serializers.IntegerField()
    is_eligible = serializers.BooleanField()
    minimum = serializers.DecimalField(max_digits=5, decimal_places=2)
    days = serializers.IntegerField()


class CommentInput(Serializer):
    body = serializers.CharField(allow_blank=True)
    kind = serializers.ChoiceField(choices=ApplicationComment.Kind.choices, default="note")
    visible_to_applicant = serializers.BooleanField(default=False)


class CommentOutput(Serializer):
    id = serializers.IntegerField()
    author = serializers.CharField(allow_null=True)
    kind = serializers.CharField()
    body = serializers.CharField()
    visible_to_applicant = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class StepOutput(Serializer):
    to = serializers.CharField()
    at = serializers.DateTimeField()
    changed_by = serializers.CharField(required=False, allow_null=True)
    reason = serializers.CharField(required=False)

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.CharField(allow_blank=True), **super().get_fields()}


class AssignInput(Serializer):
    user_id = serializers.IntegerField(allow_null=True)


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class ChoicesField(PlainJSONField):
    """A question's choices; what is not a list of texts is refused by the service, in its words."""


class StatisticsOutput(Serializer):
    """Figures on recruitment."""

    total = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    by_class = serializers.DictField(child=serializers.IntegerField())
    by_month = serializers.DictField(child=serializers.IntegerField())
    decisions = serializers.DictField(child=serializers.IntegerField())
    approval_rate = serializers.FloatField(allow_null=True)
    average_days_to_decision = serializers.FloatField(allow_null=True)
    open = serializers.IntegerField()
    applicants_with_accounts = serializers.IntegerField()


class QuestionSerializer(serializers.ModelSerializer[ApplicationQuestion]):
    choices = ChoicesField(required=False)

    class Meta:
        model = ApplicationQuestion
        fields = ["id", "wording", "help_text", "kind", "choices", "required", "order", "is_active"]


class PolicySerializer(serializers.ModelSerializer[RecruitmentPolicy]):
    serializer_field_mapping = {**serializers.ModelSerializer.serializer_field_mapping, DecimalField: PlainDecimalField}
    serializer_related_field = IdField

    class Meta:
        model = RecruitmentPolicy
        exclude = ["id"]
        extra_kwargs = {name: {"required": False} for name in ("trial_rank", "member_rank", "intro")}


class PerformanceOutput(Serializer):
    days = serializers.IntegerField()
    days_left = serializers.IntegerField()
    attendance_percentage = serializers.DecimalField(max_digits=5, decimal_places=2)
    raids_attended = serializers.IntegerField()
    raids_held = serializers.IntegerField()
    guild_attendance_percentage = serializers.DecimalField(max_digits=5, decimal_places=2, allow_null=True)
    items_won = serializers.IntegerField()
