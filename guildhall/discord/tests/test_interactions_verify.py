"""Only Discord, only now, only once."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from guildhall.accounts.services import create_person
from guildhall.core import clock, retention
from guildhall.discord.interactions.verify import KEPT
from guildhall.discord.models import SeenInteraction
from guildhall.discord.tests.talking import PATH, Talk, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ping(talk: Talk) -> dict:
    return talk.fake.interactor.build(1, {})


@pytest.fixture
def whois(talk: Talk) -> dict:
    anna = talk.fake.state.add_person("anna")
    create_person(display_name="Anna", discord_id=anna.id)
    return talk.fake.interactor.command(anna, "whois")


def test_a_ping_is_answered(talk: Talk, ping: dict) -> None:
    assert talk.send(ping).json() == {"type": 1}


def test_a_signed_command_is_answered(talk: Talk, whois: dict) -> None:
    assert "Anna" in text_of(talk.send(whois).json())


def test_another_key_is_refused(talk: Talk, ping: dict) -> None:
    talk.fake.state.signing_key = Ed25519PrivateKey.generate()
    assert talk.send(ping).status_code == 401


def test_a_changed_body_is_refused(talk: Talk, ping: dict) -> None:
    body, headers = talk.fake.interactor.signed(ping)
    response = talk.client.post(PATH, body + b" ", content_type="application/json", headers=headers)
    assert response.status_code == 401


def test_a_changed_timestamp_is_refused(talk: Talk, ping: dict) -> None:
    body, headers = talk.fake.interactor.signed(ping)
    headers["X-Signature-Timestamp"] = str(int(headers["X-Signature-Timestamp"]) + 1)
    assert talk.client.post(PATH, body, content_type="application/json", headers=headers).status_code == 401


@pytest.mark.parametrize("missing", ["X-Signature-Ed25519", "X-Signature-Timestamp"])
def test_a_missing_header_is_refused(talk: Talk, ping: dict, missing: str) -> None:
    body, headers = talk.fake.interactor.signed(ping)
    del headers[missing]
    assert talk.client.post(PATH, body, content_type="application/json", headers=headers).status_code == 401


@pytest.mark.parametrize("signature", ["", "zz", "00", "0" * 127, "ü" * 128])
def test_a_malformed_signature_is_refused(talk: Talk, ping: dict, signature: str) -> None:
    body, headers = talk.fake.interactor.signed(ping)
    response = talk.client.generic(
        "POST", PATH, body, content_type="application/json",
        HTTP_X_SIGNATURE_ED25519=signature, HTTP_X_SIGNATURE_TIMESTAMP=headers["X-Signature-Timestamp"],
    )  # fmt: skip
    assert response.status_code == 401


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_stale_timestamp_is_refused_though_well_signed(talk: Talk, ping: dict, seconds: int) -> None:
    with clock.frozen(clock.now()):
        assert talk.send(ping, timestamp=int(clock.now().timestamp()) + seconds).status_code == 401


def test_a_replay_is_refused(talk: Talk, whois: dict) -> None:
    body, headers = talk.fake.interactor.signed(whois)
    statuses = [
        talk.client.post(PATH, body, content_type="application/json", headers=headers).status_code for _ in range(2)
    ]
    assert statuses == [200, 401]


def test_without_a_key_everything_is_refused(talk: Talk, ping: dict, settings: object) -> None:
    settings.DISCORD_PUBLIC_KEY = ""  # type: ignore[attr-defined]
    assert talk.send(ping).status_code == 401


def test_another_applications_interaction_is_refused(talk: Talk, whois: dict) -> None:
    assert talk.send({**whois, "application_id": "123456"}).status_code == 401


def test_another_servers_interaction_is_told_no(talk: Talk, whois: dict) -> None:
    assert "another Discord server" in text_of(talk.send({**whois, "guild_id": "123456"}).json())


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'"x"', b"\xff"])
def test_signed_nonsense_is_refused(talk: Talk, body: bytes) -> None:
    stamp = str(int(clock.now().timestamp()))
    headers = {
        "X-Signature-Ed25519": talk.fake.state.signing_key.sign(stamp.encode() + body).hex(),
        "X-Signature-Timestamp": stamp,
    }
    assert talk.client.post(PATH, body, content_type="application/json", headers=headers).status_code == 401


def test_an_interaction_that_makes_no_sense_is_answered_in_words(talk: Talk, whois: dict) -> None:
    for number, broken in enumerate(
        [{"type": 99}, {"data": None}, {"data": {"name": "nope"}}, {"member": None}, {"type": 3, "data": {}}]
    ):
        payload = {**whois, "id": str(1000 + number), **broken}
        assert talk.send(payload).json()["type"] == 4


def test_get_is_no_way_in(talk: Talk) -> None:
    assert talk.client.get(PATH).status_code == 405


def test_old_ids_are_forgotten_after_they_are_stale(talk: Talk, whois: dict) -> None:
    talk.send(whois)
    assert retention.delete_expired()["interactions"] == 0
    with clock.frozen(clock.now() + KEPT + dt.timedelta(minutes=1)):
        assert retention.delete_expired()["interactions"] == 1
    assert not SeenInteraction.objects.exists()


def test_the_answer_names_no_internals(talk: Talk, ping: dict) -> None:
    body, headers = talk.fake.interactor.signed(ping)
    response = talk.client.post(PATH, body + b" ", content_type="application/json", headers=headers)
    assert json.loads(response.content)["errors"][0]["code"] == "bad_signature"
