"""How the answers of `output.py` look, for the schema. A field there without one here fails `tests/contract/`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from guildhall.core.api.fields import PointsField
from guildhall.core.api.previews import ShownDigestField
from guildhall.core.api.serializers import Serializer
from guildhall.points.api.serializers import BidsAtRiskSerializer
from guildhall.raids.models import AttendanceStatus
from guildhall.raids.planning import Verdict

from .serializers import RaidSerializer, ShareSerializer, UnmatchedSerializer


class PoolAmountOutput(Serializer):
    """An amount in one pool."""

    dkp_pool_id = serializers.IntegerField()
    points = PointsField()


class NoticeOutput(Serializer):
    """Something to look at before going on."""

    code = serializers.CharField()
    detail = serializers.CharField()


class CreditOutput(Serializer):
    """Somebody who was there, with what they got."""

    character_name = serializers.CharField()
    user_id = serializers.IntegerField(allow_null=True)
    points = PointsField(help_text="in the event's first pool")
    status = serializers.CharField()
    amounts = PoolAmountOutput(many=True)
    attendance_id = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(allow_null=True, help_text="why they earned nothing, where they did not")


class RaisedOutput(CreditOutput):
    """Somebody who had been paid less, for another character of theirs or another status. `points` is what they have now."""

    difference = PoolAmountOutput(many=True, help_text="what was posted, by pool")
    instead_of = serializers.CharField(
        help_text="the character that had stood for them; the same where its status is better now"
    )


class AttendanceOutput(Serializer):
    """What an award did."""

    raid_id = serializers.IntegerField()
    check = serializers.IntegerField()
    awarded = CreditOutput(many=True)
    raised = RaisedOutput(many=True)
    already_present = CreditOutput(many=True)
    unmatched = UnmatchedSerializer(many=True)
    total = PointsField()
    is_repeat = serializers.BooleanField(help_text="the same upload was committed before; nothing was done")
    warnings = NoticeOutput(many=True)


class ResolvedOutput(AttendanceOutput):
    """What settling a name did."""

    resolved = UnmatchedSerializer()


class RaidReversedOutput(Serializer):
    """A raid that was undone, and the entries that did it."""

    raid = RaidSerializer()
    reversed_entries = serializers.IntegerField()
    entries = serializers.ListField(child=serializers.IntegerField())


class BlockOutput(Serializer):
    """One roster in an upload."""

    position = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]
    taken_at = serializers.DateTimeField(allow_null=True)
    zone = serializers.CharField(allow_null=True)
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    points = PointsField(allow_null=True)
    names = serializers.IntegerField()
    is_chosen = serializers.BooleanField()


class _RecognisedOutput(Serializer):
    """A name of an upload, and whom it is taken for."""

    character_name = serializers.CharField()
    character_class = serializers.CharField(allow_null=True)
    level = serializers.IntegerField(allow_null=True)
    guild = serializers.CharField(allow_null=True)
    flags = serializers.ListField(child=serializers.CharField())
    user_id = serializers.IntegerField(allow_null=True)
    match = serializers.ChoiceField(choices=["exact", "case", "alias", "fuzzy", "none"])
    suggestions = serializers.ListField(child=serializers.CharField())
    character_id = serializers.IntegerField(allow_null=True)
    matched_character = serializers.CharField(allow_null=True)


class PreviewEntryOutput(_RecognisedOutput):
    """A name with its verdict and what it would earn."""

    verdict = serializers.ChoiceField(choices=[verdict.value for verdict in Verdict])
    display_name = serializers.CharField(allow_null=True)
    status = serializers.CharField()
    points = PointsField()
    amounts = PoolAmountOutput(many=True)
    credited_through = serializers.CharField(allow_null=True)
    is_anonymous = serializers.BooleanField()


class PreviewTotalsOutput(Serializer):
    """How many names there are, also by verdict, and what would be paid in the event's first pool."""

    names = serializers.IntegerField()
    points = PointsField()

    def get_fields(self) -> dict[str, Any]:
        return {
            **super().get_fields(),
            **{verdict.value: serializers.IntegerField(required=False) for verdict in Verdict},
        }


class UnreadRowOutput(Serializer):
    """A row of a roster that could not be read. `decisions.rows` says who it is, by its `text`; `guess` is for a person to see."""

    line = serializers.IntegerField()
    text = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    guess = serializers.CharField(allow_blank=True)


