"""Slash commands, autocomplete and buttons as Discord sends them: signed, over HTTP, to the application's endpoint."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from .state import DEMO_CLIENT_ID, FakeState, Person

PING, COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 1, 2, 3, 4, 5


@dataclass
class Reply:
    """What the endpoint answered: HTTP status, JSON body, and the stored interaction for later follow-ups."""

    status: int
    body: dict[str, Any]
    interaction: dict[str, Any]


class Interactor:
    """Builds, signs and sends interactions. `build` alone is enough for tests that call a view without a socket."""

    def __init__(self, state: FakeState) -> None:
        self.state = state

    def build(
        self,
        kind: int,
        data: dict[str, Any],
        *,
        person: Person | None = None,
        channel_id: str = "",
        message: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """An interaction as Discord words it, remembered under its token."""
        state = self.state
        interaction: dict[str, Any] = {
            "id": state.new_interaction_id(),
            "application_id": DEMO_CLIENT_ID,
            "type": kind,
            "token": secrets.token_urlsafe(24),
            "version": 1,
            "guild_id": state.guild_id,
            "channel_id": channel_id or next(iter(state.channels), "0"),
            "locale": "en-GB",
            "data": data,
        }
        if message is not None:
            interaction["message"] = message
        if person is not None:
            member = state.members.get(person.id)
            if member is not None:
                interaction["member"] = {**member.as_json(), "permissions": "0"}
            else:
                interaction["user"] = person.public()
        state.interactions[interaction["token"]] = {**interaction, "sent_at": state.clock()}
        return interaction

    def signed(self, payload: dict[str, Any], *, timestamp: int | None = None) -> tuple[bytes, dict[str, str]]:
        """The body as bytes and the two signature headers."""
        body = json.dumps(payload).encode()
        stamp = str(int(self.state.clock()) if timestamp is None else timestamp)
        signature = self.state.signing_key.sign(stamp.encode() + body).hex()
        return body, {"X-Signature-Ed25519": signature, "X-Signature-Timestamp": stamp}

    def send(self, payload: dict[str, Any], *, url: str = "") -> Reply:
        """POST the interaction to the application's endpoint and note the answer, as Discord would show it."""
        stored = self.state.interactions[payload["token"]]
        target = url or self.state.applications[DEMO_CLIENT_ID].interactions_url
        body, headers = self.signed(payload)
        request = urllib.request.Request(target, data=body, headers={**headers, "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=3) as response:
                status, raw = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, raw = error.code, error.read()
        try:
            answer = json.loads(raw or b"{}")
        except ValueError:
            answer = {}
        with self.state.lock:
            if status == 200:
                stored["answered"] = True
                stored["answer"] = answer
                if answer.get("type") == 4:
                    stored["original"] = dict(answer.get("data") or {})
        return Reply(status, answer, stored)

    def slash(self, person: Person, name: str, /, *, channel_id: str = "", url: str = "", **options: Any) -> Reply:
        """`person` types ``/name option:value``; ``sub=`` names a subcommand."""
        return self.send(self.command(person, name, channel_id=channel_id, **options), url=url)

    def command(self, person: Person, name: str, /, *, channel_id: str = "", **options: Any) -> dict[str, Any]:
        """The interaction of a slash command, not yet sent."""
        return self.build(COMMAND, command_data(name, **options), person=person, channel_id=channel_id)

    def press(self, person: Person, custom_id: str, *, message: dict[str, Any], channel_id: str = "") -> dict[str, Any]:
        """The interaction of a pressed button, not yet sent."""
        return self.build(
            COMPONENT,
            {"custom_id": custom_id, "component_type": 2},
            person=person,
            message=message,
            channel_id=channel_id,
        )

    def complete(self, person: Person, name: str, focused: str, typed: str, /, **options: Any) -> dict[str, Any]:
        """The interaction of somebody typing into an option that completes, not yet sent."""
        data = command_data(name, **{**options, focused: typed})
        inner = data["options"][0]["options"] if "sub" in options else data["options"]
        for option in inner:
            if option["name"] == focused:
                option["focused"] = True
        return self.build(AUTOCOMPLETE, data, person=person)


def command_data(
    name: str, /, *, sub: str = "", attachment: dict[str, Any] | None = None, **options: Any
) -> dict[str, Any]:
    """The ``data`` of a command: option types follow from the values' Python types."""
    kinds = {bool: 5, int: 4, float: 10}
    listed = [{"name": k, "type": kinds.get(type(v), 3), "value": v} for k, v in options.items()]
    data: dict[str, Any] = {"id": "1", "name": name, "type": 1, "options": listed}
    if attachment is not None:
        data["resolved"] = {"attachments": {attachment["id"]: attachment}}
        listed.append({"name": "log", "type": 11, "value": attachment["id"]})
    for option in listed:
        if option["name"] in ("member",):
            option["type"] = 6
    if sub:
        data["options"] = [{"name": sub, "type": 1, "options": listed}]
    return data
