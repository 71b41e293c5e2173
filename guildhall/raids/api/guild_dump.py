"""`POST /api/roster/guild-dump/`: what `/outputfile guild` wrote, as a difference to the roster, then applied.

It stands here because the roster knows nothing of what EverQuest writes; the change itself is the roster's service.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.previews import DigestField, ShownDigestField, previewed_anew
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import APIView
from guildhall.core.errors import BadInput
from guildhall.raids.parsers import GuildDump
from guildhall.raids.parsers.notes import PATTERNS
from guildhall.raids.roster_dump import notes_of, read_guild_dump
from guildhall.roster import services
from guildhall.roster.services import DumpChoices, DumpDifference, DumpMember


class NotePatternsField(serializers.ListField):
    """Keys of the ways in which notes mark alts; `GET /api/roster/note-patterns/` lists them."""

    child = serializers.CharField(max_length=40)

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", 2 * len(PATTERNS))
        super().__init__(**options)


class GuildDumpInput(Serializer):
    """The dump as `text` or `file`. Without `apply` nothing is stored; the rest says what of the difference to do."""

    text = serializers.CharField(required=False, trim_whitespace=False, max_length=4_000_000)
    file = serializers.FileField(required=False)
    filename = serializers.CharField(required=False, allow_blank=True, max_length=300)
    apply = serializers.BooleanField(required=False, default=False)
    digest = DigestField()
    add = serializers.BooleanField(required=False, default=True, help_text="make the characters that are new")
    update = serializers.BooleanField(required=False, default=True, help_text="level and class as the dump says")  # type: ignore[assignment]
    set_ranks = serializers.BooleanField(required=False, default=True)
    note_patterns = NotePatternsField(
        required=False, help_text="how its notes mark alts, tried on this dump instead of the guild's setting"
    )
    make_ranks = serializers.BooleanField(required=False, default=False, help_text="make ranks that are new")
    bring_back = serializers.BooleanField(required=False, default=True, help_text="characters removed before")
    remove_missing = serializers.BooleanField(
        required=False, default=False, help_text="take active characters off the roster that a whole dump does not name"
    )


class DumpChangeSerializer(Serializer):
    """One thing that differs."""

    field = serializers.CharField()
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField(allow_blank=True)


class DumpStepSerializer(Serializer):
    """What the dump means for one name."""

    action = serializers.ChoiceField(choices=["add", "update", "bring_back", "missing"])
    name = serializers.CharField()
    character_id = serializers.IntegerField(allow_null=True)
    owner = serializers.CharField(allow_null=True)
    changes = DumpChangeSerializer(many=True)


class NoteReadSerializer(Serializer):
    """A note of the dump, and whose alt it says that the character is."""

    name = serializers.CharField()
    note = serializers.CharField()
    main = serializers.CharField(allow_blank=True, help_text="empty where it names nobody")


class GuildDumpSerializer(Serializer):
    """The difference; `applied` says whether it was made. Names that are the same on both sides are only counted."""

    digest = ShownDigestField()
    applied = serializers.BooleanField()
    is_partial = serializers.BooleanField(help_text="nobody may be taken off the roster because of it")
    guild_name = serializers.CharField(allow_blank=True)
    taken_at = serializers.DateTimeField(allow_null=True)
    counts = serializers.DictField(child=serializers.IntegerField())
    unknown_ranks = serializers.ListField(child=serializers.CharField())
    steps = DumpStepSerializer(many=True)
    notes = NoteReadSerializer(many=True, help_text="the notes as they were read; rows without one are left out")
    warnings = serializers.ListField(child=serializers.CharField())


class GuildDumpView(APIView):
    """`/api/roster/guild-dump/`."""

    required_scopes = {"POST": "roster:write"}

    @extend_schema(
        request=GuildDumpInput,
        responses=GuildDumpSerializer,
        examples=[
            OpenApiExample(
                "look first",
                {
                    "text": "Aeli\t60\tCleric\tRaider\t\t11/20/26\tNexus\t\n",
                    "filename": "Guild_server-20261123-200000.txt",
                },
                request_only=True,
            )
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Compare a guild dump with the roster; with `apply` make the change, all or none."""
        given = GuildDumpInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        dump, members = _read(data)
        if data["apply"]:
            choices = DumpChoices(**{name: data[name] for name in DumpChoices.__dataclass_fields__ if name in data})
            with previewed_anew(
                lambda: _answer(dump, services.preview_guild_dump(members=members, is_partial=dump.is_partial))
            ):
                found = services.apply_guild_dump(
                    members=members,
                    is_partial=dump.is_partial,
                    choices=choices,
                    actor=principal(request).user,
                    digest=data.get("digest"),
                )
        else:
            found = services.preview_guild_dump(members=members, is_partial=dump.is_partial)
        return Response(_answer(dump, found))


def _read(data: dict[str, Any]) -> tuple[GuildDump, list[DumpMember]]:
    if ("text" in data) == ("file" in data):
        raise BadInput("Send the dump as text or as a file, one of them.", code="required", attr="text")
    given = data["text"] if "text" in data else data["file"]
    filename = data.get("filename") or getattr(given, "name", "") or ""
    return read_guild_dump(given, filename=filename, notes=data.get("note_patterns"))


def _answer(dump: GuildDump, found: DumpDifference) -> object:
    actions = ("add", "update", "bring_back", "missing", "same")
    return GuildDumpSerializer(
        {
            "digest": found.digest,
            "applied": found.applied,
            "is_partial": found.is_partial,
            "guild_name": dump.guild_name,
            "taken_at": dump.taken_at,
            "counts": {action: found.count(action) for action in actions},
            "unknown_ranks": found.unknown_ranks,
            "steps": [step for step in found.steps if step.action != "same"],
            "notes": notes_of(dump),
            "warnings": [warning.detail for warning in dump.warnings],
        }
    ).data
