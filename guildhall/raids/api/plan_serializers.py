"""Shapes of plans and of how far a raid is."""

from __future__ import annotations

from rest_framework import serializers

from guildhall.core.api.fields import IdField, PointsField
from guildhall.core.api.serializers import Serializer
from guildhall.raids.models import AttendanceCheck, Event, EventBoss, PlannedCheck, RaidBoss
from guildhall.raids.plan_models import MOST_MINUTES
from guildhall.raids.services.plan import MOST_LOOT

from .calendar_serializers import SignupSerializer


class PlannedCheckSerializer(serializers.ModelSerializer[PlannedCheck]):
    """One line of an event's plan. `offset_minutes` counts from the start, of ``end`` back from the end; empty points are the
    event's worth."""

    offset_minutes = serializers.IntegerField(required=False, min_value=0, max_value=MOST_MINUTES)
    every_minutes = serializers.IntegerField(
        required=False, min_value=0, max_value=MOST_MINUTES, help_text="of an hourly line alone"
    )
    points = PointsField(required=False, allow_null=True)

    class Meta:
        model = PlannedCheck
        fields = ["kind", "label", "offset_minutes", "every_minutes", "points"]


class BossSerializer(serializers.ModelSerializer[EventBoss]):
    """A boss of an event: its worth (empty: that of the plan's kills) and the loot that is expected."""

    points = PointsField(required=False, allow_null=True)
    loot = serializers.ListField(child=serializers.CharField(max_length=120), required=False, max_length=MOST_LOOT)

    class Meta:
        model = EventBoss
        fields = ["name", "points", "loot"]


class PlanSerializer(Serializer):
    """The plan of an event: each list that is sent takes the place of the one that was there."""

    planned_checks = PlannedCheckSerializer(many=True, required=False)
    bosses = BossSerializer(many=True, required=False)

    @staticmethod
    def of(event: Event) -> dict[str, object]:
        """Return the plan of an event."""
        return {
            "planned_checks": PlannedCheckSerializer(event.planned_checks.all(), many=True).data,
            "bosses": BossSerializer(event.bosses.all(), many=True).data,
        }


class RaidBossSerializer(serializers.ModelSerializer[RaidBoss]):
    """A boss of a raid. `check_id` is the attendance check of its kill, once it is dead."""

    points = PointsField(read_only=True)
    loot = serializers.ListField(child=serializers.CharField(), read_only=True)
    check_id = serializers.IntegerField(source="attendance_check_id", read_only=True, allow_null=True)

    class Meta:
        model = RaidBoss
        fields = ["id", "name", "points", "loot", "position", "check_id"]


class MissingOutput(Serializer):
    """Something that is left to do before a raid is closed."""

    code = serializers.CharField(help_text="unmatched_names, empty_checks, running_auctions, unpaid_loot")
    count = serializers.IntegerField()
    text = serializers.CharField()


class CloseInput(Serializer):
    """Closing a raid. `anyway` closes it although something is left to do."""

    anyway = serializers.BooleanField(required=False, default=False)


class StartDateInput(Serializer):
    """Starting the raid of a date. `event` where the date names none."""

    event = IdField(queryset=Event.objects.all(), required=False, allow_null=True)


class KillInput(Serializer):
    """That a boss is dead; now where no time is given."""

    taken_at = serializers.DateTimeField(required=False, allow_null=True)


class CameOutput(Serializer):
    """Somebody who came without having signed up."""

    character_name = serializers.CharField()
    user_id = serializers.IntegerField()


class ClosingOutput(Serializer):
    """What closing the raid would find. `signed_up_missing` and `came_without_sign_up` are empty while nobody is down for it."""

    state = serializers.CharField()
    missing = MissingOutput(many=True)
    stayed = serializers.ListField(
        child=serializers.CharField(), help_text="who has, or would get, the bonus for staying"
    )
    signed_up_missing = SignupSerializer(many=True)
    came_without_sign_up = CameOutput(many=True)


class KilledOutput(Serializer):
    """The boss, and the attendance check at its kill."""

    boss = RaidBossSerializer()
    check_id = serializers.IntegerField()
    points = PointsField()
    taken_at = serializers.DateTimeField()

    @staticmethod
    def of(boss: RaidBoss, check: AttendanceCheck) -> dict[str, object]:
        """Return a kill as it is answered."""
        return {
            "boss": RaidBossSerializer(boss).data,
            "check_id": check.pk,
            "points": f"{check.points:.2f}",
            "taken_at": serializers.DateTimeField().to_representation(check.taken_at),
        }
