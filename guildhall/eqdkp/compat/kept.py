"""The old function ``points``, which its tools ask for again and again: kept as finished bytes (`core.kept`).

The key has the revisions of what it is read from, what the caller may see, and the query. Its own time (``info``) is filled
in for each. Attendance beside the points (``add_columns``) moves with the time, so such an answer is made for each call.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping

from django.http import HttpRequest

from guildhall.accounts.models import User, VisitorAccess
from guildhall.core import clock, revisions
from guildhall.core import kept as answers
from guildhall.eqdkp.models import ImportRun, LegacyRecord
from guildhall.loot.models import Item, LootDistribution
from guildhall.points.models import DKPPool, LedgerEntry, PointAdjustment, UserPointsSummary
from guildhall.raids.models import Event, EventPool, ItemPool, Raid
from guildhall.roster.models import Character, CharacterAlias, CharacterOwnership, Rank

from .caller import Caller
from .points import asked, points, time_texts
from .rendering import rendered
from .site import Site

Params = Mapping[str, str]
#: Every model that the answer is read from (`tests/test_old_api_kept.py`).
READ_FROM = (
    User, VisitorAccess, Character, CharacterAlias, CharacterOwnership, Rank, DKPPool, UserPointsSummary, LedgerEntry,
    PointAdjustment, Item, LootDistribution, Event, EventPool, ItemPool, Raid, LegacyRecord, ImportRun,
)  # fmt: skip
#: Parameters that say who asks; what that caller sees is in the key by itself.
_OF_THE_KEY = frozenset({"atoken", "atype", "key", "type"})
#: Stands for the time of the answer until it is filled in.
_SOME_TIME = dt.datetime(2199, 12, 31, 23, 59, 59, tzinfo=dt.UTC)


def is_kept(params: Params) -> bool:
    """Return whether the answer to these parameters is kept."""
    return params.get("function") == "points" and not asked(params, "add_columns")


def kept_points(request: HttpRequest, params: Params, caller: Caller) -> tuple[bytes, str]:
    """Return the body and the content type of the answer to a caller who may read points.

    Raises:
        BadInput: as `points.points`.
    """
    seen = revisions.of_request(request)
    tables = revisions.tables_of(*READ_FROM)
    asked_for = [f"{name}={params[name]}" for name in sorted(params) if name not in _OF_THE_KEY]
    sees = [str(caller.known), str(caller.as_user), ",".join(sorted(caller.scopes)), ",".join(sorted(caller.opened))]
    parts = ["old-points", answers.build(), revisions.version(seen, tables), *asked_for, *sees]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    answer = answers.get(key)
    if answer is None:
        with answers.once(key):
            answer = answers.get(key)
            if answer is None:
                found = points(Site(trusted=caller.known), params, caller, now=_SOME_TIME)
                body, content_type = rendered(found, params)
                answer = answers.Answer(body, (("Content-Type", content_type),))
                answers.keep(key, answer, seen=seen, tables=tables)
    body = answer.body
    for some, real in zip(time_texts(_SOME_TIME), time_texts(clock.now()), strict=True):
        body = body.replace(some.encode(), real.encode(), 1)
    return body, answer.headers[0][1]
