"""What comes in and goes out at `/api/discord/`, and how the schema describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework import serializers

from guildhall.core.api.fields import AliasesMixin, IdField
from guildhall.core.api.filters import MAX_ID
from guildhall.core.api.previews import DigestField, ShownDigestField
from guildhall.core.api.rows import Made, OfPage, Page, person
from guildhall.core.api.serializers import Serializer
from guildhall.discord.inbound import EVENTS
from guildhall.discord.models import Claim, DiscordRoleMapping, DiscordSyncLog
from guildhall.roster.models import Rank

DISCORD_ID: dict[str, Any] = {"min_length": 5, "max_length": 20}


class TokenInput(Serializer):
    """A Discord access token that was issued to this application."""

    access_token = serializers.CharField(max_length=500)


class RosterCharacter(Serializer):
    """A character on the bot's roster."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    character_class = serializers.CharField()
    level = serializers.IntegerField(allow_null=True)
    rank = serializers.CharField(allow_null=True)
    status = serializers.CharField()
    is_main = serializers.BooleanField()
    is_active = serializers.BooleanField()


class PersonOutput(Serializer):
    """A person, as `GET /api/users/me/` shows them."""

    id = serializers.IntegerField()
    username = serializers.CharField()
    display_name = serializers.CharField()
    discord_id = serializers.CharField(allow_null=True)
    discord_username = serializers.CharField()
    avatar_url = serializers.CharField()
    role_group = serializers.CharField()
    preferences = serializers.DictField()
    characters = RosterCharacter(many=True)


class TokenOutput(Serializer):
    """Our token, and whose it is."""

    token = serializers.CharField()
    user = PersonOutput()


class RosterMember(Serializer):
    """A person with characters, rank and the Discord roles that they should hold."""

    user_id = serializers.IntegerField()
    discord_id = serializers.CharField(allow_null=True)
    discord_username = serializers.CharField()
    display_name = serializers.CharField()
    role_group = serializers.CharField()
    is_active = serializers.BooleanField()
    rank = serializers.CharField(allow_null=True)
    main_character = serializers.CharField(allow_null=True)
    characters = RosterCharacter(many=True)
    role_ids = serializers.ListField(child=serializers.CharField())


class ChangeOutput(Serializer):
    """One role that a member lacks or should not hold; `blocked` says why the bot cannot mend it."""

    discord_id = serializers.CharField()
    user_id = serializers.IntegerField(allow_null=True)
    action = serializers.ChoiceField(choices=["role_add", "role_remove"])
    role_id = serializers.CharField()
    role_name = serializers.CharField()
    reason = serializers.CharField()
    blocked = serializers.CharField(allow_blank=True)


class MemberOutput(RosterMember):
    """One Discord account, desired and actual."""

    user_id = serializers.IntegerField(allow_null=True)
    nickname = serializers.CharField()
    in_server = serializers.BooleanField()
    seen_at = serializers.DateTimeField(allow_null=True)
    problem = serializers.CharField()
    actual_role_ids = serializers.ListField(child=serializers.CharField())
    changes = ChangeOutput(many=True)


class MappingSerializer(AliasesMixin, serializers.ModelSerializer[DiscordRoleMapping]):
    """What a role stands for."""

    aliases = {"rank_id": "rank"}

    rank = IdField(queryset=Rank.objects.all(), allow_null=True, required=False)
    rank_name = serializers.SerializerMethodField()
    value = serializers.CharField(required=False, allow_blank=True, max_length=20)

    class Meta:
        model = DiscordRoleMapping
        fields = ["id", "role_id", "role_name", "kind", "rank", "rank_name", "value", "is_active"]
        read_only_fields = ["role_name"]
        validators: list[object] = []

    row_fields: Mapping[str, Made | OfPage] = {"rank_name": Made(("rank__name",), lambda name: name or None)}

    def get_rank_name(self, mapping: DiscordRoleMapping) -> str | None:
        # A `source` with a default would be left out of the answer to a PATCH.
        rank = mapping["rank_name"] if isinstance(mapping, dict) else mapping.rank and mapping.rank.name
        return rank or None


class RoleOutput(Serializer):
    """A role of the server and what it stands for."""

    role_id = serializers.CharField()
    name = serializers.CharField()
    position = serializers.IntegerField()
    color = serializers.IntegerField()
    is_managed = serializers.BooleanField()
    is_assignable = serializers.BooleanField()
    is_deleted = serializers.BooleanField()
    problem = serializers.CharField()
    seen_at = serializers.DateTimeField(allow_null=True)
    mappings = MappingSerializer(many=True)


class SyncInput(Serializer):
    """Whose roles to correct: these people, or everybody. `dry_run` only answers what differs."""

    user_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID), required=False, max_length=2000
    )
    dry_run = serializers.BooleanField(required=False, default=False)
    digest = DigestField()
    reason = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")


class SyncOutput(Serializer):
    """For how many people a sync was queued; with `dry_run`, what would change."""

    queued = serializers.IntegerField()
    digest = ShownDigestField(read_only=False, required=False)
    changes = ChangeOutput(many=True, required=False)
    detail = serializers.CharField(required=False)


class StrangerOutput(Serializer):
    """Somebody who holds mapped roles and is nobody here."""

    discord_id = serializers.CharField()
    name = serializers.CharField()
    role_names = serializers.ListField(child=serializers.CharField())


