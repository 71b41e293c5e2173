"""What ranks and characters look like outside (docs/api-contract.md, "Roster")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from guildhall.accounts.models import User
from guildhall.core.api.fields import AliasesMixin, IdField
from guildhall.core.api.rows import Made, OfPage, Page, Row, children
from guildhall.core.api.serializers import Serializer
from guildhall.core.text import storable
from guildhall.roster.models import Character, CharacterAlias, Rank, RankChange


class RankSerializer(serializers.ModelSerializer[Rank]):
    """A rank within the guild; `order` 1 is the highest."""

    name = serializers.CharField(max_length=60)
    order = serializers.IntegerField(required=False, min_value=0, max_value=1_000_000)

    class Meta:
        model = Rank
        fields = ["id", "name", "order", "is_hidden", "is_trial", "is_default"]


@extend_schema_field(OpenApiTypes.INT)
class RankField(IdField):
    """A rank by its id or by its name; shown by its id."""

    def to_internal_value(self, data: object) -> object:
        if isinstance(data, str) and not data.isdecimal():
            found = Rank.objects.filter(name__iexact=data.strip()).first() if storable(data) else None
            if found is None:
                raise serializers.ValidationError(f"There is no rank called {data[:60]}.", code="does_not_exist")
            return found
        return super().to_internal_value(data)


def people() -> Any:
    """Return who may own a character."""
    return User.objects.filter(merged_into=None)


CHARACTER_VALUES = (
    "id", "name", "character_class", "race", "level", "rank", "rank__name", "status", "is_main", "main_character",
    "main_character__name", "user", "user__display_name", "user__username", "user__discord_id", "joined_at",
    "is_active", "note", "updated_at",
)  # fmt: skip


def character_row(row: dict[str, object]) -> dict[str, object]:
    """Return one `values(*CHARACTER_VALUES)` row as `CharacterSerializer` writes it, without building a model."""
    row["rank_name"] = row.pop("rank__name")
    row["main_character_name"] = row.pop("main_character__name")
    name, username = row.pop("user__display_name"), row.pop("user__username")
    row["user_display_name"] = name or username
    row["user_discord_id"] = row.pop("user__discord_id")
    return row


class CharacterSerializer(serializers.ModelSerializer[Character]):
    """A character; `rank`, `main_character` and `user` are ids, with their names beside them."""

    rank_name = serializers.CharField(source="rank.name", default=None, allow_null=True, read_only=True)
    main_character_name = serializers.CharField(
        source="main_character.name", default=None, allow_null=True, read_only=True
    )
    user_display_name = serializers.SerializerMethodField()
    user_discord_id = serializers.CharField(source="user.discord_id", default=None, allow_null=True, read_only=True)

    class Meta:
        model = Character
        fields = [
            "id", "name", "character_class", "race", "level", "rank", "rank_name", "status", "is_main",
            "main_character", "main_character_name", "user", "user_display_name", "user_discord_id", "joined_at",
            "is_active", "note", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    row_fields: Mapping[str, Made | OfPage] = {
        "user_display_name": Made(("user__display_name", "user__username"), lambda name, username: name or username)
    }

    def get_user_display_name(self, character: Character) -> str | None:
        user = character.user
        return (user.display_name or user.username) if user else None


class CharacterInput(AliasesMixin, Serializer):
    """A character to be made or changed. `user` and `main_character` are ids, `rank` an id or a name."""

    aliases = {"user_id": "user", "main_character_id": "main_character", "rank_id": "rank"}

    name = serializers.CharField(max_length=200, help_text="3 to 15 letters or backticks")
    character_class = serializers.CharField(required=False, allow_blank=True, max_length=40)
    race = serializers.CharField(required=False, allow_blank=True, max_length=40)
    level = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=200)
    rank = RankField(queryset=Rank.objects.all(), required=False, allow_null=True)
    status = serializers.ChoiceField(choices=Character.Status.choices, required=False)
    is_main = serializers.BooleanField(required=False, allow_null=True)
    main_character = IdField(queryset=Character.objects.all(), required=False, allow_null=True)
    user = IdField(queryset=people(), required=False, allow_null=True)
    joined_at = serializers.DateTimeField(required=False)
    note = serializers.CharField(required=False, allow_blank=True, max_length=5000)
    is_active = serializers.BooleanField(required=False)
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=300, help_text="kept in the history of ranks and owners"
    )


class ReassignInput(Serializer):
    """Who gets the character (null for nobody), and why."""

    user_id = IdField(queryset=people(), allow_null=True)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300)


class RenameInput(Serializer):
    """The new name; the former one stays as an alias."""

    name = serializers.CharField(max_length=200)


class AliasInput(Serializer):
    """Another name for a character."""

    name = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField(choices=CharacterAlias.Kind.choices, required=False)


class AliasSerializer(serializers.ModelSerializer[CharacterAlias]):
    """Another name for a character: a former one, a known typo, a box's."""

    created_by: serializers.StringRelatedField[Any] = serializers.StringRelatedField(allow_null=True)

    class Meta:
        model = CharacterAlias
        fields = ["id", "name", "kind", "created_at", "created_by"]
        read_only_fields = fields


