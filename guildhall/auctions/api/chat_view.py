"""`POST /api/bidding/parse-chat/`: what chat lines say about auctions and, if asked, done."""

from __future__ import annotations

from collections import Counter
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.auctions.chat.reader import MAX_LINES
from guildhall.auctions.chat.ready_made import READY_MADE
from guildhall.auctions.models import ChatLine
from guildhall.auctions.services.chat import Heard, apply_chat, read_chat, shown_event
from guildhall.auctions.services.conventions import GUILDS_OWN, conventions_named
from guildhall.core.api.fields import LogText, PointsField
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import APIView
from guildhall.core.errors import BadInput, TooLarge
from guildhall.loot.services import find_raid
from guildhall.points.selectors import pool_or_default
from guildhall.points.visibility import sees_sealed_of_anybody
from guildhall.roster.selectors import speaking_character

from . import people
from .shared import given

#: More people than a guild has officers.
MOST_TRUSTED = 500


class ChatLines(serializers.ListField):
    """Lines of chat, counted before any of them is looked at."""

    child = LogText()

    def to_internal_value(self, data: Any) -> list[object]:
        if isinstance(data, list) and len(data) > MAX_LINES:
            raise TooLarge(
                f"These are more than {MAX_LINES:,} lines. Send those of the raid alone.",
                attr="lines",
                figures={"max_lines": MAX_LINES},
            )
        return list(super().to_internal_value(data))


class ChatInput(Serializer):
    """Lines of a log or of Discord, as `text` or `lines`."""

    text = LogText(required=False)
    lines = ChatLines(required=False)
    logger = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=120, help_text="whose log it is: who “You” are"
    )
    speaker = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=120, help_text="who said lines that name nobody"
    )
    discord_id = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=40,
        help_text="who wrote the lines, one Discord message: their main character speaks, whatever names the text holds",
    )
    message_id = serializers.CharField(
        required=False, allow_null=True, max_length=40, help_text="Discord's id of that message: it counts once"
    )
    conventions = serializers.ChoiceField(
        choices=[GUILDS_OWN, *READY_MADE],
        required=False,
        default=GUILDS_OWN,
        help_text="how the lines are written: as the guild says (officers edit it), or a ready-made set",
    )
    apply = serializers.BooleanField(required=False, default=False)
    raid_id = serializers.IntegerField(required=False, allow_null=True)
    dkp_pool_id = serializers.IntegerField(required=False, allow_null=True)
    trusted_speakers = serializers.ListField(
        child=serializers.CharField(max_length=120), required=False, default=list, max_length=MOST_TRUSTED
    )


class AppliedOutput(Serializer):
    """What became of a line: what it made is named by its ids."""

    outcome = serializers.ChoiceField(choices=["applied", "refused", "skipped"])
    code = serializers.CharField(allow_null=True)
    detail = serializers.CharField(allow_null=True)
    repeated = serializers.BooleanField(help_text="an earlier call did it")
    figures = serializers.DictField(required=False, help_text="the numbers behind a refusal; amounts as text")
    bid_session_id = serializers.UUIDField(required=False)
    bid_session_ids = serializers.ListField(child=serializers.UUIDField(), required=False)
    bid_id = serializers.IntegerField(required=False)
    amount = PointsField(required=False)
    leads = serializers.BooleanField(required=False)
    roll_id = serializers.IntegerField(required=False)
    counts = serializers.BooleanField(required=False, help_text="whether a roll decides; a second one does not")
    rot = serializers.BooleanField(required=False)
    loot_ids = serializers.ListField(child=serializers.IntegerField(), required=False)


_OPENED = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "quantity": {"type": "integer"},
        "is_known": {"type": "boolean"},
        "suggestions": {"type": "array", "items": {"type": "string"}},
        "game_id": {"type": "string", "description": "the item's number in the game, from its link"},
        "tiers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"high": {"type": "integer"}, "name": {"type": "string"}},
                "required": ["high", "name"],
            },
            "description": "the ranges that are rolled for it, the best first; empty where it is bid for",
        },
    },
    "required": ["name", "quantity", "is_known", "suggestions", "game_id", "tiers"],
}


@extend_schema_field(
    {
        "type": "array",
        "items": {"oneOf": [_OPENED, {"type": "string"}]},
        "description": "of an opening, what is opened; of a doubt, what it may be about",
    }
)
class ItemsField(serializers.JSONField):
    """The items of an opening or a doubt."""


class DoubtState(Serializer):
    """Which doubt a line is, and what became of it."""

    fingerprint = serializers.CharField(help_text="apply or dismiss it by this")
    state = serializers.ChoiceField(choices=ChatLine.State.choices)