class DriftOutput(Serializer):
    """Where Discord and this system disagree, as of `seen`."""

    seen = serializers.DateTimeField(allow_null=True)
    checked = serializers.IntegerField()
    changes = ChangeOutput(many=True)
    not_in_server = serializers.ListField(child=serializers.IntegerField())
    not_linked = StrangerOutput(many=True)


class LinkInput(Serializer):
    """Who, and which Discord account."""

    user_id = serializers.IntegerField(min_value=1)
    discord_id = serializers.CharField(**DISCORD_ID)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")


class SyncLogOutput(serializers.ModelSerializer[DiscordSyncLog]):
    """One line of the log."""

    user_id = serializers.IntegerField(allow_null=True)
    display_name = serializers.SerializerMethodField()
    actor = serializers.SerializerMethodField()

    class Meta:
        model = DiscordSyncLog
        fields = [
            "id", "at", "user_id", "display_name", "discord_id", "action", "role_id", "role_name", "outcome",
            "source", "reason", "detail", "actor", "finished_at",
        ]  # fmt: skip

    row_fields: Mapping[str, Made | OfPage] = {"display_name": person("user"), "actor": person("actor")}

    def get_display_name(self, row: DiscordSyncLog) -> str | None:
        return str(row.user) if row.user else None

    def get_actor(self, row: DiscordSyncLog) -> str | None:
        return str(row.actor) if row.actor else None


class MemberUpdateInput(Serializer):
    """What a bot saw. Fields that the event does not tell are left out."""

    event = serializers.ChoiceField(choices=EVENTS)
    discord_id = serializers.CharField(**DISCORD_ID)
    event_id = serializers.CharField(required=False, allow_blank=True, max_length=120, default="")
    username = serializers.CharField(required=False, allow_blank=True, max_length=80)
    global_name = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=80)
    nickname = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=80)
    role_ids = serializers.ListField(child=serializers.CharField(**DISCORD_ID), required=False, max_length=250)
    occurred_at = serializers.DateTimeField(required=False)


class MemberUpdateOutput(Serializer):
    """What the event led to."""

    event_id = serializers.CharField()
    repeated = serializers.BooleanField()
    linked = serializers.BooleanField()
    user_id = serializers.IntegerField(allow_null=True)
    changes = serializers.ListField(child=serializers.CharField())
    action = serializers.ChoiceField(choices=["none", "reported", "sync_queued", "outdated"])


class ClaimInput(Serializer):
    """Either a character's name or the id of an imported person."""

    character_name = serializers.CharField(required=False, max_length=120)
    user_id = serializers.IntegerField(required=False, min_value=1)
    message = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")


def _shown_codes(page: Page, codes: Sequence[str], user_ids: Sequence[int], states: Sequence[str]) -> list[str | None]:
    viewer_id = page.context.get("viewer_id")
    return [
        code or None if user_id == viewer_id and state == Claim.State.OPEN else None
        for code, user_id, state in zip(codes, user_ids, states, strict=True)
    ]


class ClaimOutput(serializers.ModelSerializer[Claim]):
    """A claim. `code` is shown to the claimant alone."""

    user_id = serializers.IntegerField()
    display_name = serializers.CharField(source="user.__str__")
    character_name = serializers.CharField(source="character.name", default=None, allow_null=True)
    person_id = serializers.IntegerField(allow_null=True)
    person_name = serializers.SerializerMethodField()
    code = serializers.SerializerMethodField()

    class Meta:
        model = Claim
        fields = [
            "id", "kind", "state", "proof", "user_id", "display_name", "character_name", "person_id", "person_name",
            "message", "code", "code_expires_at", "decision", "decided_at", "created_at",
        ]  # fmt: skip

    row_fields: Mapping[str, Made | OfPage] = {
        "person_name": person("person"),
        "code": OfPage(("code", "user_id", "state"), _shown_codes),
    }

    def get_person_name(self, claim: Claim) -> str | None:
        return str(claim.person) if claim.person else None

    def get_code(self, claim: Claim) -> str | None:
        mine = claim.user_id == self.context.get("viewer_id")
        return claim.code or None if mine and claim.state == Claim.State.OPEN else None


class ClaimReasonInput(Serializer):
    """Why."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=300, default="")


class VerifyLogInput(Serializer):
    """A log, as text or as a file, in which claim codes may have been spoken."""

    text = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    file = serializers.FileField(required=False)


class CheckOutput(Serializer):
    """One part of the connection."""

    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["ok", "warning", "failed", "off"])
    detail = serializers.CharField()
    redirect_uri = serializers.CharField(required=False, help_text="what Discord must list for the sign-in")
    bot_id = serializers.CharField(required=False)
    count = serializers.IntegerField(required=False, help_text="members listed")
    interactions_url = serializers.CharField(required=False, help_text="what Discord must call for slash commands")
    channel_id = serializers.CharField(required=False, help_text="where the webhook posts")


class VerifiedClaimOutput(Serializer):
    """A claim whose code was found, spoken by the right name."""

    claim_id = serializers.IntegerField()
    character_name = serializers.CharField()
    state = serializers.ChoiceField(choices=Claim.State.choices)
    proof = serializers.ChoiceField(choices=Claim.Proof.choices)


class VerifyLogOutput(Serializer):
    """The claims that a log proves."""

    verified = VerifiedClaimOutput(many=True)
