"""The roster follows a guild dump: the difference first, one press after."""

from __future__ import annotations

import pytest

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core.batches import undo_batch
from guildhall.core.models import Batch
from guildhall.points.services import adjust_points
from guildhall.roster.models import Character
from guildhall.roster.services import create_character

from .conftest import confirmed, token

pytestmark = pytest.mark.django_db
URL = "/officers/roster-import/"
DUMP = (
    "Brakkus\t61\tWarrior\tLeader\t\t11/20/26\tThe Nexus\t\t\toff\toff\t0\t\t\t\n"
    "Newling\t12\tCleric\tMember\t\t11/20/26\tThe Nexus\t\t\toff\toff\t0\t\t\t\n"
)


def test_the_difference_is_shown_and_then_made(sign_in, guild):
    client = sign_in("officer")
    page = client.post(URL, {"form": "dump", "once": token(client.get(URL)), "do": "preview", "text": DUMP})
    text = page.content.decode()
    assert page.status_code == 200, text
    assert "Newling" in text
    assert "level: 60 → 61" in text
    assert not Character.objects.filter(name="Newling").exists()
    done = client.post(
        URL,
        {
            "form": "dump", **confirmed(page), "do": "apply", "seen": "1", "text": DUMP,
            "choice": ["add", "update"],
        },
        follow=True,
    )  # fmt: skip
    assert "1 new name" in done.content.decode()
    assert Character.objects.get(name="Newling").user is None
    assert Character.objects.get(name="Brakkus").level == 61
    assert Character.objects.get(name="Sorrel").status == "active"


@pytest.mark.parametrize("text", ["", "12 34\n", "\x00\x01"])
def test_what_is_no_dump_is_said(sign_in, text):
    client = sign_in("officer")
    page = client.post(URL, {"form": "dump", "once": "x", "do": "preview", "text": text})
    assert page.status_code == 400
    assert 'role="alert"' in page.content.decode()


@pytest.mark.parametrize("role", ["recruiter", "member", "applicant", "guest"])
def test_it_is_for_officers(sign_in, role):
    assert sign_in(role).get(URL).status_code == 403


LIST = "Name, Class, Rank, Main\nBob, Cleric, Raider,\nBobsalt, Wizard, Raider, Bob\nBobtwo, Bard,, Bobsalt\nMule, Rogue,,\n"


def post(client, page, do, **more):
    carried = confirmed(page) if do == "apply" else {"once": token(page)}
    return client.post(URL, {"form": "dump", "do": do, "seen": "1", **carried, **more}, follow=True)


def test_a_list_brings_one_person_for_each_main_and_is_undone_as_one(sign_in, guild):
    client = sign_in("officer")
    page = post(client, client.get(URL), "preview", text=LIST, name=["Mule"], main=["nobody"])
    assert "a new person" in page.content.decode()
    choice = ["add", "set_ranks", "make_ranks", "people"]
    changed = post(client, page, "apply", text=LIST, choice=choice, name=["Mule"], main=["Bob"])
    assert "alt of Bob" in changed.content.decode(), "what was written after the preview is shown first"
    assert not Character.objects.filter(name="Bob").exists()
    done = post(client, page, "apply", text=LIST, choice=choice, name=["Mule"], main=["nobody"])
    assert "4 new names, 1 new person. It can be undone here." in done.content.decode()
    bob = User.objects.get(display_name="Bob")
    assert bob.role_group == "member"
    assert {one.name: (one.is_main, str(one.main_character)) for one in bob.characters.all()} == {
        "Bob": (True, "None"), "Bobsalt": (False, "Bob"), "Bobtwo": (False, "Bob"),
    }  # fmt: skip
    assert Character.objects.get(name="Mule").user is None
    assert Character.objects.get(name="Bob").rank.name == "Raider"
    batch = Batch.objects.get()
    undo_batch(batch=batch, actor=guild.officer, reason="wrong list")
    bob.refresh_from_db()
    assert (bob.is_active, bob.characters.count()) == (False, 0)
    assert Character.objects.get(name="Bobtwo").status == "removed"