class PreviewOutput(Serializer):
    """What committing an upload would do. Send `digest` with the award to carry out exactly that."""

    digest = ShownDigestField()
    raid_id = serializers.IntegerField()
    check = serializers.IntegerField()
    format = serializers.CharField()
    taken_at = serializers.DateTimeField(allow_null=True)
    is_outside_time = serializers.BooleanField()
    committed_before = serializers.DateTimeField(allow_null=True)
    warnings = NoticeOutput(many=True)
    ignored_lines = serializers.IntegerField()
    unread = UnreadRowOutput(many=True)
    blocks = BlockOutput(many=True)
    totals = PreviewTotalsOutput()
    entries = PreviewEntryOutput(many=True)


class ParsedEntryOutput(_RecognisedOutput):
    """A name of the latest roster."""

    title = serializers.CharField(allow_null=True)
    race = serializers.CharField(allow_null=True)
    zone = serializers.CharField(allow_null=True)
    group = serializers.IntegerField(allow_null=True)
    rank = serializers.CharField(allow_null=True)


class IgnoredLineOutput(Serializer):
    """A line that gave no entry."""

    line = serializers.IntegerField()
    text = serializers.CharField()
    reason = serializers.CharField()
    detail = serializers.CharField()


class ParsedOutput(Serializer):
    """The latest roster of a text or a file, and what else was in it."""

    format = serializers.CharField()
    taken_at = serializers.DateTimeField(allow_null=True)
    entries = ParsedEntryOutput(many=True)
    ignored_lines = serializers.IntegerField()
    unread = UnreadRowOutput(many=True)
    ignored_reasons = serializers.DictField(child=serializers.IntegerField())
    ignored_samples = IgnoredLineOutput(many=True)
    warnings = NoticeOutput(many=True)
    blocks = BlockOutput(many=True)


class AmendmentChangeOutput(Serializer):
    """One person's part of an amendment."""

    what = serializers.ChoiceField(choices=["added", "removed", "changed", "unmatched"])
    character_name = serializers.CharField()
    user_id = serializers.IntegerField(allow_null=True)
    status_before = serializers.CharField(allow_null=True)
    status_after = serializers.CharField(allow_null=True)
    before = PoolAmountOutput(many=True)
    after = PoolAmountOutput(many=True)
    difference = PoolAmountOutput(many=True)


class AmendmentOutput(Serializer):
    """What an amendment did, or (`preview`) would do; `digest` is there with a preview, and null else."""

    digest = ShownDigestField(allow_null=True)
    raid_id = serializers.IntegerField()
    check = serializers.IntegerField()
    preview = serializers.BooleanField()
    changes = AmendmentChangeOutput(many=True)
    unchanged = serializers.IntegerField()
    total_difference = PoolAmountOutput(many=True)
    unmatched = UnmatchedSerializer(many=True)
    bids_at_risk = BidsAtRiskSerializer(help_text="of a preview")


class ExplainedRaidOutput(Serializer):
    """One raid of somebody's percentage."""

    raid_id = serializers.IntegerField()
    name = serializers.CharField()
    event = serializers.CharField()
    started_at = serializers.DateTimeField()
    attended = serializers.BooleanField()
    counts = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True, help_text="why it does not count")
    characters = serializers.ListField(child=serializers.CharField())
    statuses = serializers.ListField(child=serializers.CharField())


class ExplanationOutput(Serializer):
    """Why somebody's attendance is what it is."""

    user_id = serializers.IntegerField()
    display_name = serializers.CharField(allow_null=True)
    attended = serializers.IntegerField()
    held = serializers.IntegerField()
    percentage = serializers.DecimalField(max_digits=5, decimal_places=2)
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField()
    joined_at = serializers.DateTimeField(allow_null=True)
    raids = ExplainedRaidOutput(many=True)


class EverywhereOutput(Serializer):
    """The percentage of the points that each status earns where no pool has its own."""

    def get_fields(self) -> dict[str, Any]:
        return {status: serializers.DecimalField(max_digits=5, decimal_places=2) for status in AttendanceStatus.values}


@extend_schema_serializer(many=False)
class SharesOutput(Serializer):
    """What counts everywhere for each status, and the shares that somebody set."""

    everywhere = EverywhereOutput()
    shares = ShareSerializer(many=True)
