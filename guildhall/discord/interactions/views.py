"""`POST /api/discord/interactions/`: the address that the application's page is given."""

from __future__ import annotations

import json
import logging

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from guildhall.core.api.errors import error_body
from guildhall.core.errors import BadInput, NotAuthenticated
from guildhall.discord.client import DiscordConfig

from .dispatch import AUTOCOMPLETE, PING, PONG, dispatch, refusal
from .verify import NotFromDiscord, check_signature, take_once

log = logging.getLogger(__name__)

MOST_BYTES = 1024 * 1024


@csrf_exempt
@require_POST
def interactions(request: HttpRequest) -> HttpResponse:
    """Answer one interaction. A bad, stale or repeated one is 401, as Discord's own probes expect."""
    config = DiscordConfig.from_settings()
    if int(request.headers.get("Content-Length") or 0) > MOST_BYTES:
        return JsonResponse(error_body(BadInput("That is more than Discord ever sends.", code="too_large")), status=400)
    try:
        check_signature(
            public_key=config.public_key,
            signature=request.headers.get("X-Signature-Ed25519", ""),
            timestamp=request.headers.get("X-Signature-Timestamp", ""),
            body=request.body,
        )
        interaction = json.loads(request.body)
        if not isinstance(interaction, dict):
            raise NotFromDiscord("no object came")
        if interaction.get("type") == PING:
            return JsonResponse({"type": PONG})
        if config.client_id and str(interaction.get("application_id")) != config.client_id:
            raise NotFromDiscord("another application was meant")
        take_once(str(interaction.get("id") or ""))
    except (NotFromDiscord, ValueError) as error:
        log.warning("an interaction was refused: %s", error)
        words = NotAuthenticated("This request was not signed by Discord for this application, just now.",
                                 code="bad_signature")  # fmt: skip
        return JsonResponse(error_body(words), status=401)
    if config.guild_id and str(interaction.get("guild_id") or config.guild_id) != config.guild_id:
        if interaction.get("type") == AUTOCOMPLETE:
            return JsonResponse({"type": 8, "data": {"choices": []}})
        return JsonResponse({"type": 4, "data": {**refusal("This bot serves another Discord server."), "flags": 64}})
    return JsonResponse(dispatch(interaction))
