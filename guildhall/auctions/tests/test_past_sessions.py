"""`GET /api/bidding/sessions/`: every auction, with filters that agree with what is shown."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.auctions.services import cancel_session, close_session
from guildhall.core import clock

from . import build
from .test_api import client

pytestmark = pytest.mark.django_db


@pytest.fixture
def asks(db: None) -> Any:
    pool = build.pool()
    member = client(build.person("Aeli", points=100, pool=pool))

    def ask(**parameters: Any) -> list[tuple[str, str]]:
        answer = member.get("/api/bidding/sessions/", parameters)
        assert answer.status_code == 200, answer.content
        return [(one["item_name"], one["status"]) for one in answer.json()["results"]]

    return ask


def test_all_are_there_and_status_goes_by_the_clock(asks: Any) -> None:
    start = clock.now()
    with clock.frozen(start):
        build.session("Running", duration_seconds=600)
        build.session("Over", duration_seconds=60)
        close_session(session_id=build.session("Closed").pk, actor=None)
        cancel_session(session_id=build.session("Cancelled").pk, actor=None, reason="wrong item")
    with clock.frozen(start + dt.timedelta(seconds=120)):
        shown = dict(asks())
        assert shown == {"Running": "open", "Over": "closed", "Closed": "closed", "Cancelled": "cancelled"}
        for status in ("open", "closed", "awarded", "cancelled"):
            assert {name for name, _ in asks(status=status)} == {
                name for name, is_now in shown.items() if is_now == status
            }


def test_it_is_filtered_by_item_and_sorted(asks: Any) -> None:
    for name in ("Beta", "Alpha"):
        build.session(name)
    assert [name for name, _ in asks(ordering="item_name")] == ["Alpha", "Beta"]
    assert [name for name, _ in asks(item_name="alp")] == ["Alpha"]
    assert asks(dkp_pool_id=99999) == []
