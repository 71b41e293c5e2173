"""Lists of points, the roster, raids and items answer an `ETag`, and 304 to an `If-None-Match` that has it, compared
weakly (docs/api-contract.md)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from . import responses
from .good_requests import path_for
from .guild import Guild

PROMISED = (
    "/api/characters/", "/api/characters/hierarchy/", "/api/discord/roster/", "/api/dkp-pools/", "/api/ranks/",
    "/api/points/adjustments/", "/api/points/entries/", "/api/points/history/user/{user_id}/",
    "/api/points/leaderboard/{dkp_pool_id}/", "/api/points/user/{user_id}/",
    "/api/points/user/{user_id}/pool/{dkp_pool_id}/", "/api/bidding/me/", "/api/attendance/", "/api/characters/{id}/",
    "/api/characters/by-name/{name}/", "/api/events/", "/api/items/", "/api/items/{id}/price-history/", "/api/loot/",
    "/api/raids/", "/api/raids/{id}/", "/api/raids/{raid_id}/attendance/", "/api/raids/{raid_id}/checks/",
    "/api/raids/{raid_id}/loot/",
)  # fmt: skip
OTHER = '"0123456789abcdef"'
HEADERS: list[tuple[str, Callable[[str], str], int]] = [
    ("as it came", lambda tag: tag, 304),
    ("strong", lambda tag: tag.removeprefix("W/"), 304),
    ("in a list", lambda tag: f'{OTHER}, W/"x",{tag}', 304),
    ("a list with a comma in a tag", lambda tag: f'"a,b", {tag}', 304),
    ("whatever there is", lambda tag: "*", 304),
    ("another", lambda tag: OTHER, 200),
    ("one that only begins so", lambda tag: f'{tag[:-2]}"', 200),
    ("without its quotes", lambda tag: tag.removeprefix("W/").strip('"'), 200),
    ("a star in a tag", lambda tag: '"*"', 200),
    ("nothing", lambda tag: "", 200),
    ("nonsense", lambda tag: ",,W/,\"", 200),
]  # fmt: skip


def test_the_schema_says_which_lists_they_are() -> None:
    found = {path for method, path, described in responses.operations() if "304" in described["responses"]}
    assert found == set(PROMISED)


@pytest.mark.parametrize(("header", "status"), [one[1:] for one in HEADERS], ids=[one[0] for one in HEADERS])
def test_if_none_match(guild: Guild, header: Callable[[str], str], status: int) -> None:
    wrong = []
    for path in PROMISED:
        where = path_for(guild, f"get {path}")
        first = guild.api.get(where)
        again = guild.api.get(where, headers={"If-None-Match": header(first["ETag"])})
        wrong += responses.faults("get", path, again)
        if again.status_code != status or again["ETag"] != first["ETag"] or bool(again.content) != (status == 200):
            wrong.append(f"{path}: {again.status_code}")
    assert wrong == []


def test_a_query_that_is_refused_is_never_unchanged(guild: Guild) -> None:
    for path in ("/api/characters/?ordering=bogus", "/api/points/entries/?kind=theft", "/api/ranks/?page=99"):
        refused = guild.api.get(path, headers={"If-None-Match": "*"})
        assert refused.status_code in (400, 404), path
        assert "ETag" not in refused


def test_what_is_written_is_news(guild: Guild) -> None:
    ledger = ("/api/points/adjustments/", "/api/points/entries/", "/api/points/user/{user_id}/")
    tags = {path: guild.api.get(path_for(guild, f"get {path}"))["ETag"] for path in ledger}
    guild.post("/api/points/adjustments/", {"user_id": guild.ids["aeli"], "amount": 1, "reason": "x"})
    for path, tag in tags.items():
        assert guild.api.get(path_for(guild, f"get {path}"), headers={"If-None-Match": tag}).status_code == 200
    tag = guild.api.get(ledger[0])["ETag"]
    guild.hers.get(ledger[0])
    assert guild.hers.get(ledger[0], headers={"If-None-Match": tag}).status_code == 200  # notes are not for everybody
