"""Saying "that is me", proving it, and what moves when it is believed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person, make_sign_in_key
from guildhall.core import clock
from guildhall.discord.linking.claims import codes_in
from guildhall.discord.models import Claim
from guildhall.discord.tests.people import Guild, deliver, make_guild, officer
from guildhall.points.models import DKPPool
from guildhall.points.selectors import balances_of
from guildhall.points.services import adjust_points
from guildhall.roster.models import Character
from guildhall.roster.services import create_character
from tests.fake_discord import FakeDiscordServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def guild(fake_discord: FakeDiscordServer) -> Guild:
    DKPPool.objects.create(name="Main", is_default=True)
    return make_guild(fake_discord)


@pytest.fixture
def finn(guild: Guild) -> User:
    account = guild.fake.state.add_person("finn")
    return create_person(display_name="Finn", role_group="guest", discord_id=account.id)


@pytest.fixture
def imported() -> User:
    """Somebody who came with an import: two characters and a balance."""
    person = create_person(display_name="Finnius of old", is_placeholder=True)
    for name in ("Finnius", "Finnalt"):
        create_character(name=name, user=person)
    adjust_points(user_ids=[person.pk], pool=DKPPool.objects.get(), amount=120, reason="history", actor=None)
    return person


def api(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {make_sign_in_key(user=user, origin='discord')}")
    return client


def claim(user: User, **body: Any) -> dict[str, Any]:
    response = api(user).post("/api/discord/claims/", body)
    assert response.status_code == 201, response.content
    return response.json()  # type: ignore[no-any-return]


def code(response: Any) -> str:
    return str(response.json()["errors"][0]["code"])


def spoken(who: str, text: str) -> str:
    return f"[Mon Nov 23 20:08:52 2026] {who} tells the guild, '{text}'\n"


def verify(user: User, log: str) -> Any:
    return api(user).post("/api/discord/claims/verify-log/", {"text": log})


def test_a_code_spoken_in_the_game_proves_a_character(finn: User) -> None:
    create_character(name="Finnius")
    made = claim(finn, character_name="finnius")
    response = verify(officer(), "noise\n" + spoken("Finnius", f"hello {made['code'].lower()}"))
    assert response.json()["verified"] == [
        {"claim_id": made["id"], "character_name": "Finnius", "state": "approved", "proof": "code"}
    ]
    assert Character.objects.get(name="Finnius").user == finn


def test_the_claimants_own_log_proves_nothing(guild: Guild) -> None:
    boss = officer()
    create_character(name="Finnius")
    made = claim(boss, character_name="Finnius")
    assert verify(boss, spoken("Finnius", made["code"])).json() == {"verified": []}
    assert Character.objects.get(name="Finnius").user is None


def test_a_members_log_proves_nothing(finn: User) -> None:
    create_character(name="Finnius")
    made = claim(finn, character_name="Finnius")
    friend = create_person(display_name="Friend", role_group="member")
    assert verify(friend, spoken("Finnius", made["code"])).status_code == 403


def test_the_code_must_come_from_that_very_character(finn: User) -> None:
    create_character(name="Finnius")
    made = claim(finn, character_name="Finnius")
    assert verify(officer(), spoken("Somebody", made["code"])).json() == {"verified": []}


def test_a_code_works_once_and_for_seven_days(finn: User) -> None:
    create_character(name="Finnius")
    made = claim(finn, character_name="Finnius")
    boss = officer()
    with clock.frozen(clock.now() + dt.timedelta(days=7, seconds=1)):
        assert verify(boss, spoken("Finnius", made["code"])).json() == {"verified": []}
    assert len(verify(boss, spoken("Finnius", made["code"])).json()["verified"]) == 1
    assert verify(boss, spoken("Finnius", made["code"])).json() == {"verified": []}


def test_somebody_elses_character_needs_an_officer_even_with_the_code(guild: Guild, finn: User) -> None:
    owner, _, character = guild.join("Anna")
    made = claim(finn, character_name="Anna")
    boss = officer()
    assert verify(boss, spoken("Anna", made["code"])).json()["verified"][0]["state"] == "open"
    character.refresh_from_db()
    assert character.user == owner
    assert api(boss).post(f"/api/discord/claims/{made['id']}/approve/").json()["proof"] == "code"
    character.refresh_from_db()
    assert character.user == finn


def test_claiming_an_imported_person_brings_points_and_history(finn: User, imported: User) -> None:
    made = claim(finn, user_id=imported.pk, message="I was Finnius")
    api(officer()).post(f"/api/discord/claims/{made['id']}/approve/", {"reason": "knows the old days"})
    assert set(Character.objects.filter(user=finn).values_list("name", flat=True)) == {"Finnius", "Finnalt"}
    assert balances_of(user_id=finn.pk)[0].balance == 120
    imported.refresh_from_db()
    assert imported.merged_into == finn


def test_roles_follow_an_approved_claim(guild: Guild, finn: User, imported: User) -> None:
    Character.objects.filter(name="Finnius").update(rank=guild.raider)
    made = claim(finn, user_id=imported.pk)
    api(officer()).post(f"/api/discord/claims/{made['id']}/approve/")
    deliver()
    assert "Raider" in {guild.fake.state.roles[r].name for r in guild.fake.state.roles_of(finn.discord_id or "")}


def test_the_claimant_is_told(guild: Guild, finn: User, imported: User) -> None:
    made = claim(finn, user_id=imported.pk)
    api(officer()).post(f"/api/discord/claims/{made['id']}/refuse/", {"reason": "that was my brother"})
    deliver()
    (channel,) = [c for c in guild.fake.state.channels.values() if c.recipients == [finn.discord_id]]
    assert "that was my brother" in str(guild.fake.state.messages_in(channel.id)[0]["embeds"])


def test_members_do_not_decide(finn: User, imported: User) -> None:
    made = claim(finn, user_id=imported.pk)
    for user in (finn, create_person(display_name="Friend", role_group="member")):
        for verb in ("approve", "refuse"):
            assert api(user).post(f"/api/discord/claims/{made['id']}/{verb}/", {"reason": "x"}).status_code in (
                403,
                404,
            )
    assert Claim.objects.get().state == "open"


def test_an_officer_does_not_approve_their_own_claim(guild: Guild, imported: User) -> None:
    boss = officer()
    made = claim(boss, user_id=imported.pk)
    assert code(api(boss).post(f"/api/discord/claims/{made['id']}/approve/")) == "own_claim"


def test_a_claim_is_decided_once(finn: User, imported: User) -> None:
    made = claim(finn, user_id=imported.pk)
    boss = api(officer())
    boss.post(f"/api/discord/claims/{made['id']}/approve/")
    assert code(boss.post(f"/api/discord/claims/{made['id']}/approve/")) == "claim_decided"
    assert code(boss.post(f"/api/discord/claims/{made['id']}/refuse/", {"reason": "x"})) == "claim_decided"


def test_the_code_is_shown_to_the_claimant_alone(finn: User) -> None:
    create_character(name="Finnius")
    made = claim(finn, character_name="Finnius")
    assert api(finn).get(f"/api/discord/claims/{made['id']}/").json()["code"] == made["code"]
    assert api(officer()).get(f"/api/discord/claims/{made['id']}/").json()["code"] is None
    assert api(create_person(display_name="Nosy")).get(f"/api/discord/claims/{made['id']}/").status_code == 404


def test_the_same_thing_is_not_claimed_twice_but_again_after_a_refusal(finn: User) -> None:
    create_character(name="Finnius")
    made = claim(finn, character_name="Finnius")
    assert code(api(finn).post("/api/discord/claims/", {"character_name": "Finnius"})) == "claim_open"
    api(finn).post(f"/api/discord/claims/{made['id']}/withdraw/")
    claim(finn, character_name="Finnius")


def test_people_with_accounts_of_their_own_cannot_be_claimed(guild: Guild, finn: User) -> None:
    owner, _, _ = guild.join("Anna")
    assert code(api(finn).post("/api/discord/claims/", {"user_id": owner.pk})) == "not_claimable"
    assert code(api(owner).post("/api/discord/claims/", {"character_name": "Anna"})) == "own_already"


@pytest.mark.parametrize(
    "body", [{}, {"character_name": "X", "user_id": 1}, {"character_name": "Nobody"}, {"user_id": 9}]
)
def test_a_claim_that_makes_no_sense_is_refused(finn: User, body: dict) -> None:
    assert api(finn).post("/api/discord/claims/", body).status_code in (400, 404)


def test_nobody_floods_the_officers_with_claims(finn: User) -> None:
    for name in ("Aaaa", "Bbbb", "Cccc", "Dddd", "Eeee", "Ffff"):
        create_character(name=name)
    answers = [api(finn).post("/api/discord/claims/", {"character_name": n * 4}).status_code for n in "abcdef"]
    assert answers == [201] * 5 + [409]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("[Mon Nov 23 20:08:52 2026] Finnius says out of character, 'GH-ABCDEF'", [("finnius", "GH-ABCDEF")]),
        ("[Mon Nov 23 20:08:52 2026] Finnius tells the raid,  'my code is gh-abcdef ok'", [("finnius", "GH-ABCDEF")]),
        ("[Mon Nov 23 20:08:52 2026] Finnius tells you, 'GHABCDEF'", [("finnius", "GH-ABCDEF")]),
        ("[Mon Nov 23 20:08:52 2026] Finnius auctions, 'WTS GH-ABCDEFG'", []),
        ("Finnius says, 'GH-ABCDEF'", []),
        ("[Mon Nov 23 20:08:52 2026] You say, 'Finnius says, 'GH-ABCDEF''", [("you", "GH-ABCDEF")]),
    ],
)
def test_codes_are_read_out_of_spoken_lines(line: str, found: list) -> None:
    assert codes_in([line]) == found


def test_nobody_withdraws_somebody_elses_claim(finn: User, imported: User) -> None:
    made = claim(finn, user_id=imported.pk)
    friend = create_person(display_name="Friend", role_group="member")
    for other, status in ((friend, 404), (officer(), 403)):
        assert api(other).post(f"/api/discord/claims/{made['id']}/withdraw/").status_code == status
    assert Claim.objects.get().state == "open"
