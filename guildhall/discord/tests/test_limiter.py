"""The limiter: the same arithmetic in memory and in Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guildhall.discord.client.limiter import Limiter, Ticket, Wait
from guildhall.discord.client.store import MemoryStore, RedisStore, Store
from guildhall.discord.tests.servers import redis_server


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    with redis_server() as client:
        yield RedisStore(client)


def headers(limit: int, left: int, reset: float, bucket: str = "abc") -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(left),
        "X-RateLimit-Reset-After": str(reset),
        "X-RateLimit-Bucket": bucket,
    }


def take(limiter: Limiter, route: str = "GET /x", major: str = "1") -> Ticket:
    ticket = limiter.acquire(route, major)
    assert isinstance(ticket, Ticket), ticket
    return ticket


def learned(store: Store, clock: Clock, limit: int = 5) -> Limiter:
    limiter = Limiter(store, clock=clock)
    limiter.release(take(limiter), headers(limit, limit - 1, 5.0))
    return limiter


def test_an_unknown_bucket_lets_one_request_learn_it(store: Store) -> None:
    clock = Clock()
    limiter = Limiter(store, clock=clock)
    first = take(limiter)
    assert isinstance(limiter.acquire("GET /x", "1"), Wait)
    limiter.release(first, headers(5, 4, 5.0))
    take(limiter)


def test_a_bucket_is_never_overdrawn_within_its_window(store: Store) -> None:
    clock = Clock()
    limiter = learned(store, clock)
    for _ in range(4):
        take(limiter)
    wait = limiter.acquire("GET /x", "1")
    assert isinstance(wait, Wait)
    assert wait.seconds == pytest.approx(5.0)


def test_a_new_window_counts_those_still_under_way(store: Store) -> None:
    clock = Clock()
    limiter = learned(store, clock)
    flying = [take(limiter) for _ in range(4)]
    clock.now += 5.1
    fresh = 0
    while isinstance(limiter.acquire("GET /x", "1"), Ticket):
        fresh += 1
    assert fresh == 1
    assert len(flying) == 4


def test_a_killed_workers_ticket_is_forgotten(store: Store) -> None:
    clock = Clock()
    limiter = learned(store, clock)
    for _ in range(4):
        take(limiter)
    clock.now += 31
    assert sum(isinstance(limiter.acquire("GET /x", "1"), Ticket) for _ in range(6)) == 5


def test_another_major_parameter_is_another_bucket(store: Store) -> None:
    limiter = learned(store, Clock(), limit=1)
    assert isinstance(limiter.acquire("GET /x", "1"), Wait)
    take(limiter, major="2")


def test_two_routes_of_one_bucket_share_it(store: Store) -> None:
    clock = Clock()
    limiter = learned(store, clock, limit=2)
    limiter.release(take(limiter, route="PUT /y", major="1"), headers(2, 0, 5.0))
    assert isinstance(limiter.acquire("GET /x", "1"), Wait)


def test_a_429_blocks_its_bucket_for_everybody(store: Store) -> None:
    clock = Clock()
    limiter = learned(store, clock)
    limiter.block(take(limiter), 2.5, everything=False, bucket="abc")
    other = Limiter(store, clock=clock)
    wait = other.acquire("GET /x", "1")
    assert isinstance(wait, Wait)
    assert wait.seconds == pytest.approx(2.5)
    clock.now += 2.6
    take(other)


def test_a_global_429_blocks_every_bucket(store: Store) -> None:
    clock = Clock()
    limiter = learned(store, clock)
    limiter.block(take(limiter), 1.5, everything=True)
    assert isinstance(limiter.acquire("GET /other", "9"), Wait)
    take_webhook = limiter.acquire("POST /hook", "9", counts_globally=False)
    assert isinstance(take_webhook, Ticket)


def test_the_global_second_slides(store: Store) -> None:
    clock = Clock()
    limiter = Limiter(store, clock=clock, global_per_second=3)
    for number in range(3):
        take(limiter, major=str(number))
    assert isinstance(limiter.acquire("GET /x", "9"), Wait)
    clock.now += 1.001
    take(limiter, major="9")


def test_a_worker_whose_clock_lags_a_little_forgets_nobodys_calls(store: Store) -> None:
    clock = Clock()
    limiter = Limiter(store, clock=clock, global_per_second=3)
    for number in range(3):
        take(limiter, major=str(number))
    clock.now -= 0.2
    assert isinstance(limiter.acquire("GET /x", "8"), Wait)
    clock.now -= 3600  # set back: what was sent then says nothing about now
    take(limiter, major="9")


def test_a_refused_global_slot_gives_the_bucket_back(store: Store) -> None:
    clock = Clock()
    limiter = Limiter(store, clock=clock, global_per_second=1)
    limiter.release(take(limiter), headers(2, 1, 60.0))
    assert isinstance(limiter.acquire("GET /x", "1"), Wait)
    clock.now += 1.001
    take(limiter)


def test_too_many_refusals_stop_everything(store: Store) -> None:
    clock = Clock()
    limiter = Limiter(store, clock=clock, invalid_guard=10)
    for _ in range(10):
        limiter.note_invalid()
    assert isinstance(limiter.acquire("GET /x", "1"), Wait)
    clock.now += 700
    take(limiter)


def test_a_clock_that_was_set_back_does_not_stop_a_bucket(store: Store) -> None:
    clock = Clock()
    limiter = learned(store, clock, limit=1)
    clock.now -= 3600
    take(limiter)
