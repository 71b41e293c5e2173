"""`Idempotency-Key`: the same POST twice does one thing and gets one answer, in any thread or process."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import OperationalError, connection
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core.errors import GuildhallError, NotAllowed, NotAuthenticated, TooManyRequests
from guildhall.core.models import IdempotencyKey
from guildhall.core.retention_rules import IDEMPOTENCY_KEPT
from guildhall.core.tasks import forget_old_rows
from guildhall.points.models import DKPPool, LedgerEntry, UserPointsSummary
from guildhall.points.services import create_pool

URL = "/api/points/adjustments/"


def officer() -> User:
    return create_person(display_name="Boss", role_group="officer")


def client(user: User) -> APIClient:
    found = APIClient(raise_request_exception=False)
    found.force_authenticate(user)
    return found


def send(api: APIClient, user: User, key: str, amount: Any = "5.00", **more: Any) -> Any:
    body = {"user_id": user.pk, "amount": amount, "reason": "x", **more}
    return api.post(URL, body, headers={"Idempotency-Key": key})


@pytest.mark.django_db
def test_twice_is_once_with_the_same_answer() -> None:
    boss = officer()
    create_pool(name="V")
    one, two = send(client(boss), boss, "a"), send(client(boss), boss, "a")
    assert (one.status_code, two.status_code, two.json()) == (201, 201, one.json())
    assert two["Idempotent-Replayed"] == "true"
    assert LedgerEntry.objects.count() == 1
    assert send(client(boss), boss, "b").json()["id"] != one.json()["id"]


@pytest.mark.django_db
def test_another_body_or_path_is_a_conflict() -> None:
    boss = officer()
    create_pool(name="V")
    entry = LedgerEntry.objects.all()
    send(client(boss), boss, "a")
    other = send(client(boss), boss, "a", amount="6.00")
    assert (other.status_code, other.json()["errors"][0]["code"]) == (409, "idempotency_key_reused")
    path = f"/api/points/entries/{entry.get().pk}/reverse/"
    elsewhere = client(boss).post(path, {"reason": "x"}, headers={"Idempotency-Key": "a"})
    assert (elsewhere.status_code, elsewhere.json()["errors"][0]["code"]) == (409, "idempotency_key_reused")
    assert entry.count() == 1


@pytest.mark.django_db
def test_keys_of_two_people_do_not_meet() -> None:
    boss, other = officer(), create_person(display_name="Other", role_group="officer")
    create_pool(name="V")
    assert send(client(boss), boss, "a").status_code == 201
    assert send(client(other), boss, "a").status_code == 201
    assert LedgerEntry.objects.count() == 2


@pytest.mark.django_db
def test_a_refusal_is_repeated_and_does_nothing() -> None:
    boss = officer()
    one = send(client(boss), boss, "a")  # there is no pool yet
    assert one.status_code == 404
    create_pool(name="V")
    two = send(client(boss), boss, "a")
    assert (two.status_code, two.json()) == (404, one.json())
    assert ("Idempotent-Replayed" in one, two["Idempotent-Replayed"]) == (False, "true")
    assert not LedgerEntry.objects.exists()
    assert send(client(boss), boss, "b").status_code == 201


class NotNow(GuildhallError):
    status = 503


def refused_once(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> Any:
    """The answer to an adjustment that ends in `problem`; nothing is kept, and the same key does it afterwards."""
    boss = officer()
    create_pool(name="V")

    def fail(*args: Any) -> None:
        raise problem

    with monkeypatch.context() as patch:
        patch.setattr("guildhall.points.services.adjustments._notify", fail)
        patch.setattr("guildhall.core.transactions.time.sleep", lambda seconds: None)
        refused = send(client(boss), boss, "a")
    assert not IdempotencyKey.objects.exists()
    assert not LedgerEntry.objects.exists()
    done = send(client(boss), boss, "a")
    assert (done.status_code, "Idempotent-Replayed" in done) == (201, False)
    return refused


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (NotNow("The other side does not answer.", code="away"), (503, "away")),
        (OperationalError("database is locked"), (409, "busy")),
        (TooManyRequests("Wait.", retry_after=5), (429, "throttled")),
    ],
)
def test_what_only_says_not_now_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, problem: Exception, expected: tuple[int, str]
) -> None:
    """503, 429 and 409 `busy` are safe to repeat with the same key: it does then what it was to do."""
    refused = refused_once(monkeypatch, problem)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == expected
    assert refused.get("Retry-After") == {429: "5", 409: "1"}.get(expected[0])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("problem", "expected"),
    [(NotAuthenticated("Sign in.", code="sign_in"), (401, "sign_in")), (NotAllowed("No.", code="no"), (403, "no"))],
)
def test_what_says_not_you_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, problem: Exception, expected: tuple[int, str]
) -> None:
    """401 and 403, also where the handler says them: with the right the same key does what it was to do."""
    refused = refused_once(monkeypatch, problem)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == expected


@pytest.mark.django_db
def test_another_query_string_is_another_request() -> None:
    boss = officer()
    create_pool(name="V")
    send(client(boss), boss, "a")
    body = {"user_id": boss.pk, "amount": "5.00", "reason": "x"}
    other = client(boss).post(f"{URL}?format=json", body, headers={"Idempotency-Key": "a"})
    assert (other.status_code, other.json()["errors"][0]["code"]) == (409, "idempotency_key_reused")


@pytest.mark.django_db
def test_a_crash_keeps_no_answer_so_the_client_may_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    boss = officer()
    create_pool(name="V")
    with monkeypatch.context() as patch:
        patch.setattr("guildhall.points.services.adjustments._notify", lambda *args: 1 / 0)
        assert send(client(boss), boss, "a").status_code == 500
    assert not IdempotencyKey.objects.exists()
    assert not LedgerEntry.objects.exists()
    assert send(client(boss), boss, "a").status_code == 201


@pytest.mark.django_db
def test_a_key_that_is_too_long_is_refused() -> None:
    boss = officer()
    assert send(client(boss), boss, "a" * 256).json()["errors"][0]["code"] == "idempotency_key_too_long"


@pytest.mark.django_db
def test_keys_are_kept_two_days() -> None:
    boss = officer()
    create_pool(name="V")
    send(client(boss), boss, "a")
    forget_old_rows()
    assert IdempotencyKey.objects.count() == 1
    row = IdempotencyKey.objects.get()
    IdempotencyKey.objects.update(created_at=row.created_at - IDEMPOTENCY_KEPT * 1.1)
    forget_old_rows()
    assert not IdempotencyKey.objects.exists()


def together(count: int, act: Any) -> list[Any]:
    """Call `act(n)` in threads that start at once; their answers."""
    found: list[Any] = [None] * count
    start = threading.Barrier(count)

    def run(n: int) -> None:
        start.wait()
        try:
            found[n] = act(n)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_same_key_at_once_has_one_effect_and_one_answer() -> None:
    boss = officer()
    create_pool(name="V")
    answers = together(8, lambda n: send(client(boss), boss, "a"))
    assert {answer.status_code for answer in answers} == {201}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert LedgerEntry.objects.count() == 1
    assert UserPointsSummary.objects.get().balance == 5


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_different_keys_at_once_all_count() -> None:
    boss = officer()
    create_pool(name="V")
    answers = together(8, lambda n: send(client(boss), boss, f"key-{n}"))
    assert {answer.status_code for answer in answers} == {201}
    assert UserPointsSummary.objects.get().balance == 40


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_entry_is_reversed_once_however_many_ask_at_once() -> None:
    boss = officer()
    create_pool(name="V")
    send(client(boss), boss, "a")
    path = f"/api/points/entries/{LedgerEntry.objects.get().pk}/reverse/"
    answers = together(6, lambda n: client(boss).post(path, {"reason": f"by {n}"}))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert {a.json()["errors"][0]["code"] for a in answers if a.status_code == 409} == {"already_reversed"}
    assert DKPPool.objects.count() == 1
    assert UserPointsSummary.objects.get().balance == 0