class ChatEventOutput(Serializer):
    """What a line says. Which fields there are beside the first ten goes by `kind` (`auctions/chat/events.py`)."""

    kind = serializers.ChoiceField(
        choices=[
            "opened", "bid", "status", "closed", "awarded", "cancelled", "retracted", "roll", "command", "ambiguous",
        ]
    )  # fmt: skip
    speaker = serializers.CharField()
    channel = serializers.CharField()
    local_time = serializers.CharField(allow_null=True, help_text="by the clock of the computer that wrote the log")
    line_number = serializers.IntegerField()
    raw = serializers.CharField()
    fingerprint = serializers.CharField()
    text_key = serializers.CharField()
    convention = serializers.CharField()
    applied = AppliedOutput(allow_null=True)
    item = serializers.CharField(required=False, allow_null=True)
    items = ItemsField(required=False)
    character_name = serializers.CharField(required=False, allow_null=True)
    amount = PointsField(required=False, allow_null=True)
    minimum = PointsField(required=False, allow_null=True)
    increment = PointsField(required=False, allow_null=True)
    duration = serializers.IntegerField(required=False, allow_null=True, help_text="seconds")
    roll_max = serializers.IntegerField(required=False, allow_null=True)
    category = serializers.CharField(required=False, allow_null=True)
    classes = serializers.CharField(required=False)
    all_in = serializers.BooleanField(required=False)
    is_interest = serializers.BooleanField(required=False)
    is_on_behalf = serializers.BooleanField(required=False)
    is_late = serializers.BooleanField(required=False)
    comment = serializers.CharField(required=False)
    leader = serializers.CharField(required=False, allow_null=True)
    closing_in = serializers.IntegerField(required=False, allow_null=True, help_text="seconds")
    text = serializers.CharField(required=False)
    roll = serializers.IntegerField(required=False, allow_null=True)
    is_rot = serializers.BooleanField(required=False)
    note = serializers.CharField(required=False)
    is_repeated = serializers.BooleanField(required=False)
    what = serializers.CharField(required=False, help_text="auction or award")
    low = serializers.IntegerField(required=False)
    high = serializers.IntegerField(required=False)
    result = serializers.IntegerField(required=False)
    problem = serializers.CharField(required=False)
    is_doubtful = serializers.BooleanField(required=False)
    tier = serializers.IntegerField(required=False, help_text="of a roll: the place of its range, the best being 1")
    tier_name = serializers.CharField(required=False)
    name = serializers.CharField(required=False)
    reason = serializers.CharField(required=False)
    detail = serializers.CharField(required=False)
    meant = serializers.CharField(required=False)
    suggestions = serializers.ListField(child=serializers.CharField(), required=False)
    left_over = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="of a doubt, the words that nothing accounts for"
    )

    doubt = DoubtState(
        required=False, allow_null=True, help_text="which doubt of chat-doubts/ it is; null where it is not kept"
    )


class ChatOutput(Serializer):
    """What the lines say, in their order, and how often each kind came."""

    events = ChatEventOutput(many=True)
    counts = serializers.DictField(child=serializers.IntegerField())
    applied = serializers.BooleanField()


class ParseChatView(APIView):
    """Bids, openings, statuses, closings, awards, cancellations, rolls and `!` commands in chat lines.

    With ``apply`` they are done, each line once, however often it is sent; only bots and officers may. A name that is
    only alike comes back as ``ambiguous`` with suggestions and is never applied.
    """

    required_scopes = {"POST": ("bidding:read", "bidding:write")}

    @extend_schema(
        request=ChatInput,
        responses=ChatOutput,
        examples=[
            OpenApiExample(
                "a log",
                {
                    "text": "[Mon Nov 23 20:15:02 2026] Aeli tells the raid,  'Cloak of Flames 40'",
                    "logger": "Fenn",
                    "apply": True,
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        data = given(ChatInput, request)
        lines: Any = data.get("text") if data.get("text") is not None else data.get("lines")
        if lines is None:
            raise BadInput("Send the lines as text, or as a list in lines.", code="required", attr="text")
        if data["apply"]:
            principal(request).require("bidding:write")
            people.runs_auctions(request)
        discord_id, message_id = data.get("discord_id"), data.get("message_id") or ""
        if message_id and not discord_id:
            raise BadInput("Say who wrote the message (discord_id).", code="required", attr="discord_id")
        events = read_chat(
            lines,
            logger=data.get("logger") or None,
            speaker=data.get("speaker") or None,
            author=speaking_character(discord_id) if discord_id else None,
            message_id=message_id,
            trusted=data["trusted_speakers"],
            conventions=conventions_named(data["conventions"]),
        )
        if data["apply"]:
            pool_id = data.get("dkp_pool_id")
            heard = apply_chat(
                events,
                actor=principal(request).user,
                raid=find_raid(data.get("raid_id")),
                pool=pool_or_default(pool_id) if pool_id is not None else None,
                trusted=data["trusted_speakers"],
                sees_sealed=sees_sealed_of_anybody(principal(request)),
                logger=data.get("logger"),
            )
        else:
            heard = [Heard(event) for event in events]
        shown = [shown_event(one) for one in heard]
        counts = Counter(event["kind"] for event in shown)
        return Response({"events": shown, "counts": dict(counts), "applied": data["apply"]})
