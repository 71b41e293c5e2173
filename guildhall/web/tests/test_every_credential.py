"""Every place where a password, a key, a token, a code or a private link can be tried from outside: guessing is refused,
is in the log with its address and without the secret, and what is good passes all the while (`accounts/throttle.py`)."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as live
from django.test import Client

from guildhall.accounts.models import APIKey, User
from guildhall.accounts.services import (
    create_api_key,
    create_person,
    get_or_create_bot,
    make_invitation,
    make_setup_code,
    make_sign_in_link,
)
from guildhall.core import clock
from guildhall.discord.models import Claim
from guildhall.eqdkp.compat.caller import feed_token
from guildhall.recruitment.services import apply
from guildhall.roster.services import create_character
from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.fixtures import fake_discord  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
HERE = "192.0.2.44"
PASSWORD = "sword of pain 9"
FEED = "/exchange.php?out=icalfeed&module=calendar&key="
LOG = "[Mon Nov 23 20:08:52 2026] Stray says out of character, '{}'"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
Call = Callable[[Client, str], Any]


def post(path: str, **fixed: str) -> Callable[[str], Call]:
    """Send the secret in a field of a form or, under /api/, of JSON."""
    kind: dict[str, Any] = {"content_type": "application/json"} if path.startswith("/api/") else {}
    return lambda name: lambda client, secret: client.post(path, {**fixed, name: secret}, REMOTE_ADDR=HERE, **kind)


def get(path: str, header: str = "", method: str = "get", scheme: str = "Token") -> Call:
    """Send the secret at the end of the address, or in a header."""

    def call(client: Client, secret: str) -> Any:
        headers = {header: f"{scheme} {secret}" if header == "Authorization" else secret} if header else {}
        url = path if header else path + secret
        return client.generic(method.upper(), url, REMOTE_ADDR=HERE, headers=headers)

    return call


def member() -> str:
    """Somebody with a password; answers the password."""
    person = create_person(display_name="Signer", username="signer", role_group="officer", password=PASSWORD)
    User.objects.filter(pk=person.pk).update(is_staff=True)
    return PASSWORD


def key() -> str:
    bot = get_or_create_bot(name="tool")
    return create_api_key(user=bot, name="tool", scopes=["roster:read", "raids:read", "bidding:read"], kind="bot")[1]


def feed() -> str:
    key()
    return feed_token(APIKey.objects.get())


def link() -> str:
    return apply(
        user=None, address="", character_name="Aelinor", character_class="Cleric", level=60, availability="Tue",
        timezone="UTC", discord_username="aelinor",
    )[1]  # fmt: skip


def opened(path: str) -> Call:
    """Open a page whose address holds the secret."""
    return lambda client, secret: client.get(path.format(secret), REMOTE_ADDR=HERE)


def invitation() -> str:
    return make_invitation(actor=create_person(display_name="Boss", role_group="officer"))[1]


def sign_in_link() -> str:
    boss = create_person(display_name="Boss", role_group="officer")
    return make_sign_in_link(user=create_person(display_name="Lost"), actor=boss)[1]


def found_with(client: Client, code: str) -> Any:
    """Fill in the founding of the guild with this code."""
    given = {"form": "found", "guild_name": "Torch", "time_zone": "UTC", "username": "first", "code": code}
    return client.post("/setup/", {**given, "password": PASSWORD, "again": PASSWORD}, REMOTE_ADDR=HERE)


def own_password(client: Client, old: str) -> Any:
    """Change one's own password, signed in already."""
    client.force_login(User.objects.get(username="signer"))
    given = {
        "form": "password",
        "once": uuid.uuid4().hex,
        "old": old,
        "password": f"{PASSWORD} 2",
        "again": f"{PASSWORD} 2",
    }
    return client.post("/me/account/", given, REMOTE_ADDR=HERE)


def words(number: int) -> str:
    return f"wrong-{number}-{'x' * 30}"


def bad_key(number: int) -> str:
    return f"ghb_aaaaaaaa_{number:040d}"


