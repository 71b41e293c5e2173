"""`/api/roster/note-patterns/`: how the guild's notes mark alts.

It stands here because the roster knows nothing of what EverQuest writes.
"""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import APIView
from guildhall.raids.models import NoteRules
from guildhall.raids.parsers.notes import PATTERNS
from guildhall.raids.services.note_rules import note_rules, save_note_rules

from .guild_dump import NotePatternsField


class NotePatternSerializer(Serializer):
    """One way in which a note names the main."""

    name = serializers.CharField(source="key")
    label = serializers.CharField()  # type: ignore[assignment] # a declared field
    examples = serializers.ListField(child=serializers.CharField(), help_text="each names Aelnor")
    is_usual = serializers.BooleanField(help_text="read where the guild has not chosen any")


class NoteRulesSerializer(Serializer):
    """How notes mark alts; `known` are the ways that there are."""

    patterns = NotePatternsField(help_text="keys of the ways that are read; none to read no note")
    known = NotePatternSerializer(many=True, read_only=True)


class NoteRulesView(APIView):
    """`/api/roster/note-patterns/`."""

    required_scopes = "roster:write"

    @extend_schema(responses=NoteRulesSerializer)
    def get(self, request: Request) -> Response:
        """Return the ways in which notes name mains, and which of them the guild has chosen."""
        return Response(_answer(note_rules()))

    @extend_schema(request=NoteRulesSerializer, responses=NoteRulesSerializer)
    def patch(self, request: Request) -> Response:
        """Choose the ways that are read from now on. 400 `unknown_note_pattern` for one that there is not."""
        given = NoteRulesSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        if "patterns" not in given.validated_data:
            return self.get(request)
        row = save_note_rules(patterns=given.validated_data["patterns"], actor=principal(request).user)
        return Response(_answer(row))

    @extend_schema(request=NoteRulesSerializer, responses=NoteRulesSerializer)
    def put(self, request: Request) -> Response:
        """Choose the ways that are read from now on, as PATCH does."""
        return self.patch(request)


def _answer(row: NoteRules) -> object:
    return NoteRulesSerializer({"patterns": row.patterns, "known": list(PATTERNS.values())}).data
