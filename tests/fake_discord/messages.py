"""Channel messages, webhooks, interaction answers and application commands."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import unquote

from .oauth import bot
from .state import SEND_MESSAGES, Channel, FakeState
from .wire import (
    Answer,
    Refusal,
    Request,
    check_command,
    check_message,
    invalid_form,
    missing_access,
    missing_permissions,
    unknown,
)

INTERACTION_TOKEN_SECONDS = 900
INTERACTION_ANSWER_SECONDS = 3


def _now(state: FakeState) -> str:
    return dt.datetime.fromtimestamp(state.clock(), dt.UTC).isoformat()


def _post(state: FakeState, channel_id: str, payload: dict[str, Any], **extra: Any) -> dict[str, Any]:
    message = {
        "id": state.new_id(),
        "channel_id": channel_id,
        "content": payload.get("content") or "",
        "embeds": payload.get("embeds") or [],
        "components": payload.get("components") or [],
        "allowed_mentions": payload.get("allowed_mentions"),
        "flags": payload.get("flags", 0),
        "nonce": payload.get("nonce"),
        "timestamp": _now(state),
        "edited_timestamp": None,
        "type": 19 if payload.get("message_reference") else 0,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "pinned": False,
        **({"message_reference": payload["message_reference"]} if payload.get("message_reference") else {}),
        **extra,
    }
    state.messages.setdefault(channel_id, []).append(message)
    state.emit("MESSAGE_CREATE", state.as_event(message))
    return message


def _channel(state: FakeState, request: Request) -> Channel:
    app = bot(state, request)
    channel = state.channels.get(request.params["channel"])
    if channel is None:
        raise unknown("channel")
    if channel.kind == 0 and app.bot_user_id not in state.members:
        raise missing_access()
    return channel


def get_channel(state: FakeState, request: Request) -> Answer:
    channel = _channel(state, request)
    return Answer(200, {"id": channel.id, "type": channel.kind, "name": channel.name, "guild_id": state.guild_id})


def create_message(state: FakeState, request: Request) -> Answer:
    """Post as the bot. `enforce_nonce` makes a repeat answer the first message."""
    channel = _channel(state, request)
    app = bot(state, request)
    if channel.kind == 1 and channel.recipients[0] in state.refuses_direct_messages:
        raise Refusal(403, 50007, "Cannot send messages to this user")
    if channel.kind == 0 and (
        not channel.bot_may_send or not state.permissions_of(state.members[app.bot_user_id]) & SEND_MESSAGES
    ):
        raise missing_permissions()
    payload = check_message(request.json)
    nonce = payload.get("nonce")
    if nonce is not None and len(str(nonce)) > 25:
        raise invalid_form("nonce", "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer in length.")
    key = (channel.id, str(nonce))
    if nonce is not None and payload.get("enforce_nonce") and key in state.nonces:
        return Answer(200, state.nonces[key])
    message = _post(state, channel.id, payload, author=state.people[app.bot_user_id].public())
    if nonce is not None:
        state.nonces[key] = message
    return Answer(200, message)


def _find(state: FakeState, channel_id: str, message_id: str) -> dict[str, Any]:
    for message in state.messages.get(channel_id, []):
        if message["id"] == message_id:
            return message
    raise unknown("message")


def list_messages(state: FakeState, request: Request) -> Answer:
    """Up to 100 messages, newest first; `after` and `before` are message ids. The bot must see the channel."""
    channel = _channel(state, request)
    limit = request.query.get("limit", "50")
    if not limit.isdigit() or not 1 <= int(limit) <= 100:
        raise invalid_form("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
    found = state.messages.get(channel.id, [])
    if after := request.query.get("after"):
        found = [one for one in found if int(one["id"]) > int(after)][: int(limit)]
    elif before := request.query.get("before"):
        found = [one for one in found if int(one["id"]) < int(before)]
    return Answer(200, [state.visible(one) for one in found[-int(limit) :][::-1]])


def put_reaction(state: FakeState, request: Request) -> Answer:
    """The bot reacts to a message with an emoji, given URL-encoded in the path."""
    channel = _channel(state, request)
    message = _find(state, channel.id, request.params["message"])
    message.setdefault("reactions", []).append(
        {"emoji": {"id": None, "name": unquote(request.params["emoji"])}, "count": 1, "me": True}
    )
    return Answer(204)


def edit_message(state: FakeState, request: Request) -> Answer:
    channel = _channel(state, request)
    message = _find(state, channel.id, request.params["message"])
    changes = request.json if isinstance(request.json, dict) else {}
    message.update({k: v for k, v in changes.items() if k in ("content", "embeds", "components")})
    message["edited_timestamp"] = _now(state)
    check_message(message)
    return Answer(200, message)


def create_dm(state: FakeState, request: Request) -> Answer:
    """Open the direct-message channel with a person; the same one each time."""
    bot(state, request)
    recipient = str((request.json or {}).get("recipient_id", ""))
    if recipient not in state.people:
        raise unknown("user")
    channel = state.direct_channel(recipient)
    return Answer(200, {"id": channel.id, "type": 1, "recipients": [state.people[recipient].public()]})


# -- webhooks ---------------------------------------------------------------------------------------------------------


def _is_interaction(state: FakeState, request: Request) -> bool:
    return request.params["webhook"] in state.applications


def get_webhook(state: FakeState, request: Request) -> Answer:
    hook = state.webhooks.get(request.params["webhook"])
    if hook is None or hook.token != request.params["token"]:
        raise unknown("webhook")
    return Answer(200, {"id": hook.id, "type": 1, "channel_id": hook.channel_id, "name": hook.name})


def execute_webhook(state: FakeState, request: Request) -> Answer:
    """Post through a webhook; the same path with an application's id is a follow-up to an interaction."""
    if _is_interaction(state, request):
        interaction = _interaction(state, request.params["token"])
        message = _post(state, interaction["channel_id"], check_message(request.json))
        interaction.setdefault("followups", []).append(message)
        return Answer(200, message)
    hook = state.webhooks.get(request.params["webhook"])
    if hook is None:
        raise unknown("webhook")
    if hook.token != request.params["token"]:
        raise Refusal(401, 50027, "Invalid Webhook Token")
    payload = check_message(request.json)
    username = payload.get("username")
    if username is not None and (not 1 <= len(username) <= 80 or "discord" in username.lower()):
        raise invalid_form("username", "USERNAME_INVALID_CONTAINS", 'Username cannot contain "discord"')
    message = _post(state, hook.channel_id, payload, webhook_id=hook.id)
    return Answer(200, message) if request.query.get("wait") == "true" else Answer(204)