# name: how it is tried, makes a good one, the n-th wrong one, what a good one is answered
PLACES: dict[str, tuple[Call, Callable[[], str], Callable[[int], str], int]] = {
    "sign-in page": (post("/sign-in/", form="password", username="signer")("password"), member, words, 302),
    "admin": (post("/admin/login/", username="signer")("password"), member, words, 302),
    "own password": (own_password, member, words, 302),
    "token": (post("/api/auth/token/", username="signer")("password"), member, words, 200),
    "key": (get("/api/ranks/", "Authorization"), key, bad_key, 200),
    "old token": (get("/api/ranks/", "Authorization"), key, lambda n: f"{n:040x}", 200),
    "key, live stream": (get("/api/bidding/stream/", "Authorization"), key, bad_key, 200),
    "key, old API": (get("/api.php?function=data&format=json&atoken="), key, bad_key, 200),
    "key, old header": (get("/api.php?function=data&format=json", "X-Custom-Authorization"), key, bad_key, 200),
    "key, calendar": (get(FEED), key, bad_key, 200),
    "calendar feed": (get(FEED), feed, lambda n: f"{n}.{'x' * 40}", 200),
    "link": (get("/api/applications/by-link/?token="), link, words, 200),
    "link, DELETE": (get("/api/applications/by-link/?token=", method="delete"), link, words, 204),
    "link, page": (get("/apply/follow/?token="), link, words, 200),
    "invitation": (opened("/join/{}/"), invitation, words, 200),
    "sign-in link": (opened("/reset/{}/"), sign_in_link, words, 200),
    "setup": (found_with, make_setup_code, words, 302),
    "metrics": (get("/metrics", "Authorization", scheme="Bearer"), lambda: "right", words, 200),
}
#: A password that was guessed at does not pass afterwards; everything else is long and random and does.
PASSWORDS = {"sign-in page", "admin", "own password", "token"}


def is_refused(response: Any) -> bool:
    """429; the old API says it in its own words, with 200."""
    said = b"Too many" in response.content and 0 < int(response.get("Retry-After", 0)) <= 300
    old = response.request["PATH_INFO"] in ("/api.php", "/exchange.php")
    assert (response.status_code == 429) == (said and not old)
    return said


@pytest.mark.parametrize("place", PLACES)
def test_guessing_is_refused_and_logged_and_what_is_good_passes(
    place: str, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.METRICS_TOKEN = "right"
    settings.EQDKP_API_GUESTS = False
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "anonymous": 40}
    call, make_good, wrong, good_status = PLACES[place]
    good = make_good()
    secrets = [wrong(n) for n in range(60)]
    with caplog.at_level(logging.WARNING, "guildhall.accounts.throttle"):
        answers = [call(Client(), secret) for secret in secrets]
    refused = [is_refused(response) for response in answers]
    assert not any(refused[:10])
    assert all(refused[41:]), refused
    lines = [record.getMessage() for record in caplog.records if record.name == "guildhall.accounts.throttle"]
    assert len(lines) == 60
    assert all(line.startswith(f"failed credential from {HERE}: tried=") for line in lines)
    assert sum(line.endswith("refused=yes") for line in lines) == sum(refused)
    assert not any(secret in line for secret, line in itertools.product(secrets, lines))
    after = call(Client(), good)
    if place in PASSWORDS:
        assert is_refused(after)
    else:
        assert after.status_code == good_status
        assert b"Too many" not in getattr(after, "content", b"")
        for close in after._resource_closers:  # without the signal that closes the test's database
            close()


def test_discord_tokens(fake_discord: FakeDiscordServer) -> None:  # noqa: F811 - the fixture
    """Discord is not asked any more for a network that guesses, except about what was good a while ago."""
    call = post("/api/auth/token/discord/")("access_token")
    anna = fake_discord.state.token_for(fake_discord.state.add_person("anna"))
    assert call(Client(), anna).status_code == 200
    answers = [call(Client(), words(n)) for n in range(15)]
    assert [response.status_code for response in answers] == [401] * 10 + [429] * 5
    assert answers[-1]["Retry-After"]
    asked = len(fake_discord.state.requests)
    assert call(Client(), words(99)).status_code == 429
    assert len(fake_discord.state.requests) == asked
    assert call(Client(), anna).status_code == 200


def claim_of(code: str) -> Claim:
    """An open claim on the character that `LOG` says a code of."""
    return Claim.objects.create(
        kind=Claim.Kind.CHARACTER,
        user=create_person(display_name="Claimant"),
        character=create_character(name="Stray"),
        code=code,
        code_expires_at=clock.now() + dt.timedelta(days=1),
    )


