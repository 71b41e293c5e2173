"""The REST client against the fake: what is retried, what is not, and what every call carries."""

from __future__ import annotations

import time

import pytest

from guildhall.discord.client import (
    DiscordConfig,
    Forbidden,
    NotConfigured,
    NotThere,
    RateLimited,
    Rejected,
    RestClient,
    TokenRefused,
    Unavailable,
)
from guildhall.discord.client.errors import as_text
from guildhall.discord.client.store import MemoryStore
from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.limits import Rule


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = time.time()
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def moment(fake_discord: FakeDiscordServer) -> FakeTime:
    moment = FakeTime()
    fake_discord.state.clock = fake_discord.limits.clock = moment
    return moment


@pytest.fixture
def client(fake_discord: FakeDiscordServer, moment: FakeTime) -> RestClient:
    return RestClient(
        DiscordConfig.from_settings(), store=MemoryStore(), clock=moment, sleep=moment.sleep, chance=lambda: 0.5
    )


def test_members_come_in_pages(client: RestClient, fake_discord: FakeDiscordServer) -> None:
    people = {fake_discord.state.add_person(f"p{i}").id for i in range(25)}
    listed = {m["user"]["id"] for m in client.members(page=10)}
    assert people <= listed
    assert len(fake_discord.log(contains="/members")) == 3


def test_a_role_is_given_with_a_reason(client: RestClient, fake_discord: FakeDiscordServer) -> None:
    role, person = fake_discord.state.add_role("Raider"), fake_discord.state.add_person("anna")
    client.add_role(person.id, role.id, reason="promoted – Ärger & co")
    assert fake_discord.state.roles_of(person.id) == {role.id}
    assert fake_discord.state.audit[-1].reason == "promoted – Ärger & co"


def test_every_call_says_who_calls_and_mentions_nobody(client: RestClient, fake_discord: FakeDiscordServer) -> None:
    channel = fake_discord.state.add_channel("general")
    client.create_message(channel.id, {"content": "@everyone hello"})
    request = fake_discord.log(method="POST")[-1]
    assert request.headers["user-agent"].startswith("DiscordBot (")
    assert request.body["allowed_mentions"] == {"parse": []}


def test_the_limits_are_kept_without_a_single_429(
    client: RestClient, fake_discord: FakeDiscordServer, moment: FakeTime
) -> None:
    fake_discord.limits.enabled = True
    fake_discord.limits.default = Rule(5, 5.0)
    person = fake_discord.state.add_person("anna")
    for _ in range(12):
        client.member(person.id)
    assert not fake_discord.limits.refusals
    assert sum(moment.slept) == pytest.approx(10, rel=0.15)


def test_a_429_is_obeyed_to_the_fraction(client: RestClient, fake_discord: FakeDiscordServer, moment: FakeTime) -> None:
    fake_discord.limits.enabled = True
    fake_discord.limits.hold_shared("GET /guilds/{guild}/roles", 1.234)
    client.roles()
    assert moment.slept[0] == pytest.approx(1.234, abs=0.01)
    assert client.limiter.invalid_count() == 0  # a shared limit is nobody's fault


def test_a_long_wait_is_given_back_instead_of_slept(client: RestClient, fake_discord: FakeDiscordServer) -> None:
    fake_discord.limits.enabled = True
    fake_discord.limits.hold_shared("GET /guilds/{guild}/roles", 90)
    with pytest.raises(RateLimited) as caught:
        client.roles()
    assert caught.value.retry_after == pytest.approx(90, abs=1)


def test_server_errors_are_tried_again_with_growing_pauses(
    client: RestClient, fake_discord: FakeDiscordServer, moment: FakeTime
) -> None:
    fake_discord.faults.error_rate = 1.0
    with pytest.raises(Unavailable):
        client.roles()
    assert len(fake_discord.log()) == 3
    assert moment.slept == pytest.approx([0.25, 0.5])


def test_a_post_that_may_have_happened_is_not_repeated(client: RestClient, fake_discord: FakeDiscordServer) -> None:
    channel = fake_discord.state.add_channel("general")
    fake_discord.faults.cut_after_rate = 1.0
    with pytest.raises(Unavailable):
        client.create_message(channel.id, {"content": "hello"})
    assert len(fake_discord.state.messages_in(channel.id)) == 1


