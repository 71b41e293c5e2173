"""The standings of a pool, and the same as a file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from guildhall.accounts.models import Section, User
from guildhall.accounts.visitors import is_visitor
from guildhall.core.errors import NotFound
from guildhall.core.statements import Query
from guildhall.points import selectors as points
from guildhall.points.hooks import attendance_models, attendance_period
from guildhall.points.models import DKPPool, UserPointsSummary
from guildhall.roster.models import Character, CharacterAlias, CharacterClass, Rank
from guildhall.roster.selectors import ranks
from guildhall.web import exports
from guildhall.web.kept_pages import kept_page
from guildhall.web.pages import as_number, chosen, page, paginate, rows_of, searched

COLUMNS = (
    "rank", "name", "main_character", "character_class", "earned", "spent", "adjusted", "balance", "attendance_30d",
)  # fmt: skip
ORDERS = [*points.STANDING_ORDERS, *(f"-{name}" for name in points.STANDING_ORDERS)]


def _asked(request: HttpRequest) -> tuple[DKPPool, Query, bool]:
    """Return the pool, the rows that were asked for, and whether they are the plain standings without gaps."""
    pool = points.pool_or_default(as_number(request.GET.get("pool"), attr="pool", what="a pool"))
    search = searched(request)
    character_class = chosen(request.GET.get("class"), CharacterClass.values)
    rank_id = as_number(request.GET.get("rank"), attr="rank", what="a rank")
    order = chosen(request.GET.get("sort"), ORDERS, "-balance")
    rows = points.standings_list(
        pool=pool,
        search=search,
        character_class=character_class,
        rank_id=rank_id,
        order=order,
        for_visitor=is_visitor(request),
    )
    narrowed = search or character_class or rank_id is not None or is_visitor(request)
    return pool, rows, not narrowed and order == "-balance"


@page("points:read", visitors=Section.STANDINGS)
@kept_page(
    UserPointsSummary, User, Character, CharacterAlias, Rank, DKPPool, also=attendance_models, moment=attendance_period
)
def standings(request: HttpRequest) -> HttpResponse:
    """Return who has how much: search, filter, sort, a page at a time."""
    try:
        pool, rows, plain = _asked(request)
    except NotFound as error:
        if error.code != "no_pool":
            raise
        return render(request, "web/no_pool.html")
    listing = paginate(request, points.standings_rows.listed(pool.pk) if plain else rows)
    context = {
        "pool": pool,
        "pools": points.pools(),
        "page": listing,
        "rows": points.standings(rows=rows_of(listing), consecutive=plain, is_first=listing.number == 1),
        "classes": [value for value in CharacterClass.values if value],
        "ranks": ranks(for_visitor=is_visitor(request)),
        "formats": exports.FORMATS,
    }
    return render(request, "web/standings.html", context)


@page("points:read", visitors=Section.STANDINGS)
def standings_export(request: HttpRequest, file_format: str) -> HttpResponseBase:
    """Return the standings that the page shows, all of them, as a file."""
    pool, rows, plain = _asked(request)
    found = points.standings(rows=rows, consecutive=plain)
    return exports.table(
        name=f"standings-{pool.name.lower().replace(' ', '-')}".encode("ascii", "ignore").decode(),
        file_format=file_format,
        columns=COLUMNS,
        rows=[
            (
                row.rank, row.display_name, row.main_character, row.character_class, row.earned, row.spent,
                row.adjusted, row.balance, row.attendance_30d,
            )
            for row in found
        ],
    )  # fmt: skip