def edit_webhook_message(state: FakeState, request: Request) -> Answer:
    changes = request.json if isinstance(request.json, dict) else {}
    if _is_interaction(state, request):
        interaction = _interaction(state, request.params["token"])
        if not interaction.get("answered"):
            raise unknown("webhook")
        message = interaction.setdefault("original", {"id": state.new_id(), "content": "", "embeds": []})
        message.update(changes)
        interaction["edited"] = True
        check_message(message)
        return Answer(200, message)
    hook = state.webhooks.get(request.params["webhook"])
    if hook is None or hook.token != request.params["token"]:
        raise unknown("webhook")
    message = _find(state, hook.channel_id, request.params["message"])
    message.update({k: v for k, v in changes.items() if k in ("content", "embeds", "components")})
    check_message(message)
    return Answer(200, message)


# -- interactions -----------------------------------------------------------------------------------------------------


def _interaction(state: FakeState, token: str) -> dict[str, Any]:
    found = state.interactions.get(token)
    if found is None or state.clock() - found["sent_at"] > INTERACTION_TOKEN_SECONDS:
        raise unknown("webhook")
    return found


def answer_interaction(state: FakeState, request: Request) -> Answer:
    """The callback: once, within three seconds."""
    found = state.interactions.get(request.params["token"])
    if found is None or found["id"] != request.params["interaction"]:
        raise unknown("interaction")
    if state.clock() - found["sent_at"] > INTERACTION_ANSWER_SECONDS:
        raise unknown("interaction")
    if found.get("answered"):
        raise Refusal(400, 40060, "Interaction has already been acknowledged.")
    found["answered"] = True
    found["answer"] = request.json
    if (request.json or {}).get("type") == 4:
        found["original"] = dict(request.json.get("data") or {})
    return Answer(204)


def get_file(state: FakeState, request: Request) -> Answer:
    """An attached file."""
    found = state.files.get(request.params["file"])
    return Answer(200, html=found.decode("latin-1")) if found is not None else Answer(404, html="gone")


# -- commands ---------------------------------------------------------------------------------------------------------


def _scope_key(state: FakeState, request: Request) -> str:
    app = bot(state, request)
    if app.id != request.params["app"]:
        raise Refusal(403, 20012, "You are not authorized to perform this action on this application")
    guild = request.params.get("guild", "")
    if guild and guild != state.guild_id:
        raise missing_access()
    return f"{app.id}:{guild}"


def get_application(state: FakeState, request: Request) -> Answer:
    app = bot(state, request)
    return Answer(
        200,
        {
            "id": app.id,
            "name": app.name,
            "verify_key": state.public_key,
            "interactions_endpoint_url": app.interactions_url or None,
            "flags": (1 << 15) if state.members_intent else 0,
        },
    )


def patch_application(state: FakeState, request: Request) -> Answer:
    app = bot(state, request)
    app.interactions_url = str((request.json or {}).get("interactions_endpoint_url") or "")
    return get_application(state, request)


def list_commands(state: FakeState, request: Request) -> Answer:
    return Answer(200, state.commands.get(_scope_key(state, request), []))


def put_commands(state: FakeState, request: Request) -> Answer:
    """Replace the whole set, as the bulk overwrite does."""
    key = _scope_key(state, request)
    if not isinstance(request.json, list) or len(request.json) > 110:
        raise invalid_form("_", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    names = set()
    for command in request.json:
        check_command(command)
        if command["name"] in names:
            raise invalid_form(
                "name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique"
            )
        names.add(command["name"])
    app_id = request.params["app"]
    state.commands[key] = [{**c, "id": state.new_id(), "application_id": app_id} for c in request.json]
    return Answer(200, state.commands[key])
