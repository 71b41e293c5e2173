"""The rows of every list are plain columns, and what its serializer would make of it (`core/api/rows.py`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework import serializers
from rest_framework.test import APIClient

from guildhall.accounts.models import Section
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.core import clock, kept
from guildhall.core.api import rows
from guildhall.raids.models import Raid

from . import responses, year
from .good_requests import path_for, url
from .guild import Guild
from .test_columns import lists
from .test_who_may import client_of

NO_SERIALIZER = {
    "/api/applications/": "each application shows what the caller's tier may know of it (`recruitment.selectors.view_of`)",
    "/api/applications/pending/": "as /api/applications/",
    "/api/applications/trial-members/": "as /api/applications/",
    "/api/applications/voting-active/": "as /api/applications/",
    "/api/applications/{app_id}/vote-changes/": "one application's, plain rows of `recruitment.selectors`",
    "/api/applications/{app_id}/votes/details/": "one application's, plain rows of `recruitment.selectors`",
    "/api/applications/{app_id}/voting-eligibility/": "computed for everybody who may vote",
    "/api/applications/{id}/comments/": "one application's, plain rows of `recruitment.selectors`",
    "/api/applications/{id}/history/": "one application's, plain rows of `recruitment.selectors`",
    "/api/bidding/active/": "a session with its leaders, as the stream sends it (`auctions.selectors.present`)",
    "/api/bidding/sessions/": "as /api/bidding/active/",
    "/api/discord/active-bids/": "as /api/bidding/active/",
    "/api/bidding/{bid_session_id}/bids/": "`auctions.visibility` says of each bid what is told",
    "/api/items/{item_id}/bid-history/": "`auctions.visibility` says of each bid what is told",
    "/api/characters/{id}/ownership-history/": "one character's, plain rows of `roster.selectors`",
    "/api/discord/roles/": "the server's roles and what is mapped, put together in Python",
    "/api/discord/roster/": "the roles that are due follow from all of a person's characters",
    "/api/points/leaderboard/{dkp_pool_id}/": "ranks are counted for the page (`points.selectors.standings`)",
}
"""Lists whose rows are plain without `rows.made`, with the reason."""
DATES_IN_FILES = {"/api/points/entries/": "a workbook has its times as dates, where a serializer writes text"}
CALLERS = ["nobody", "guest", "member", "member (own)", "recruiter", "officer", "administrator", "bot points:read",
           "bot roster:read", "bot raids:read", "bot discord:read"]  # fmt: skip
ONE_MORE = {"/api/points/leaderboard/{dkp_pool_id}/"}
"""In a transaction attendance asks for the first raids of those who joined lately, where somebody on the page did."""
TOO_FEW = {"/api/applications/voting-active/", "/api/applications/pending/"}
"""Lists of which the guild of a year has not even two rows."""


def by_serializer(queryset: Any, serializer_class: Any, context: Mapping[str, Any] | None = None) -> list[Any]:
    """`rows.made` as DRF would."""
    return list(serializer_class(queryset, many=True, context=context or {}).data)


def asked(api: APIClient, where: str, **query: object) -> tuple[int, bytes]:
    kept.clear()  # else the second way would get what the first one made
    response = api.get(where, query)
    return response.status_code, response.content


def paths(guild: Guild) -> dict[str, str]:
    return {path: url(guild, f"get {path}", described) for path, described, _ in lists()}


def records(guild: Guild) -> list[str]:
    """Every address that answers one thing, which may be made by `rows.row_of`."""
    found = [
        f"{method} {path}" for method, path, _ in responses.operations() if method == "get" and path.endswith("}/")
    ]
    return [path_for(guild, operation) for operation in found]


@pytest.mark.parametrize("caller", CALLERS)
def test_every_list_is_byte_for_byte_what_its_serializer_makes(guild: Guild, caller: str) -> None:
    edit_visitor_access(actor=None, **dict.fromkeys(Section.values, True))
    Raid.objects.filter(pk=guild.ids["raid"]).update(reversal_reason="“ü”", ended_at=clock.now())
    api, wrong, seen = client_of(caller, guild), [], 0
    with clock.frozen(clock.now()):
        for path, where in paths(guild).items():
            for form in ("json",) if path in DATES_IN_FILES else ("json", "csv"):
                plain = asked(api, where, format=form)
                with mock.patch.object(rows, "made", by_serializer):
                    slow = asked(api, where, format=form)
                seen += plain[0] == 200
                if plain != slow:
                    wrong.append(f"{path} as {form}:\n  {plain}\n  {slow}")
        for where in records(guild):
            plain = asked(api, where)
            with mock.patch.object(rows, "made", by_serializer):
                slow = asked(api, where)
            if plain != slow:
                wrong.append(f"{where}:\n  {plain}\n  {slow}")
    assert not wrong, "\n".join(wrong)
    assert seen > (10 if caller in ("nobody", "guest") or caller.startswith("bot") else 40)


def test_no_list_makes_its_rows_one_by_one(guild: Guild) -> None:
    wrong = []
    for path, where in paths(guild).items():
        guild.api.get(where)  # else the makers of rows, made when they are needed first, would look at what is mocked
        with ExitStack() as stack:
            one = stack.enter_context(
                mock.patch.object(
                    serializers.Serializer, "to_representation", autospec=True,
                    side_effect=serializers.Serializer.to_representation,
                )
            )  # fmt: skip
            made = stack.enter_context(mock.patch.object(rows, "made", side_effect=rows.made))
            kept.clear()
            assert guild.api.get(where).json()["results"], f"{path} has no rows here"
        if one.called:
            wrong.append(f"{path}: a serializer makes each row; let `rows.page_of` answer")
        if made.called == (path in NO_SERIALIZER):
            wrong.append(
                f"{path}: {'is made by rows.made, no excuse is needed' if made.called else 'not by rows.made'}"
            )
    assert not wrong, "\n".join(wrong)
    assert set(NO_SERIALIZER) <= {path for path, _, _ in lists()}


@pytest.mark.slow
@pytest.mark.django_db
def test_in_a_guild_of_a_year_too_and_with_as_many_queries_for_many_rows_as_for_one(settings: Any) -> None:
    """One load of the demo guild, which takes a while, for both."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    api = APIClient(raise_request_exception=False)
    api.force_authenticate(year.load())
    wrong, short = [], set()
    with clock.frozen(clock.now()):
        for path, where in _year_paths().items():
            plain = asked(api, where, page_size=500)
            with mock.patch.object(rows, "made", by_serializer):
                slow = asked(api, where, page_size=500)
            if plain != slow:
                wrong.append(f"{path}:\n  {plain[1][:3000]!r}\n  {slow[1][:3000]!r}")
            count = len(api.get(where, {"page_size": 500}).json()["results"])
            if count < 2:
                short.add(path)
            few, many = (_queries(api, where, size) for size in (1, 500))
            if len(many) > len(few) + (path in ONE_MORE):
                wrong.append(f"{path}: {len(few)} queries for one row, {len(many)} for {count}:\n" + "\n".join(many))
    assert not wrong, "\n".join(wrong)
    assert short == TOO_FEW


def _year_paths() -> dict[str, str]:
    places, found = year.places(), {}
    for path, _, _ in lists():
        where = path
        for before in sorted((one for one in places if path.startswith(one)), key=len, reverse=True)[:1]:
            where = re.sub(r"\{\w+\}", str(places[before]), path)
        found[path] = where
    return found


def _queries(api: APIClient, where: str, size: int) -> list[str]:
    kept.clear()
    with CaptureQueriesContext(connection) as found:
        assert api.get(where, {"page_size": size}).status_code == 200, where
    return [one["sql"] for one in found]
