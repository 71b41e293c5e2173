"""Who learns what of a vote, at every interface but the API's (PRD 3.10.5): pages, admin, exports, slash commands, messages.

The API's own table is `recruitment/tests/test_visibility.py`. Each cell below says what somebody reads there: ``nothing`` (not
even that there is a vote), ``totals`` (that there is one, and no voter), ``voters``.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person, set_role_group
from guildhall.core.errors import NotFound
from guildhall.core.models import OutboxMessage
from guildhall.discord import deliveries
from guildhall.discord.tests.people import deliver, make_guild
from guildhall.discord.tests.talking import Talk, text_of
from guildhall.points.services import create_pool
from guildhall.recruitment.models import Application
from guildhall.recruitment.services import accept_trial, cast_vote, start_voting
from guildhall.recruitment.services.applying import apply, save_draft
from guildhall.recruitment.tests.readable import readable
from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.state import Person

pytestmark = pytest.mark.django_db
VOTER = "Voterzed"
ROLES = ["nobody", "guest", "applicant", "own", "member", "developer", "recruiter", "officer", "own recruiter"]
N, T, V = "nothing", "totals", "voters"
TABLE = {
    "page": [N, N, N, N, T, T, V, V, N],
    "queue": [N, N, N, N, T, T, T, T, N],
    "home": [N, N, N, N, T, T, T, T, N],
    "votes": [N, N, N, N, N, N, V, V, N],
    "votes.csv": [N, N, N, N, N, N, V, V, N],
    "changes.csv": [N, N, N, N, N, N, V, V, N],
    "applications.csv": [N, N, N, N, N, N, T, T, N],
    "admin": [N, N, N, N, N, N, V, V, N],
    "slash": [N, N, N, N, T, T, T, T, N],
    "completion": [N, N, N, N, T, T, T, T, N],
    "button": [N, N, N, N, T, T, T, T, N],
}


class Scenario:
    """A running vote with one vote in it, and somebody of each role with a Discord account."""

    def __init__(self, fake: FakeDiscordServer) -> None:
        self.fake, self.talk, self.guild = fake, Talk(fake), make_guild(fake)
        create_pool(name="Main", actor=None)
        self.accounts: dict[str, Person] = {}
        self.people: dict[str, User] = {}
        for role in ROLES:
            account = fake.state.add_person(role.replace(" ", "."), global_name=role)
            self.accounts[role] = account
            if role != "nobody":
                group = {"own": "guest", "own recruiter": "guest"}.get(role, role)
                self.people[role] = create_person(display_name=f"Some {role}", role_group=group, discord_id=account.id)
        self.vote = self._vote_on(self.people["own"], "Finnius")
        self.second = self._vote_on(self.people["own recruiter"], "Gorbash")
        User.objects.filter(pk=self.people["own recruiter"].pk).update(role_group="recruiter", is_staff=True)
        for role in ("recruiter", "officer"):
            User.objects.filter(pk=self.people[role].pk).update(is_staff=True)
        for role in ("recruiter", "officer", "own recruiter"):  # with the groups and permissions that the role brings
            person = User.objects.get(pk=self.people[role].pk)
            set_role_group(user=person, role_group="member", actor=None)
            set_role_group(user=person, role_group="officer" if role == "officer" else "recruiter", actor=None)

    def _vote_on(self, applicant: User, name: str) -> Application:
        application, _ = apply(
            user=applicant, character_name=name, character_class="Cleric", level=60, availability="x", timezone="UTC",
            discord_username=name.lower(), email=f"{name.lower()}@example.invalid",
        )  # fmt: skip
        accept_trial(application=application, actor=None)
        application = start_voting(application=application, actor=None)
        voter = User.objects.filter(display_name=VOTER).first() or create_person(display_name=VOTER)
        cast_vote(application=application, voter=voter, vote="pass", comment="secret words")
        return application

    def about(self, role: str) -> Application:
        """The vote that a role is asked about: a recruiter whose own it is, about that."""
        return self.second if role == "own recruiter" else self.vote

    def client(self, role: str) -> Client:
        client = Client()
        if role in self.people:
            client.force_login(User.objects.get(pk=self.people[role].pk), "django.contrib.auth.backends.ModelBackend")
        return client

    def read(self, interface: str, role: str) -> str:
        """Everything that somebody of `role` reads at `interface`."""
        found, account = self.about(role), self.accounts[role]
        if interface == "slash":
            return text_of(self.talk.slash(account, "vote", applicant=found.character_name, vote="pass"))
        if interface == "completion":
            return "vote" if str(found.pk) in self.talk.complete(account, "vote", "applicant", "") else ""
        if interface == "button":
            return text_of(self.talk.press(account, f"vote:{found.pk}:pass"))
        paths = {
            "page": f"/recruitment/{found.pk}/",
            "votes": f"/recruitment/{found.pk}/votes/",
            "queue": "/recruitment/",
            "home": "/",
            "votes.csv": f"/api/applications/{found.pk}/votes/details/?format=csv",
            "changes.csv": f"/api/applications/{found.pk}/vote-changes/?format=csv",
            "applications.csv": "/api/applications/?format=csv",
            "admin": f"/admin/recruitment/application/{found.pk}/change/",
        }
        response = self.client(role).get(paths[interface])
        assert response.status_code < 500
        body = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
        return str(body.decode())


@pytest.fixture
def scenario(fake_discord: FakeDiscordServer) -> Scenario:
    return Scenario(fake_discord)


def level(text: str, name: str) -> str:
    """What a text gives away of the vote on `name`."""
    if VOTER in text or "secret words" in text:
        return V
    mentions = name in text if name else True
    return T if mentions and "vot" in text.lower() else N


@pytest.mark.parametrize("interface", TABLE)
def test_each_role_reads_what_the_table_says(scenario: Scenario, interface: str) -> None:
    found = {}
    for role in ROLES:
        text = scenario.read(interface, role)
        about = scenario.about(role).character_name
        if role == "own recruiter":  # knows that there are votes: of their own they must read nothing
            hidden = VOTER not in text and "secret words" not in text
            if interface in ("queue", "home", "applications.csv"):
                rows = [line for line in text.split("\n") if about in line]
                hidden = hidden and not any("vot" in row.lower() for row in rows if "trial_accepted" not in row)
            elif interface == "page":
                hidden = hidden and "The vote" not in text and "voting" not in text.lower()
            elif interface in ("slash", "button"):
                hidden = hidden and "You voted" not in text and "own" not in text
            found[role] = N if hidden else V
        else:
            found[role] = level(text, "" if interface in ("completion", "votes.csv", "changes.csv") else about)
    if interface in ("slash", "button"):
        # Whoever may not hears the same of a vote that is there and of one that is not.
        for role in ("guest", "applicant", "own"):
            unknown = scenario.talk.slash(scenario.accounts[role], "vote", applicant="Nobodyatall", vote="pass")
            assert text_of(unknown) == scenario.read("slash", role)
    assert found == dict(zip(ROLES, TABLE[interface], strict=True))


def test_what_is_sent_out_names_no_voter_and_tells_the_applicant_of_no_vote(scenario: Scenario) -> None:
    deliver()
    dms = {one.id for one in scenario.fake.state.channels.values() if one.name == f"dm-{scenario.accounts['own'].id}"}
    told = [text_of(m) for channel in dms for m in scenario.fake.state.messages_in(channel)]
    letters = [f"{m.subject} {m.body}" for m in mail.outbox if "finnius@example.invalid" in m.to]
    assert told
    assert letters
    assert not any("vot" in readable(text).lower() for text in told + letters), (told, letters)
    everything = [
        text_of(message)
        for channel in scenario.fake.state.channels
        for message in scenario.fake.state.messages_in(channel)
    ]
    assert not any(VOTER in text or "secret words" in text for text in everything)
    waiting: Any = OutboxMessage.objects.values_list("payload", flat=True)
    assert not any("secret words" in str(payload) for payload in waiting)


def test_a_button_answers_the_same_for_what_is_no_members_business_and_for_what_is_not_there(
    scenario: Scenario,
) -> None:
    """An application before its review, a draft and a number that nobody has: a member hears of none of them."""
    guest = create_person(display_name="Newcomer", role_group="guest")
    draft = save_draft(user=guest, character_name="Draftling")
    sent, _ = apply(
        user=create_person(display_name="Sender", role_group="guest"), character_name="Sentling", character_class="Cleric",
        level=60, availability="x", timezone="UTC", discord_username="sentling",
    )  # fmt: skip
    member = scenario.accounts["member"]
    heard = {text_of(scenario.talk.press(member, f"vote:{number}:pass")) for number in (draft.pk, sent.pk, 999999)}
    assert len(heard) == 1, heard


@pytest.mark.parametrize("role", ["officer", "superuser"])
def test_the_queue_of_messages_keeps_the_vote_on_oneself_from_its_reader(
    fake_discord: FakeDiscordServer, settings: Any, role: str
) -> None:
    """An officer looks at what goes out and at what was undeliverable: nothing there speaks of their own application."""
    hook = fake_discord.state.add_webhook(fake_discord.state.add_channel("votes"))
    settings.DISCORD_WEBHOOK_VOTES = settings.DISCORD_WEBHOOK_APPLICATIONS = (
        f"{fake_discord.url}/api/webhooks/{hook.id}/{hook.token}"
    )
    scenario = Scenario(fake_discord)
    deliver()
    OutboxMessage.objects.update(state=OutboxMessage.State.DEAD)
    own = User.objects.get(pk=scenario.people["own"].pk)
    set_role_group(user=own, role_group="officer", actor=None)
    User.objects.filter(pk=own.pk).update(is_superuser=role == "superuser", is_staff=True)
    about_own = {
        message.pk
        for message in OutboxMessage.objects.all()
        if message.payload.get("application_id") == scenario.vote.pk
        or message.payload.get("arguments", {}).get("application_id") == scenario.vote.pk
        if message.topic != "discord.direct_message"  # to the applicant, who has read it
    }
    posts = {m.topic for m in OutboxMessage.objects.filter(pk__in=about_own)}
    assert {"application.voting_started", "discord.post"} <= posts

    def shown(who: User) -> tuple[set[int], str]:
        client, api = Client(), APIClient()
        fresh = User.objects.get(pk=who.pk)
        client.force_login(fresh, "django.contrib.auth.backends.ModelBackend")
        api.force_authenticate(fresh)
        listed = api.get("/api/discord/deliveries/?page_size=500").json()["results"]
        pages = [
            client.get(path).content.decode() for path in ("/officers/discord/", "/admin/core/outboxmessage/?all=")
        ]
        return {row["id"] for row in listed}, " ".join(pages)

    seen, pages = shown(own)
    assert not seen & about_own
    assert f"application:{scenario.vote.pk}<" not in pages
    one = min(about_own)
    client = Client()
    client.force_login(User.objects.get(pk=own.pk), "django.contrib.auth.backends.ModelBackend")
    assert client.get(f"/admin/core/outboxmessage/{one}/change/").status_code == 302, "not there"
    with pytest.raises(NotFound):
        deliveries.resend(message_id=one, actor=User.objects.get(pk=own.pk))
    seen, pages = shown(scenario.people["officer"])
    assert about_own <= seen, "another officer sees them"
    assert "application.voting_started" in pages