class OwnershipSerializer(Serializer):
    """One stretch of a character's ownership; `ended_at` is null for the present one."""

    user_id = serializers.IntegerField(allow_null=True)
    display_name = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    changed_by = serializers.CharField(allow_null=True)


class RankChangeSerializer(serializers.ModelSerializer[RankChange]):
    """One change of a character's rank."""

    from_rank = serializers.CharField(source="from_rank.name", default=None, allow_null=True, read_only=True)
    to_rank = serializers.CharField(source="to_rank.name", default=None, allow_null=True, read_only=True)
    changed_by: serializers.StringRelatedField[Any] = serializers.StringRelatedField(allow_null=True)

    class Meta:
        model = RankChange
        fields = ["id", "from_rank", "to_rank", "at", "reason", "changed_by", "batch"]
        read_only_fields = fields


class MyCharacterSerializer(serializers.ModelSerializer[Character]):
    """A character as its person's list shows it."""

    rank_name = serializers.CharField(source="rank.name", default=None, allow_null=True, read_only=True)

    class Meta:
        model = Character
        fields = [
            "id", "name", "character_class", "level", "rank", "rank_name", "status", "is_main", "main_character",
            "joined_at", "is_active",
        ]  # fmt: skip
        read_only_fields = fields


def _owned(page: Page, user_ids: Sequence[int]) -> Sequence[list[Row]]:
    """Return the characters of each person that the caller is shown (`shown_characters` of the context), the main first."""

    def find() -> Sequence[list[Row]]:
        mine = page.context["shown_characters"].order_by("-is_main", "name")
        return children(MyCharacterSerializer, lambda: mine, "user_id").make(page, user_ids)

    return page.once("owned characters", find)


class HierarchySerializer(Serializer):
    """A person with their main and its alts (PRD 3.3.2)."""

    user_id = serializers.IntegerField(source="pk")
    discord_id = serializers.CharField(allow_null=True)
    display_name = serializers.CharField(source="__str__")
    main = serializers.SerializerMethodField()
    alts = serializers.SerializerMethodField()

    row_fields: Mapping[str, Made | OfPage] = {
        "main": OfPage(
            ("pk",), lambda page, ids: [next((one for one in own if one["is_main"]), None) for own in _owned(page, ids)]
        ),
        "alts": OfPage(
            ("pk",), lambda page, ids: [[one for one in own if not one["is_main"]] for own in _owned(page, ids)]
        ),
    }

    @extend_schema_field(MyCharacterSerializer(allow_null=True))
    def get_main(self, user: User) -> Any:
        main = next((one for one in user.characters.all() if one.is_main), None)
        return MyCharacterSerializer(main).data if main else None

    @extend_schema_field(MyCharacterSerializer(many=True))
    def get_alts(self, user: User) -> Any:
        return MyCharacterSerializer([one for one in user.characters.all() if not one.is_main], many=True).data
