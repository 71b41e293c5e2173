"""From an interaction to its answer, within Discord's three seconds: nothing here calls the outside world.

Invariant: a person always gets an answer in words. What a service refuses is shown as it says it; a bug is logged
and said to be one; work that takes long is put into the outbox and answered with "thinking" (type 5).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from guildhall.core import outbox
from guildhall.core.errors import GuildhallError
from guildhall.core.models import OutboxMessage
from guildhall.core.outbox import PermanentFailure
from guildhall.core.transactions import use_case
from guildhall.discord.client import NotThere, default_client
from guildhall.discord.delivery import outbox_errors
from guildhall.discord.messages.embeds import CHOICE, RED, Embed, cut, escape, link_button, message, row

from . import registry
from .context import EPHEMERAL, Answer, Choices, Context, Form, Later, Reply, context_of

log = logging.getLogger(__name__)

PING, COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 1, 2, 3, 4, 5
PONG, MESSAGE, DEFERRED, UPDATE, CHOICES, SHOW_FORM = 1, 4, 5, 7, 8, 9
FOLLOW_UP = "discord.follow_up"


def refusal(text: str, *, address: str = "") -> dict[str, object]:
    """Return a message that says no; with a button to the page at `address` that helps."""
    components = [row(link_button("Open the site", address))] if address else None
    return message(Embed("That did not work", escape(text), RED), components=components)


def dispatch(interaction: Mapping[str, Any]) -> dict[str, object]:
    """Return the callback body for an interaction that has been verified and is not a ping."""
    kind = interaction.get("type")
    try:
        context = context_of(interaction)
    except (KeyError, TypeError, ValueError, AttributeError):
        return _shown(Reply(refusal("Discord sent something that we do not understand.")))
    try:
        answer = _answer(int(kind or 0), interaction.get("data") or {}, context)
    except GuildhallError as error:
        if kind == AUTOCOMPLETE:
            return {"type": CHOICES, "data": {"choices": []}}
        return _shown(Reply(refusal(error.detail, address=str(error.figures.get("open", "")))))
    except Exception:
        log.exception("an interaction failed")
        if kind == AUTOCOMPLETE:
            return {"type": CHOICES, "data": {"choices": []}}
        return _shown(
            Reply(refusal("Something went wrong on our side; nothing was changed. An officer finds it in the log."))
        )
    if isinstance(answer, Later):
        _put_follow_up(answer, interaction)
    return _shown(answer)


def _answer(kind: int, data: Mapping[str, object], context: Context) -> Answer:
    if kind in (COMMAND, AUTOCOMPLETE):
        found = registry.commands.get(str(data.get("name")))
        handler = found.handlers.get(context.subcommand) if found else None
        if found is None or handler is None:
            return Reply(
                refusal("This command is not known here any more. Ask for the commands to be registered again.")
            )
        if kind == AUTOCOMPLETE:
            return _complete(found, context)
        return handler(context)
    prefix, *rest = str(data.get("custom_id") or "").split(":")
    handlers = registry.buttons if kind == COMPONENT else registry.forms
    pressed = handlers.get(prefix)
    if kind not in (COMPONENT, MODAL) or pressed is None:
        return Reply(refusal("This button is out of date. Use the command again."))
    return pressed(context, rest)


def _complete(found: registry.Command, context: Context) -> Choices:
    option = found.option(context.subcommand, context.focused)
    completer = registry.completers.get(option.complete) if option else None
    return completer(context, context.text(context.focused)[:100]) if completer else Choices([])


def _shown(answer: Answer) -> dict[str, object]:
    if isinstance(answer, Choices):
        choices = [{"name": cut(shown, CHOICE), "value": value[:CHOICE]} for shown, value in answer.choices[:25]]
        return {"type": CHOICES, "data": {"choices": choices}}
    if isinstance(answer, Form):
        rows = [
            {
                "type": 1,
                "components": [
                    {
                        "type": 4, "custom_id": name, "label": cut(label, 45), "style": 2 if is_long else 1,
                        "required": required, "max_length": most,
                    }
                ],
            }
            for name, label, is_long, required, most in answer.inputs[:5]
        ]  # fmt: skip
        return {
            "type": SHOW_FORM,
            "data": {"custom_id": answer.custom_id[:100], "title": cut(answer.title, 45), "components": rows},
        }
    if isinstance(answer, Later):
        return {"type": DEFERRED, "data": {} if answer.public else {"flags": EPHEMERAL}}
    data = dict(answer.message)
    if answer.edits:
        return {"type": UPDATE, "data": data}
    if not answer.public:
        data["flags"] = EPHEMERAL
    return {"type": MESSAGE, "data": data}


@use_case
def _put_follow_up(answer: Later, interaction: Mapping[str, object]) -> None:
    outbox.put(
        topic=FOLLOW_UP,
        payload={
            "task": answer.task,
            "arguments": answer.arguments,
            "application_id": str(interaction.get("application_id") or ""),
            "token": str(interaction.get("token") or ""),
        },
    )


def follow_up(message_row: OutboxMessage) -> str:
    """Return the worker's part of a deferred answer: do the work, fill the answer in."""
    payload = message_row.payload
    if not payload.get("token"):  # a failed one that somebody sends again
        raise PermanentFailure("the interaction is over and its token was deleted; let them ask again")
    try:
        with outbox_errors():
            shown = registry.later_tasks[payload["task"]](**payload["arguments"])
    except GuildhallError as error:
        shown = refusal(error.detail)
    with outbox_errors():
        try:
            default_client().edit_original(payload["application_id"], payload["token"], shown)
        except NotThere:
            return "done, but the fifteen minutes for the answer were over"
    return "answered"
