"""An old tool with its key, and the guild that it works for."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from xml.sax.saxutils import escape

from django.test import Client

from guildhall.accounts.services import create_api_key, get_or_create_bot

from .maker import DAY, START

#: When the tests of the old API take place: after everything that `sample_guild` has, and before its planned raid.
NOW = dt.datetime.fromtimestamp(START + 1000 * DAY, dt.UTC)
ALL = ("points:read", "points:write", "raids:read", "raids:write", "roster:read", "roster:write")


RAID = {
    "raid_date": "2026-08-01 20:00", "raid_attendees": {"member": [4, 5]}, "raid_value": 7.5, "raid_event_id": 1,
    "raid_note": "api",
}  # fmt: skip
ITEM = {
    "item_date": "2026-08-01 20:05", "item_buyers": {"member": [4]}, "item_value": 2.25, "item_name": "Api Sword",
    "item_raid_id": 1, "item_itempool_id": 2,
}  # fmt: skip
ADJUSTMENT = {
    "adjustment_date": "2026-08-01 20:05", "adjustment_reason": "api adj", "adjustment_value": -3.5,
    "adjustment_members": {"member": [4, 5]}, "adjustment_event_id": 3, "adjustment_raid_id": 1,
}  # fmt: skip
EVENT = {"event_name": "Api event", "event_value": 4.5, "multidkp_poolid": 2, "event_default_itempool": 1}
CHARACTER = {"name": "Apichar", "rankid": 1, "class": 8, "level": 60}
SIGNUP = {"eventid": 1, "memberid": 4, "status": 1, "role": 1}
BODIES: dict[str, dict[str, Any]] = {
    "add_raid": RAID, "add_item": {**ITEM, "item_itempool_id": 1}, "add_adjustment": ADJUSTMENT, "add_event": EVENT, "character": CHARACTER,
    "raid_signup": SIGNUP,
}  # fmt: skip


class Tool:
    """An old tool with its key."""

    def __init__(self, client: Client, key: str) -> None:
        self.client, self.key = client, key

    def get(self, query: str) -> Any:
        response = self.client.get(f"/api.php?format=json&atoken={self.key}&{query}")
        assert response.status_code == 200
        return json.loads(response.content)

    def post(self, query: str, body: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body)
        response = self.client.post(
            f"/api.php?format=json&atoken={self.key}&{query}", data=data, content_type="application/json"
        )
        assert response.status_code == 200
        return json.loads(response.content)


def xml(body: Any, name: str = "request") -> str:
    """A body as XML: a list repeats its element."""
    if isinstance(body, dict):
        inner = "".join(
            "".join(xml(v, k) for v in value) if isinstance(value, list) else xml(value, k) for k, value in body.items()
        )
        return f"<{name}>{inner}</{name}>"
    return f"<{name}>{escape(str(body))}</{name}>" if body not in ("", None) else f"<{name}/>"


def key(*scopes: str) -> str:
    """A new key of the bot `tool`."""
    return create_api_key(user=get_or_create_bot(name="tool"), name="tool", scopes=scopes, kind="bot")[1]