def test_claim_codes(caplog: pytest.LogCaptureFixture) -> None:
    """Codes are short: whoever uploads logs full of them is stopped, in one log and over many."""
    officers = [create_person(display_name=f"Boss{n}", role_group="officer") for n in range(2)]
    codes = ["GH-" + "".join(letters) for letters in itertools.islice(itertools.product(LETTERS, repeat=6), 100)]
    path, browser, other = "/api/discord/claims/verify-log/", Client(), Client()
    browser.force_login(officers[0])
    other.force_login(officers[1])

    def upload(client: Client, some: list[str]) -> Any:
        text = "\n".join(LOG.format(code) for code in some)
        return client.post(path, {"text": text}, content_type="application/json", REMOTE_ADDR=HERE)

    many = upload(browser, codes)
    assert (many.status_code, many.json()["errors"][0]["code"]) == (400, "too_many_codes")
    with caplog.at_level(logging.WARNING, "guildhall.accounts.throttle"):
        seen = [upload(browser, [code]).status_code for code in codes[:35]]
    assert seen == [200] * 30 + [429] * 5
    assert f"from {HERE}: tried=claim-code account=boss0" in caplog.text
    assert codes[0] not in caplog.text
    page = browser.post("/officers/discord/", {"form": "spoken", "once": "x", "log": LOG.format(codes[0])})
    assert page.status_code == 429
    # A code is short, so the right one is no more looked at than a wrong one.
    claim = claim_of(codes[50])
    assert upload(browser, [claim.code]).status_code == 429
    claim.refresh_from_db()
    assert claim.state == Claim.State.OPEN
    assert upload(other, [claim.code]).status_code == 200
    claim.refresh_from_db()
    assert claim.state == Claim.State.APPROVED
    assert upload(other, codes[:1]).status_code == 200


#: Where something that somebody sends is compared with a secret, and how that place is guarded.
COMPARES = {
    "accounts/api/authentication.py": "calls `throttle.failed`",
    "accounts/api/views.py": "through `accounts/backends.py`",
    "accounts/backends.py": "under `throttle.password_attempt`",
    "accounts/keys.py": "looks keys up for the others",
    "accounts/services/credentials.py": "called by `web/views/keys.py`, under `throttle.password_attempt`",
    "accounts/services/founding.py": "called by `web/views/setup.py`, which calls `throttle.failed`",
    "accounts/services/sign_in_links.py": "called by `web/views/sign_in_links.py`, which calls `throttle.failed`",
    "accounts/reset_mail.py": "makes links, checks none",
    "accounts/services/keys.py": "makes keys, checks none",
    "accounts/throttle.py": "the cookie of a known device opens nothing",
    "core/previews.py": "digests of what a preview showed; knowing them opens nothing",
    "discord/interactions/verify.py": "Ed25519, for Discord alone; a failure is in the log",
    "discord/linking/claims.py": "called by `discord/linking/throttled.py` where somebody sends a log",
    "discord/linking/services.py": "deletes what a person had, checks nothing",
    "discord/linking/token_exchange.py": "called by `discord/linking/throttled.py`",
    "discord/linking/throttled.py": "calls `throttle.require_not_guessing` and `throttle.failed`",
    "discord/merging.py": "moves what a person had, checks nothing",
    "discord/tokens.py": "Discord's tokens, which are sent to Discord and compared with nothing",
    "eqdkp/compat/caller.py": "called by `eqdkp/compat/views.py`",
    "eqdkp/compat/views.py": "calls `throttle.failed`",
    "ops/api/views.py": "calls `throttle.failed`",
    "recruitment/links.py": "calls `throttle.failed`",
    "recruitment/services/applying.py": "called by `recruitment/links.py` where somebody sends a link",
    "web/signed_preview.py": "signed figures of a preview; knowing them opens nothing",
    "web/undoing.py": "signed by us for the person who did it; knowing one opens nothing",
    "web/views/applying.py": "asks `recruitment/links.py` first",
    "web/views/sign_in_links.py": "calls `throttle.failed`",
    "web/views/signin.py": "through `accounts/backends.py`",
}
COMPARING = re.compile(
    r"check_password|compare_digest|find_key\(|find_by_token\(|signing\.(loads|Signer|TimestampSigner)"
    r"|[^_.\w]authenticate\(|Token\.objects|key_hash=|code_hash=|token_hash=|find_link\(|codes_in\(|recognise(_feed)?\(|\bkey\.verify\("
)


def test_no_place_is_forgotten() -> None:
    """A new place that compares a secret must be in the list, with its guard."""
    root = Path(live.BASE_DIR) / "guildhall"
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if not {"tests", "migrations"} & set(path.relative_to(root).parts) and COMPARING.search(path.read_text())
    }
    assert found - set(COMPARES) == set()
