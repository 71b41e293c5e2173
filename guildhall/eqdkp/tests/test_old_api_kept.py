"""The old function ``points`` is kept, and is what it would be if it were made anew (`compat/kept.py`)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from guildhall.accounts.visitors import edit_visitor_access
from guildhall.core import clock, kept, revisions
from guildhall.eqdkp.compat.kept import READ_FROM
from guildhall.points.models import DKPPool
from guildhall.points.services import adjust_points
from guildhall.roster.models import Character
from tests.reads import Reads

from .importing import bring
from .maker import sample_guild
from .old_tool import ALL, NOW, Tool, key

pytestmark = pytest.mark.django_db
QUERIES = [
    "function=points", "function=points&format=json", "function=points&format=lua", "function=points&filter=character&filterid=4",
    "function=points&memberdata=items,adjustments&format=json", "function=points&include_html=1",
    "function=points&one_table=false&format=lua",
]  # fmt: skip


@pytest.fixture
def tools(db: None, tmp_path: Path) -> dict[str, Tool]:
    bring(sample_guild(), tmp_path)
    edit_visitor_access(actor=None, standings=True)
    return {
        "all": Tool(Client(), key(*ALL)),
        "points alone": Tool(Client(), key("points:read")),
        "a stranger": Tool(Client(), ""),
    }


def test_each_caller_is_answered_as_if_nothing_were_kept(tools: dict[str, Tool]) -> None:
    with clock.frozen(NOW):
        alone = {}
        for name, tool in tools.items():
            for query in QUERIES:
                kept.clear()
                alone[name, query] = raw(tool, query)
        for order in (list(tools), list(reversed(tools))):
            kept.clear()
            for name in order:
                for query in QUERIES:
                    for _ in range(2):
                        assert raw(tools[name], query) == alone[name, query], (name, query)


def test_it_has_the_time_of_the_answer(tools: dict[str, Tool], django_assert_num_queries: Any) -> None:
    with clock.frozen(NOW):
        first = tools["all"].get("function=points&format=json")
    later = NOW + dt.timedelta(hours=7, seconds=3)
    with clock.frozen(later), django_assert_num_queries(1):  # the revisions
        second = tools["all"].get("function=points&format=json")
    assert str(int(NOW.timestamp())) in str(first)
    assert str(int(later.timestamp())) in str(second)
    assert "2199" not in str(second)


def test_it_is_made_anew_after_a_change(tools: dict[str, Tool]) -> None:
    with clock.frozen(NOW):
        before = tools["all"].get("function=points")
        character = Character.objects.exclude(user=None).order_by("pk").first()
        assert character is not None
        adjust_points(
            user_ids=[character.user_id], pool=DKPPool.objects.order_by("pk")[0], amount=7, reason="x", actor=None
        )
        assert tools["all"].get("function=points") != before


def raw(tool: Tool, query: str) -> bytes:
    return tool.client.get(f"/api.php?atoken={tool.key}&{query}").content


def test_what_is_read_is_named(tools: dict[str, Tool]) -> None:
    reads = Reads()
    with connection.execute_wrapper(reads), clock.frozen(NOW):
        for tool in tools.values():
            for query in QUERIES:
                kept.clear()
                raw(tool, query)
    assert reads.tables - set(revisions.tables_of(*READ_FROM)) - {"core_revision", "accounts_apikey"} == set()
