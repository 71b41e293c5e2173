"""`/api/ranks/` and `/api/characters/` (PRD 5.2.3). Every write is a service's; DELETE retires, it loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.api.visitors import VisitorReadable
from guildhall.accounts.models import Section, User
from guildhall.accounts.visitors import is_visitor
from guildhall.core.api.columns import TEXT, Column, Columns, person_name
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.export import ExportMixin
from guildhall.core.api.filters import IdFilter, Ordering
from guildhall.core.api.kept import kept
from guildhall.core.api.pagination import paged
from guildhall.core.api.rows import Query, narrowed_page, page_of, row_of
from guildhall.core.api.views import GenericViewSet, ModelViewSet
from guildhall.core.errors import NotFound
from guildhall.roster import selectors, services
from guildhall.roster.hidden import without_hidden
from guildhall.roster.models import Character, CharacterAlias, Rank
from guildhall.roster.names import name_key

from .serializers import (
    CHARACTER_VALUES,
    AliasInput,
    AliasSerializer,
    CharacterInput,
    CharacterSerializer,
    HierarchySerializer,
    OwnershipSerializer,
    RankChangeSerializer,
    RankSerializer,
    ReassignInput,
    RenameInput,
    character_row,
)

COMPUTED: dict[str, Any] = {
    "filter_backends": [Columns, Ordering], "ordering_fields": [], "ordering": None, "column_paths": {}, "column_aliases": {},
}  # fmt: skip
"""For the lists that hang on a character: their own columns, none of the roster's."""


def sees_hidden(request: Request) -> bool:
    """Return whether this caller sees characters whose rank is hidden: whoever keeps the roster does."""
    return principal(request).can("roster:write")


