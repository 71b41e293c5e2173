"""What a stranger may see of characters whose rank is hidden: nothing. For pages, the API, the old API and the feed alike.

Invariants (docs/officer.md, "What strangers may see"):

1. A person is hidden where their main has a hidden rank; where nobody chose a main, where any of their characters has.
2. A character is hidden where its rank, its person or its main is.
3. Lists leave hidden people out, hidden characters, and every row that is about one of either (attendance, awards, sign-ups):
   so that no search, filter or order finds one. Where a hidden person is only mentioned, as the leader of a raid, there is
   nobody.
4. Counts, ranks in the standings, prices and medians count everybody: they name nobody. A gap between two ranks tells that
   somebody hidden stands there, and so about how much they have.

Whoever is signed in is judged by their scopes; this is asked for strangers alone (`accounts.visitors.is_visitor`).
`tests/contract/test_what_strangers_see.py` plants hidden characters and people and reads everything that is open.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from .models import Character, CharacterAlias

_Row = TypeVar("_Row", bound=Model)


def _people() -> QuerySet[Any, object]:
    """Return the ids of hidden people, as a subquery."""
    main = Character.objects.filter(main_user=OuterRef("user_id"))
    rows = Character.objects.filter(rank__is_hidden=True, user__isnull=False)
    return rows.filter(Q(is_main=True) | ~Exists(main)).values("user_id")


def hidden_characters() -> QuerySet[Character]:
    """Return every hidden character."""
    return Character.objects.filter(
        Q(rank__is_hidden=True) | Q(main_character__rank__is_hidden=True) | Q(user__in=_people())
    ).order_by()


def without_hidden(rows: QuerySet[Character]) -> QuerySet[Character]:
    """Return those of `rows` that a stranger may be shown: neither hidden nor off the roster."""
    return rows.exclude(status=Character.Status.REMOVED).exclude(pk__in=hidden_characters().values("pk"))


def without_hidden_people(rows: QuerySet[_Row], *, user: str = "user") -> QuerySet[_Row]:
    """Return those of `rows` whose person (the field `user`) is not hidden."""
    return rows.exclude(**{f"{user}__in": _people()})


def without_hidden_rows(rows: QuerySet[_Row], *, name: str = "", name_key: str = "") -> QuerySet[_Row]:
    """Return those of `rows` that are about no hidden character.

    Args:
        rows: with a `character`, which may be empty.
        name, name_key: the field with the name, or with its key, that the row was written down with. A row without a
            character is told by it, also where it is a former name.
    """
    hidden = hidden_characters()
    rows = rows.exclude(character__in=hidden.values("pk"))
    for field, column in ((name, "name"), (name_key, "name_key")):
        if field:
            former = CharacterAlias.objects.filter(character__in=hidden.values("pk")).order_by()
            rows = rows.exclude(**{f"{field}__in": hidden.values(column)})
            rows = rows.exclude(**{f"{field}__in": former.values(column)})
    return rows


def hidden_people_among(user_ids: Collection[int | None]) -> set[int]:
    """Return which of these people are hidden. One query; none where nobody is named."""
    wanted = {user_id for user_id in user_ids if user_id is not None}
    return set(_people().filter(user__in=wanted).values_list("user_id", flat=True)) if wanted else set()


def hidden_ids(ids: Collection[int] | None = None) -> set[int]:
    """Return the ids of hidden characters, of these or of all. One query; none where none are named."""
    if ids is not None and not ids:
        return set()
    rows = hidden_characters() if ids is None else hidden_characters().filter(pk__in=ids)
    return set(rows.values_list("pk", flat=True))
