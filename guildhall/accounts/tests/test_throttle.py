"""Guessing is bounded, and nobody innocent is locked out by it (`accounts/throttle.py`)."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts import throttle
from guildhall.accounts.models import User
from guildhall.accounts.services import create_api_key, create_person
from guildhall.accounts.throttle import ACCOUNT_LIMIT, NETWORK_LIMIT, PAIR_LIMIT, PAIR_LIMIT_OF_A_GUESSING_NETWORK

pytestmark = pytest.mark.django_db
ADMIN, SIGN_IN, TOKEN = "/admin/login/", "/sign-in/", "/api/auth/token/"
RIGHT = "sword of pain 9"
HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def boss() -> User:
    person = create_person(display_name="Boss", username="boss", role_group="officer", password=RIGHT)
    User.objects.filter(pk=person.pk).update(is_staff=True, is_superuser=True)
    return person


@pytest.fixture
def other() -> User:
    return create_person(display_name="Other", username="other", role_group="member", password=RIGHT)


def sign_in(
    path: str, username: str = "boss", password: str = RIGHT, *, address: str = HERE, client: Any = None
) -> int:
    """Try to sign in at a page or the token endpoint; the status. 200 of a page's form means "wrong" there."""
    client = client or Client()
    body = {"username": username, "password": password}
    if path == TOKEN:
        body.pop("form", None)
        return int(client.post(path, body, content_type="application/json", REMOTE_ADDR=address).status_code)
    return int(client.post(path, {**body, "form": "password"}, REMOTE_ADDR=address).status_code)


def guess(times: int, username: str = "boss", *, path: str = SIGN_IN, address: str = HERE, client: Any = None) -> None:
    for n in range(times):
        sign_in(path, username, f"wrong {n}", address=address, client=client)


GOOD = {ADMIN: 302, SIGN_IN: 302, TOKEN: 200}


@pytest.mark.parametrize("path", [ADMIN, SIGN_IN, TOKEN])
def test_after_forty_wrong_passwords_the_right_one_does_not_get_in(boss: User, path: str) -> None:
    assert sign_in(path) == GOOD[path]
    cache.clear()
    guess(40, path=path)
    client = Client()
    body = {"username": "boss", "password": RIGHT} | ({} if path == TOKEN else {"form": "password"})
    kind: dict[str, Any] = {"content_type": "application/json"} if path == TOKEN else {}
    response = client.post(path, body, REMOTE_ADDR=HERE, **kind)
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 300
    assert "Too many attempts to sign in to this account" in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_one_count_for_all_the_places_where_a_password_is_tried(boss: User) -> None:
    for path in (ADMIN, SIGN_IN, TOKEN):
        guess(4, path=path)
    assert {sign_in(path) for path in (ADMIN, SIGN_IN, TOKEN)} == {429}


def test_it_is_over_after_a_while(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "PASSWORD_SECONDS", 3)
    monkeypatch.setattr(throttle, "PAIR_LIMIT", 1)
    guess(1)
    assert sign_in(SIGN_IN) == 429
    time.sleep(3.1)
    assert sign_in(SIGN_IN) == 302


def test_the_right_password_forgets_the_wrong_ones_before_it(boss: User) -> None:
    for _ in range(4):
        guess(PAIR_LIMIT - 1)
        assert sign_in(SIGN_IN) == 302


def test_others_behind_the_same_address_are_not_locked_out(boss: User, other: User) -> None:
    guess(60)
    guess(60, path=TOKEN)
    for path in (SIGN_IN, TOKEN):
        assert sign_in(path, "boss") == 429
        assert sign_in(path, "other") == GOOD[path]


