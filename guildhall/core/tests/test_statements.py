"""Queries that are compiled once: the rows are the queryset's own, whatever the values, on every database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import Count, F, QuerySet
from django.test.utils import CaptureQueriesContext

from guildhall.accounts.models import APIKey, User
from guildhall.core.statements import statement
from guildhall.roster.models import Character, Rank

pytestmark = [pytest.mark.django_db, pytest.mark.every_database]
T0 = dt.datetime(2026, 3, 1, 20, 0, tzinfo=dt.UTC)
Query = QuerySet[Any]


@pytest.fixture
def people() -> list[User]:
    found = [User.objects.create_user(f"p{number}", display_name=f"Nr 1{number} 100%") for number in range(4)]
    for number, user in enumerate(found):
        Character.objects.create(
            name=f"Char{number}",
            name_key=f"char{number}",
            user=user,
            level=50 + number,
            joined_at=T0 + dt.timedelta(number),
        )
        APIKey.objects.create(user=user, name="k", prefix=f"gh_{number}", key_hash=str(number) * 64, expires_at=T0)
    return found


@statement
def _named(names: Sequence[str], since: dt.datetime) -> QuerySet[Character]:
    return Character.objects.select_related("user").filter(name__in=names, joined_at__gte=since).order_by("-level")


@statement
def _levels(pks: Sequence[int], least: int) -> Query:
    return (
        Character.objects.filter(user__in=pks, level__gte=least)
        .order_by("pk")
        .values_list("name", "level", "user__display_name")
    )


@statement
def _without(pks: Sequence[int]) -> Query:
    return Character.objects.exclude(user__in=pks).order_by("pk").values_list("name", flat=True)


@statement
def _key(pk: UUID, digest: str, *, with_owner: bool = False) -> Query:
    found = APIKey.objects.filter(pk=pk, key_hash=digest)
    return found.values("user__username", "expires_at") if with_owner else found.values("prefix")


@statement
def _counted(least: int) -> Query:
    return User.objects.annotate(n=Count("characters"), one=F("pk") + 1).filter(n__gte=least).order_by("pk")


def test_the_rows_are_those_of_the_queryset_each_time(people: list[User]) -> None:
    pks = [user.pk for user in people]
    for wanted in (pks, pks[:1], [], pks[1:3] * 2):
        for least in (0, 51, 53, 99):
            assert _levels(wanted, least) == list(_levels.queryset(wanted, least))
        assert _without(wanted) == list(_without.queryset(wanted))
    for names in (["Char1", "Char3"], [], ["%s", "Char0"], ["'; --"]):
        for since in (T0, T0 + dt.timedelta(days=2)):
            found = _named(names, since)
            assert found == list(_named.queryset(names, since))
            assert [one.joined_at for one in found] == [one.joined_at for one in _named.queryset(names, since)]


def test_a_part_and_the_number_of_its_rows(people: list[User]) -> None:
    pks = [user.pk for user in people]
    listed = _levels.listed(pks, 51)
    whole = list(_levels.queryset(pks, 51))
    assert (len(listed), list(listed)) == (3, whole)
    for start, stop in ((0, 2), (1, 3), (2, 9), (5, 9), (3, 1)):
        assert listed[start:stop] == whole[start:stop]
    assert [_counted.count(1), _named.count([], T0), _without.count([]), _key.count(UUID(int=1), "")] == [4, 0, 4, 0]
    assert list(_levels.listed(pks, 2**70)) == []
    assert len(_levels.listed(pks, 2**70)) == 0


def test_a_model_comes_with_what_was_selected_with_it(people: list[User]) -> None:
    with CaptureQueriesContext(
        connection,
    ) as sent:
        (found,) = _named(["Char2"], T0)
        assert found.user is not None
        assert (found.user.display_name, found.user.preferences) == ("Nr 12 100%", {})
        assert not found._state.adding
    assert len(sent) == 1
    assert [(one.n, one.one) for one in _counted(1)] == [(1, user.pk + 1) for user in people]
    assert _counted(2) == []


def test_each_keyword_is_a_statement_of_its_own(people: list[User]) -> None:
    key = APIKey.objects.get(user=people[2])
    assert _key(key.pk, key.key_hash) == [{"prefix": "gh_2"}]
    assert _key(key.pk, key.key_hash, with_owner=True) == [{"user__username": "p2", "expires_at": T0}]
    assert _key.first(key.pk, "0" * 64) is None


def test_it_is_built_once() -> None:
    built = []

    @statement
    def ranks(pk: int) -> Query:
        built.append(pk)
        return Rank.objects.filter(pk=pk).values_list("pk")

    for number in range(3):
        ranks(number)
    assert len(built) == 1


def test_what_is_not_fit_for_it_is_refused() -> None:
    @statement
    def unused(pk: int) -> Query:
        return Rank.objects.values_list("pk")

    @statement
    def more(pk: int) -> Query:
        return Rank.objects.filter(pk=pk).prefetch_related("characters")

    @statement
    def negated(pks: Sequence[int]) -> Query:
        return Rank.objects.filter(order__in=[*pks, 1])

    for one, given in ((unused, 1), (more, 1), (negated, [1])):
        with pytest.raises(ImproperlyConfigured):
            one(given)
    with pytest.raises(TypeError):
        _key(None, "")
    with pytest.raises(ImproperlyConfigured):

        @statement
        def odd(value: float) -> Query:
            return Rank.objects.filter(order=value)