def test_who_has_points_by_now_is_left_when_it_is_undone(sign_in, guild):
    client = sign_in("officer")
    page = post(client, client.get(URL), "preview", text="Bob\nTom\n")
    post(client, page, "apply", text="Bob\nTom\n", choice=["add", "people"])
    bob = User.objects.get(display_name="Bob")
    adjust_points(user_ids=[bob.pk], pool=guild.pool, amount="5", reason="raid", actor=guild.officer)
    found = undo_batch(batch=Batch.objects.get(), actor=guild.officer, reason="wrong list")
    assert [row.label for row in found.left] == ["Bob"]
    assert Character.objects.get(name="Bob").user == bob
    assert Character.objects.get(name="Tom").user is None
    assert not User.objects.get(display_name="Tom").is_active


def test_people_are_made_of_characters_of_nobody_one_and_many(sign_in, guild):
    client = sign_in("officer")
    made = {name: create_character(name=name, actor=guild.officer) for name in ("Zed", "Zedalt", "Yara")}
    made["Zedalt"].note = "alt of Zed"
    made["Zedalt"].save()
    assert f"?character={made['Zed'].pk}" in client.get("/roster/").content.decode()
    url = "/roster/make-people/"
    page = client.get(f"{url}?character={made['Yara'].pk}")
    given = {"form": "people", "step": "make", **confirmed(page)}
    done = client.post(url, {**given, "pick": "Yara", "name": "Yara", "main": ""}, follow=True)
    assert "1 new person" in done.content.decode()
    page = client.get(url)
    assert "Make 1 person" in page.content.decode()
    given = {"form": "people", "step": "make", **confirmed(page)}
    refused = client.post(url, {**given, "pick": ["Zed"], "name": ["Zed", "Zedalt"], "main": ["", ""]})
    assert refused.status_code == 409
    given = {"form": "people", "step": "make", **confirmed(page)}
    client.post(url, {**given, "pick": ["Zed", "Zedalt"], "name": ["Zed", "Zedalt"], "main": ["", ""]})
    assert Character.objects.get(name="Zedalt").main_character == made["Zed"]
    assert "Every character on the roster belongs to somebody" in client.get(url).content.decode()
    batch = Batch.objects.filter(kind="people").first()
    undo_batch(batch=batch, actor=guild.officer, reason="no")
    assert Character.objects.get(name="Zed").status == "active"
    assert sign_in("recruiter").get(url).status_code == 403
    assert "Make a person" not in client.get("/roster/").content.decode()


def _brought(client, text, **more):
    """Show the difference and carry it out; returns the preview."""
    sent = {"form": "dump", "do": "preview", "text": text, **more}
    page = client.post(URL, {**sent, "once": token(client.get(URL))})
    choice = ["add", "update", "people"]
    done = client.post(URL, {**sent, **confirmed(page), "do": "apply", "seen": "1", "choice": choice}, follow=True)
    assert done.status_code == 200
    return page.content.decode()


@pytest.mark.every_database
def test_a_main_is_that_of_whoever_has_its_name_and_no_character(sign_in, guild):
    """Whoever founded the guild, or came in by a link, is there before the dump names their character."""
    client = sign_in("officer")
    Character.objects.all().update(user=None, is_main=False, main_character=None)
    boss = User.objects.get(username="officer")
    User.objects.exclude(pk=boss.pk).update(is_active=False)
    User.objects.filter(pk=boss.pk).update(display_name="Newling")
    people = User.objects.count()
    shown = _brought(client, DUMP.splitlines(keepends=True)[1])
    assert "is here already, without a character" in shown
    assert Character.objects.get(name="Newling").user == boss
    assert User.objects.count() == people


