"""Talking to the interactions endpoint as Discord does, without a socket in between."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpResponse
from django.test import Client

from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.interactions import MODAL
from tests.fake_discord.state import Person

PATH = "/api/discord/interactions/"


class Talk:
    """Builds, signs and sends interactions; every answer must come within Discord's three seconds."""

    def __init__(self, fake: FakeDiscordServer) -> None:
        self.fake = fake
        self.client = Client(raise_request_exception=True)
        self.client.post(PATH)  # the first request of a process loads all paths

    def send(self, payload: dict[str, Any], *, timestamp: int | None = None, **headers: str) -> HttpResponse:
        body, signed = self.fake.interactor.signed(payload, timestamp=timestamp)
        started = time.monotonic()
        response = self.client.post(PATH, body, content_type="application/json", headers={**signed, **headers})
        assert time.monotonic() - started < 3
        self.fake.state.interactions[payload["token"]]["answered"] = True
        return response

    def slash(self, person: Person, name: str, /, **options: Any) -> dict[str, Any]:
        """The callback body of a slash command."""
        return self._json(self.send(self.fake.interactor.command(person, name, **options)))

    def press(self, person: Person, custom_id: str) -> dict[str, Any]:
        """The callback body of a pressed button."""
        return self._json(self.send(self.fake.interactor.press(person, custom_id, message={"id": "1"})))

    def fill_in(self, person: Person, custom_id: str, **values: str) -> dict[str, Any]:
        """The callback body of a sent form."""
        rows = [{"type": 1, "components": [{"type": 4, "custom_id": k, "value": v}]} for k, v in values.items()]
        data = {"custom_id": custom_id, "components": rows}
        return self._json(self.send(self.fake.interactor.build(MODAL, data, person=person)))

    def complete(self, person: Person, name: str, focused: str, typed: str, /, **options: Any) -> list[str]:
        """The values suggested while somebody types."""
        answer = self._json(self.send(self.fake.interactor.complete(person, name, focused, typed, **options)))
        assert answer["type"] == 8
        return [choice["value"] for choice in answer["data"]["choices"]]

    def _json(self, response: HttpResponse) -> dict[str, Any]:
        assert response.status_code == 200, response.content
        return response.json()  # type: ignore[attr-defined, no-any-return]


def text_of(answer: dict[str, Any]) -> str:
    """Everything that a person would read in an answer."""
    data = answer.get("data") or answer
    parts = [data.get("content") or ""]
    for embed in data.get("embeds") or []:
        parts += [embed.get("title", ""), embed.get("description", "")]
        parts += [f"{field['name']} {field['value']}" for field in embed.get("fields", [])]
    return "\n".join(parts)