class RankViewSet(VisitorReadable, ModelViewSet[Rank]):
    """The guild's ranks, the highest first."""

    required_scopes = "roster"
    visitor_section = Section.ROSTER
    visitor_params = ("is_trial", "is_default")
    visitor_fields = RankSerializer.Meta.fields
    serializer_class = RankSerializer
    queryset = Rank.objects.none()
    lookup_value_regex = ID_PATTERN
    search_fields = ["name"]

    def get_queryset(self) -> QuerySet[Rank]:
        return Rank.objects.filter(is_hidden=False) if is_visitor(self.request) else Rank.objects.all()

    @kept(Rank)
    def list(self, request: Request, *args: object, **kwargs: object) -> Any:
        return super().list(request, *args, **kwargs)

    def perform_create(self, serializer: serializers.BaseSerializer[Rank]) -> None:
        serializer.instance = services.create_rank(actor=principal(self.request).user, **serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = services.update_rank(
            rank=serializer.instance, actor=principal(self.request).user, **serializer.validated_data
        )

    def perform_destroy(self, instance: Rank) -> None:
        services.delete_rank(rank=instance, actor=principal(self.request).user)


class CharacterFilter(django_filters.FilterSet):
    """Filters named after the fields. Removed characters are shown only where `status` asks for them."""

    character_class = django_filters.CharFilter(lookup_expr="iexact")
    rank = IdFilter(field_name="rank_id")
    rank_name = django_filters.CharFilter(field_name="rank__name", lookup_expr="iexact")
    user = IdFilter(field_name="user_id")
    main_character = IdFilter(field_name="main_character_id")
    discord_id = django_filters.CharFilter(field_name="user__discord_id", label="as `user_discord_id`")
    unowned = django_filters.BooleanFilter(field_name="user", lookup_expr="isnull")
    min_level = IdFilter(field_name="level", lookup_expr="gte")
    max_level = IdFilter(field_name="level", lookup_expr="lte")

    class Meta:
        model = Character
        fields = ["status", "is_main", "is_active"]


# "class" is the word people use and a reserved word in Python.
CharacterFilter.base_filters["class"] = django_filters.CharFilter(
    field_name="character_class", lookup_expr="iexact", label="as `character_class`"
)

_NEW = OpenApiExample(
    "an alt",
    {"name": "Aelibox", "character_class": "Cleric", "level": 60, "rank": "Member", "user": 12, "is_main": False},
    request_only=True,
)


class CharacterViewSet(VisitorReadable, ExportMixin, GenericViewSet[Character]):
    """The roster."""

    required_scopes = "roster"
    visitor_section = Section.ROSTER
    visitor_actions = ("list", "retrieve", "by_name", "hierarchy")
    visitor_params = (
        "character_class", "class", "rank", "rank_name", "user", "main_character", "unowned", "min_level", "max_level",
        "is_main", "is_active",
    )  # fmt: skip
    visitor_search_fields = ("name", "user__display_name")
    visitor_fields = (
        "id", "name", "character_class", "race", "level", "rank", "rank_name", "status", "is_main", "main_character",
        "main_character_name", "user", "user_display_name", "joined_at", "is_active", "updated_at",
        "user_id", "display_name", "main", "alts",
    )  # fmt: skip
    serializer_class = CharacterSerializer
    queryset = Character.objects.none()
    lookup_value_regex = ID_PATTERN
    filterset_class = CharacterFilter
    search_fields = ["name", "aliases__name", "user__display_name"]
    ordering_fields = ["rank__order"]
    ordering = ["name"]
    column_paths: object = {"user_display_name": Column(person_name("user"), TEXT, is_nullable=True)}
    column_aliases: object = {"user_id": "user", "main_character_id": "main_character", "rank_id": "rank"}
    hidden_columns: object = {}
    export_name = "roster"
    export_columns = (
        "id", "name", "character_class", "race", "level", "rank_name", "status", "is_main", "main_character_name",
        "user", "user_display_name", "joined_at", "is_active",
    )  # fmt: skip

    def get_queryset(self) -> QuerySet[Character]:
        rows = Character.objects.all()
        if self.action == "list" and not self.request.query_params.get("status"):
            rows = rows.exclude(status=Character.Status.REMOVED)
        if self.action == "list" and is_visitor(self.request):
            rows = without_hidden(rows)
        elif self.action == "list" and not sees_hidden(self.request):
            rows = rows.exclude(rank__is_hidden=True)
        return rows

    def get_serializer_context(self) -> dict[str, object]:
        """Return the usual context; for the hierarchy with the characters that its people are shown with."""
        found = dict(super().get_serializer_context())
        if self.action == "hierarchy":
            found["shown_characters"] = selectors.hierarchy_characters(
                include_hidden=sees_hidden(self.request), for_visitor=is_visitor(self.request)
            )
        return found

    def export_rows(self, queryset: Query) -> Iterator[dict[str, object]]:
        return (character_row(row) for row in queryset.values(*CHARACTER_VALUES).iterator(chunk_size=1000))

    def findable(self) -> QuerySet[Character]:
        """Return the characters that this caller may ask for one by one."""
        rows = selectors.characters()
        return without_hidden(rows) if is_visitor(self.request) else rows

    def find(self, pk: int | str) -> Character:
        """Return the character with this id, with what is shown of it.

        Raises:
            NotFound: ``unknown_character``.
        """
        found = self.findable().filter(pk=pk).first()
        if found is None:
            raise NotFound(f"There is no character {pk}.", code="unknown_character")
        return found

    def answer(self, pk: int | str, status: int = 200) -> Response:
        found = row_of(self.findable().filter(pk=pk), CharacterSerializer)
        if found is None:
            raise NotFound(f"There is no character {pk}.", code="unknown_character")
        return Response(found, status=status)

    @extend_schema(responses=CharacterSerializer(many=True))
    @kept(Character, CharacterAlias, Rank, User)
    def list(self, request: Request) -> object:
        """Characters. Those of a hidden rank are left out for everybody but who keeps the roster."""
        queryset = self.filter_queryset(self.get_queryset())
        if self.is_export(request):
            return self.export(queryset)
        return page_of(self, queryset)

    @extend_schema(request=CharacterInput, responses={201: CharacterSerializer}, examples=[_NEW])
    def create(self, request: Request) -> Response:
        """Add a character. A person's first one becomes their main unless `is_main` says otherwise."""
        given = CharacterInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = dict(given.validated_data)
        data.pop("reason", None)
        is_active = data.pop("is_active", None)
        made = services.create_character(actor=principal(request).user, **data)
        if is_active is not None and is_active != made.is_active:
            services.update_character(character=made, actor=principal(request).user, is_active=is_active)
        return self.answer(made.pk, 201)

    @extend_schema(responses=CharacterSerializer, filters=False)
    @kept(Character, CharacterAlias, Rank, User)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return a character."""
        return self.answer(pk)

    @extend_schema(request=CharacterInput, responses=CharacterSerializer, examples=[_NEW])
    def update(self, request: Request, pk: str) -> Response:
        """Change a character; what is left out stays. A new name keeps the former one as an alias."""
        return self._edit(request, pk, partial=False)

    @extend_schema(
        request=CharacterInput(partial=True),
        responses=CharacterSerializer,
        examples=[OpenApiExample("a promotion", {"rank": "Raider", "reason": "trial passed"}, request_only=True)],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is named; what is left out stays."""
        return self._edit(request, pk, partial=True)

    def _edit(self, request: Request, pk: str, *, partial: bool) -> Response:
        character = self.find(pk)
        given = CharacterInput(data=request.data, partial=partial)
        given.is_valid(raise_exception=True)
        changes = dict(given.validated_data)
        reason = changes.pop("reason", "")
        who = principal(request)
        services.edit_character(character=character, actor=who.user, by=who, changes=changes, reason=reason)
        return self.answer(pk)

    @extend_schema(responses={204: OpenApiResponse(description="It is off the roster; what it did stays.")})
    def destroy(self, request: Request, pk: str) -> Response:
        """Take a character off the roster (status `removed`). Points and history stay with whoever earned them."""
        who = principal(request)
        services.retire_character(character=self.find(pk), actor=who.user, by=who)
        return Response(status=204)

    @extend_schema(
        request=ReassignInput,
        responses=CharacterSerializer,
        examples=[OpenApiExample("a break", {"user_id": 31, "reason": "Aeli takes a year off"}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    def reassign(self, request: Request, pk: str) -> Response:
        """Give a character to another person, or to nobody. Points stay where they were earned."""
        character = self.find(pk)
        given = ReassignInput(data=request.data)
        given.is_valid(raise_exception=True)
        services.reassign_character(
            character=character,
            user=given.validated_data["user_id"],
            reason=given.validated_data.get("reason", ""),
            actor=principal(request).user,
            by=principal(request),
        )
        return self.answer(pk)

    @extend_schema(responses=OwnershipSerializer(many=True))
    @action(detail=True, url_path="ownership-history", serializer_class=OwnershipSerializer, **COMPUTED)
    def ownership_history(self, request: Request, pk: str) -> Response:
        """Return who owned it when, oldest first."""
        return paged(request, selectors.ownership_of(self.find(pk)), view=self)

    @extend_schema(responses=RankChangeSerializer(many=True))
    @action(detail=True, url_path="rank-history", serializer_class=RankChangeSerializer, **COMPUTED)
    def rank_history(self, request: Request, pk: str) -> Response:
        """Return its ranks, newest first."""
        changes: Query = self.find(pk).rank_changes.select_related("from_rank", "to_rank", "changed_by")
        return narrowed_page(self, changes)

    @extend_schema(methods=["GET"], responses=AliasSerializer(many=True))
    @extend_schema(
        methods=["POST"],
        request=AliasInput,
        responses={201: AliasSerializer},
        examples=[OpenApiExample("a typo", {"name": "Aelli", "kind": "typo"}, request_only=True)],
    )
    @action(detail=True, methods=["get", "post"], serializer_class=AliasSerializer, **COMPUTED)
    def aliases(self, request: Request, pk: str) -> Response:
        """Return its other names: former ones, known typos, boxes. POST adds one."""
        character = self.find(pk)
        if request.method in SAFE_METHODS:
            known: Query = character.aliases.select_related("created_by")
            return narrowed_page(self, known)
        given = AliasInput(data=request.data)
        given.is_valid(raise_exception=True)
        made = services.add_alias(character=character, actor=principal(request).user, **given.validated_data)
        return Response(AliasSerializer(made).data, status=201)

    @extend_schema(responses={204: OpenApiResponse(description="Forgotten.")})
    @action(detail=True, methods=["delete"], url_path=rf"aliases/(?P<alias_id>{ID_PATTERN})")
    def forget_alias(self, request: Request, pk: str, alias_id: str) -> Response:
        """Forget one of its other names."""
        alias = CharacterAlias.objects.select_related("character").filter(character_id=pk, pk=alias_id).first()
        if alias is None:
            raise NotFound(f"This character has no alias {alias_id}.", code="unknown_alias")
        services.remove_alias(alias=alias, actor=principal(request).user)
        return Response(status=204)

    @extend_schema(request=None, responses=CharacterSerializer)
    @action(detail=True, methods=["post"], url_path="make-main")
    def make_main(self, request: Request, pk: str) -> Response:
        """Make it its owner's main; the owner's other characters become its alts."""
        services.set_main(character=self.find(pk), actor=principal(request).user)
        return self.answer(pk)

    @extend_schema(
        request=RenameInput,
        responses=CharacterSerializer,
        examples=[OpenApiExample("a new name", {"name": "Aelindra"}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    def rename(self, request: Request, pk: str) -> Response:
        """Give it a new name; the former one stays as an alias, so old logs still find it."""
        character = self.find(pk)
        given = RenameInput(data=request.data)
        given.is_valid(raise_exception=True)
        who = principal(request)
        services.rename_character(character=character, name=given.validated_data["name"], actor=who.user, by=who)
        return self.answer(pk)

    @extend_schema(responses=CharacterSerializer, filters=False)
    @kept(Character, CharacterAlias, Rank, User)
    def by_name(self, request: Request, name: str) -> Response:
        """Return the character of this name or alias, whatever the case. An unknown one is 404 with likely names."""
        if is_visitor(request):
            return self.answer(selectors.public_character_by_name(name).pk)
        found = row_of(self.findable().filter(name_key=name_key(name)), CharacterSerializer)
        if found is not None:
            return Response(found)
        return self.answer(selectors.character_by_name(name).pk)

    @extend_schema(responses=HierarchySerializer(many=True))
    @action(detail=False, serializer_class=HierarchySerializer, **COMPUTED)
    @kept(Character, Rank, User)
    def hierarchy(self, request: Request) -> Any:
        """Return people with their main and its alts."""
        people: Query = self.filter_queryset(
            selectors.hierarchy(include_hidden=sees_hidden(request), for_visitor=is_visitor(request))  # type: ignore[arg-type]
        )
        return page_of(self, people)