@pytest.mark.parametrize(
    ("role", "people", "main"),
    [("guest", 1, ""), ("applicant", 1, ""), ("member", 2, ""), ("member", 1, "new")],
    ids=["a guest chose the name", "so did an applicant", "two have it", "somebody new was asked for"],
)
def test_a_name_alone_gives_no_character_away(sign_in, guild, role, people, main):
    client = sign_in("officer")
    for number in range(people):
        User.objects.create(username=f"n{number}", display_name="Newling", role_group=role)
    shown = _brought(client, DUMP.splitlines(keepends=True)[1], name="Newling", main=main)
    assert "is here already" not in shown
    assert not Character.objects.get(name="Newling").user.username.startswith("n0")
    assert User.objects.filter(display_name="Newling").count() == people + 1


FOUNDERS = "Name, Class, Rank, Main\nBrak, Warrior, Leader,\nBraksalt, Wizard, Raider, Brak\nTom, Bard,,\n"


def founder_client(client):
    founder = create_person(display_name="The founder", role_group="officer")
    client.force_login(founder)
    return founder


def test_this_is_me_attaches_the_founders_character_and_no_second_person_is_made(client, guild):
    founder = founder_client(client)
    page = post(client, client.get(URL), "preview", text=LIST)
    assert "This is me" in page.content.decode()
    names = ["Brak", "Braksalt", "Tom"]
    page = post(client, page, "preview", text=FOUNDERS, name=names, main=["", "", ""], me="Brak")
    text = page.content.decode()
    assert '<span class="tag info">The founder</span>' in text
    choice, mains = ["add", "make_ranks", "set_ranks", "people"], ["me", "", ""]
    done = post(client, page, "apply", text=FOUNDERS, choice=choice, name=names, main=mains)
    assert "3 new names, 1 new person. It can be undone here." in done.content.decode()
    assert {(one.name, one.is_main) for one in founder.characters.all()} == {("Brak", True), ("Braksalt", False)}
    assert not User.objects.filter(display_name="Brak").exists()
    assert "This is me" not in post(client, client.get(URL), "preview", text="Zed\n").content.decode()
    undo_batch(batch=Batch.objects.get(), actor=guild.officer, reason="wrong")
    founder.refresh_from_db()
    assert (founder.is_active, founder.characters.count()) == (True, 0)
    assert Character.objects.get(name="Brak").status == "removed"


def test_anybody_who_is_there_without_a_character_can_be_named(client, guild):
    founder_client(client)
    bob = create_person(display_name="Bobby", role_group="member")
    text = "Bob\nTom\n"
    page = post(client, client.get(URL), "preview", text=text)
    assert '<option value="person Bobby">' in page.content.decode()
    assert '<option value="person Member">' not in page.content.decode(), "has characters: their main's name says it"
    names = ["Bob", "Tom"]
    page = post(client, page, "preview", text=text, name=names, main=["person bobby", "person Bobby"])
    assert "Bob is the main of Bobby already" in page.content.decode()
    page = post(client, page, "preview", text=text, name=names, main=["person Bobby", "Bob"])
    post(client, page, "apply", text=text, choice=["add", "people"], name=names, main=["person Bobby", "Bob"])
    assert {(one.name, one.is_main) for one in bob.characters.all()} == {("Bob", True), ("Tom", False)}


def test_who_has_a_character_by_now_is_not_given_a_second_main(client, guild):
    founder = founder_client(client)
    page = post(client, client.get(URL), "preview", text="Bob\n", name=["Bob"], main=["me"])
    create_character(name="Other", user=founder, actor=guild.officer)
    answer = post(client, page, "apply", text="Bob\n", choice=["add", "people"], name=["Bob"], main=["me"])
    assert answer.status_code == 409
    assert not Character.objects.filter(name="Bob").exists()


def test_a_character_of_nobody_is_mine(client, guild):
    founder = founder_client(client)
    create_character(name="Zed", actor=guild.officer)
    url = "/roster/make-people/"
    page = client.get(url)
    assert "This is me" in page.content.decode()
    page = client.post(
        url, {"form": "people", "once": token(page), "pick": "Zed", "name": "Zed", "main": "", "me": "Zed"}
    )
    given = {"form": "people", "step": "make", **confirmed(page)}
    client.post(url, {**given, "pick": "Zed", "name": "Zed", "main": "me"})
    assert founder.characters.get().name == "Zed"