def test_a_post_with_a_nonce_is_repeated_and_shown_once(client: RestClient, fake_discord: FakeDiscordServer) -> None:
    channel = fake_discord.state.add_channel("general")
    fake_discord.faults.cut_after_rate = 0.5
    for number in range(6):
        client.create_message(channel.id, {"content": "hello"}, nonce=f"n{number}")
    assert len(fake_discord.state.messages_in(channel.id)) == 6
    assert len(fake_discord.log(method="POST")) > 6


def test_401_stops_every_further_call(client: RestClient, fake_discord: FakeDiscordServer) -> None:
    app = next(iter(fake_discord.state.applications.values()))
    app.bot_token = "another"
    for _ in range(5):
        with pytest.raises(TokenRefused):
            client.roles()
    assert len(fake_discord.log()) == 1
    app.bot_token = client.config.bot_token
    client.forget_refusal()
    client.roles()


def test_403_is_never_repeated_and_says_what_to_do(client: RestClient, fake_discord: FakeDiscordServer) -> None:
    high, person = fake_discord.state.add_role("Leader", position=500), fake_discord.state.add_person("anna")
    with pytest.raises(Forbidden) as caught:
        client.add_role(person.id, high.id, reason="x")
    assert caught.value.code == 50013
    assert "drag" in as_text(caught.value)
    assert len(fake_discord.log(method="PUT")) == 1


def test_404_names_what_is_gone(client: RestClient, fake_discord: FakeDiscordServer) -> None:
    with pytest.raises(NotThere) as caught:
        client.member("123456789")
    assert caught.value.code == 10013


def test_the_circuit_opens_when_discord_is_down_and_closes_again(
    client: RestClient, fake_discord: FakeDiscordServer, moment: FakeTime
) -> None:
    fake_discord.faults.down = True
    with pytest.raises(Unavailable):
        client.roles()
    with pytest.raises(Unavailable):
        client.roles()
    sent = len(fake_discord.log())
    with pytest.raises(Unavailable) as caught:
        client.roles()
    assert caught.value.everybody
    assert len(fake_discord.log()) == sent
    fake_discord.faults.down = False
    moment.now += 60
    client.roles()


def test_nothing_but_discord_ids_goes_into_a_path(client: RestClient) -> None:
    with pytest.raises(Rejected):
        client.member("../../users/@me")


def test_webhooks_are_only_ever_discords(settings: object, fake_discord: FakeDiscordServer) -> None:
    settings.DISCORD_WEBHOOK_STATUS = "https://elsewhere.example/api/webhooks/1/abc"  # type: ignore[attr-defined]
    with pytest.raises(NotConfigured):
        DiscordConfig.from_settings().webhook("status")


def test_a_webhook_answers_its_message(client: RestClient, fake_discord: FakeDiscordServer, settings: object) -> None:
    channel = fake_discord.state.add_channel("status")
    hook = fake_discord.state.add_webhook(channel)
    settings.DISCORD_WEBHOOK_STATUS = f"{fake_discord.url}/api/webhooks/{hook.id}/{hook.token}"  # type: ignore[attr-defined]
    client.config = DiscordConfig.from_settings()
    answer = client.execute_webhook("status", {"content": "hello"})
    client.edit_webhook_message("status", answer["id"], {"content": "changed"})
    assert fake_discord.state.messages_in(channel.id)[0]["content"] == "changed"


def test_an_error_never_shows_a_webhooks_secret(
    client: RestClient, fake_discord: FakeDiscordServer, settings: object
) -> None:
    settings.DISCORD_WEBHOOK_STATUS = f"{fake_discord.url}/api/webhooks/12345/very-secret"  # type: ignore[attr-defined]
    client.config = DiscordConfig.from_settings()
    fake_discord.faults.error_rate = 1.0
    with pytest.raises(Unavailable) as caught:
        client.execute_webhook("status", {"content": "hello"})
    assert "very-secret" not in str(caught.value)