def test_others_elsewhere_do_not_lock_an_account_out_of_where_it_is_known(boss: User) -> None:
    assert sign_in(SIGN_IN, address="203.0.113.5") == 302
    for n in range(ACCOUNT_LIMIT // 5 + 2):
        guess(5, address=f"198.51.100.{n}")
    assert sign_in(SIGN_IN, address="198.51.100.200") == 429  # a new place waits with those who guess
    assert sign_in(SIGN_IN, address="203.0.113.5") == 302
    assert sign_in(TOKEN, address="203.0.113.5") == 200


def test_a_known_browser_gets_in_from_anywhere_though_its_account_is_guessed_at(boss: User, other: User) -> None:
    browser = Client()
    assert sign_in(SIGN_IN, client=browser, address="203.0.113.5") == 302
    cache.clear()  # also where the cache has forgotten everything
    browser.post("/sign-out/")
    for n in range(ACCOUNT_LIMIT // 5 + 2):
        guess(5, address=f"198.51.100.{n}")
    guess(PAIR_LIMIT + 1)
    assert sign_in(SIGN_IN, client=browser, address=HERE) == 302
    cookie = browser.cookies[throttle.DEVICE_COOKIE]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    # It is that account's alone, and no more than as many tries as any place has.
    stolen = Client()
    stolen.cookies[throttle.DEVICE_COOKIE] = cookie.value
    guess(PAIR_LIMIT, client=stolen, address="203.0.113.77")
    assert sign_in(SIGN_IN, client=stolen, address="203.0.113.77") == 429
    forged = Client()
    forged.cookies[throttle.DEVICE_COOKIE] = cookie.value[:-2] + "xx"
    assert sign_in(SIGN_IN, client=forged, address="198.51.100.201") == 429


def test_trying_one_password_on_many_accounts_leaves_few_tries_for_each(boss: User, other: User) -> None:
    for n in range(NETWORK_LIMIT):
        guess(1, f"name{n}")
    guess(PAIR_LIMIT_OF_A_GUESSING_NETWORK, "boss")
    assert sign_in(SIGN_IN, "boss") == 429
    assert sign_in(SIGN_IN, "other") == 302  # who has not been guessed at is let in


def test_a_network_has_only_so_many_passwords_checked_whatever_the_accounts(
    boss: User, other: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs CPU, so one password for each of many names is stopped too; where an account is known it still gets in."""
    monkeypatch.setattr(throttle, "CHECKS_LIMIT", 5)
    assert sign_in(SIGN_IN, "other") == 302
    for n in range(4):
        guess(1, f"name{n}")
    assert sign_in(SIGN_IN, "boss") == 429
    assert sign_in(SIGN_IN, "other") == 302
    assert sign_in(SIGN_IN, "boss", address=ELSEWHERE) == 302


def test_a_known_browser_is_known_for_its_own_account_alone(boss: User, other: User) -> None:
    browser = Client()
    assert sign_in(SIGN_IN, "boss", client=browser, address="203.0.113.5") == 302
    for n in range(ACCOUNT_LIMIT // 5 + 1):
        guess(5, "other", address=f"198.51.100.{n}")
    lent = Client()
    lent.cookies[throttle.DEVICE_COOKIE] = browser.cookies[throttle.DEVICE_COOKIE].value
    assert sign_in(SIGN_IN, "other", client=lent, address="203.0.113.5") == 429


def test_names_that_do_not_exist_are_answered_the_same(boss: User) -> None:
    def answers(name: str) -> list[tuple[int, bytes]]:
        api = APIClient(REMOTE_ADDR=HERE)
        found = [api.post(TOKEN, {"username": name, "password": "x"}) for _ in range(PAIR_LIMIT + 3)]
        return [(one.status_code, re.sub(rb"[0-9]+", b"", one.content)) for one in found]  # the seconds that are left

    assert answers("boss") == answers("nobody-has-this-name")


def test_spellings_of_one_name_are_one_name_where_the_account_does_not_exist(boss: User) -> None:
    for name in ("nobody", "NOBODY", "Nobody"):
        guess(4, name)
    assert sign_in(SIGN_IN, "nObOdY") == 429


def test_an_ipv6_network_is_one_place(boss: User) -> None:
    for n in range(PAIR_LIMIT):
        guess(1, address=f"2001:db8:1:2::{n:x}")
    assert sign_in(SIGN_IN, address="2001:db8:1:2:ffff::1") == 429
    assert sign_in(SIGN_IN, address="2001:db8:1:3::1") == 302


def test_a_forwarded_address_counts_only_behind_a_proxy(boss: User, settings: Any) -> None:
    body = {"username": "boss", "password": "wrong", "form": "password"}
    for n in range(PAIR_LIMIT):
        Client().post(SIGN_IN, body, REMOTE_ADDR=HERE, headers={"X-Forwarded-For": f"203.0.113.{n}"})
    assert sign_in(SIGN_IN) == 429
    settings.TRUSTED_PROXIES = 1
    good = {**body, "password": RIGHT}
    response = Client().post(SIGN_IN, good, REMOTE_ADDR=HERE, headers={"X-Forwarded-For": "203.0.113.99"})
    assert response.status_code == 302


def test_of_many_tries_at_once_no_more_are_checked_than_may_be(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The try is counted before the password is looked at: while one is looked at, others are refused already."""
    checked = []

    def look(self: Any, request: Any, username: str, password: str) -> None:
        checked.append(password)
        if len(checked) < 30:
            sign_in(SIGN_IN, "boss", "meanwhile")

    monkeypatch.setattr("guildhall.accounts.backends.PasswordBackend._check", look)
    sign_in(SIGN_IN, "boss", "first")
    assert len(checked) == PAIR_LIMIT


def test_a_program_on_this_machine_is_not_counted(boss: User) -> None:
    for _ in range(PAIR_LIMIT + 5):
        assert authenticate(None, username="boss", password="wrong") is None
    assert authenticate(None, username="boss", password=RIGHT) == boss
    assert sign_in(SIGN_IN) == 302


def test_a_wrong_password_is_hashed_once(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(User, "check_password", lambda self, raw: looked.append(raw))
    sign_in(SIGN_IN, "boss", "wrong")
    assert looked == ["wrong"]


def test_good_keys_go_on_working_where_others_try_bad_ones(other: User, settings: Any) -> None:
    settings.RATE_LIMITS = {"anonymous": 5, "session": 100, "personal": 100, "bot": 100}
    key = create_api_key(user=other, name="phone")[1]

    def ask(sent: str) -> Any:
        return APIClient(REMOTE_ADDR=HERE).get("/api/ranks/", headers={"Authorization": f"Token {sent}"})

    bad = [ask(f"gh_aaaaaaaa_{n}") for n in range(8)]
    assert [response.status_code for response in bad] == [401] * 5 + [429] * 3
    assert 0 < int(bad[-1]["Retry-After"]) <= 60
    assert bad[-1].json()["errors"][0]["code"] == "throttled"
    assert ask("a" * 40).status_code == 429  # a token of the old kind is one more guess
    assert ask(key).status_code == 200


def test_what_strangers_ask_for_keeps_nobody_from_signing_in(other: User, settings: Any) -> None:
    settings.RATE_LIMITS = {"anonymous": 5, "session": 100, "personal": 100, "bot": 100}
    asked = [Client().get("/api/ranks/", REMOTE_ADDR=HERE).status_code for _ in range(13)]
    assert 429 in asked  # a new minute may begin among them, and lets five more through
    assert sign_in(TOKEN, "other") == 200


def test_a_failed_try_leaves_one_line_with_the_address_and_never_the_secret(
    boss: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "guildhall.accounts.throttle"):
        sign_in(ADMIN, "boss", "the secret that I typed")
    lines = [record.getMessage() for record in caplog.records if record.name == "guildhall.accounts.throttle"]
    assert lines == ["failed credential from 192.0.2.1: tried=password account=boss path=/admin/login/ refused=no"]
    assert "secret that I typed" not in caplog.text


@pytest.mark.parametrize(
    ("typed", "logged"),
    [
        ("boss\nfailed credential from 6.6.6.6: tried=password", "boss?failed?credential?from?6.6.6.6??tried?password"),
        ("x account=y path=/", "x?account?y?path??"),
        ("Bjørn", "Bjørn"),
        ("n" * 150, "n" * 64),  # the longest name that the form takes
    ],
)
def test_a_name_forges_no_line_in_the_log(caplog: pytest.LogCaptureFixture, typed: str, logged: str) -> None:
    with caplog.at_level(logging.WARNING, "guildhall.accounts.throttle"):
        sign_in(SIGN_IN, typed, "wrong")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "guildhall.accounts.throttle"]
    assert line == f"failed credential from 192.0.2.1: tried=password account={logged} path=/sign-in/ refused=no"


def test_changing_the_password_in_the_admin_is_a_try_too(boss: User) -> None:
    browser = Client()
    browser.force_login(User.objects.get(pk=boss.pk))
    page = "/admin/password_change/"
    assert browser.get(page).status_code == 200
    new = {"new_password1": "another long word 7", "new_password2": "another long word 7"}
    for n in range(PAIR_LIMIT):
        assert browser.post(page, {"old_password": f"wrong {n}", **new}).status_code == 200
    refused = browser.post(page, {"old_password": RIGHT, **new})
    assert (refused.status_code, "Too many attempts" in refused.content.decode()) == (429, True)
    assert refused["Retry-After"]
    cache.clear()
    assert browser.post(page, {"old_password": RIGHT, **new}).status_code == 302
    assert User.objects.get(pk=boss.pk).check_password("another long word 7")


def test_with_redis_away_each_process_counts_for_itself(boss: User, settings: Any) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "guildhall.core.cache.FaultTolerantRedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 1},
        }
    }
    guess(PAIR_LIMIT)
    assert sign_in(SIGN_IN) == 429
