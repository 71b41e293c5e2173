"""What members ask for, and what officers answer."""

from __future__ import annotations

import datetime as dt

import pytest

from guildhall.core import clock
from guildhall.core.errors import Conflict, NotAllowed
from guildhall.points.selectors import balance_of
from guildhall.points.services import merge_people
from guildhall.raids.models import MemberRequest, Raid
from guildhall.raids.services import award_attendance, create_event, create_raid
from guildhall.raids.services.requests import approve_request, edit_request_policy, make_request
from guildhall.roster.models import Character
from guildhall.roster.services import reassign_character

from .conftest import Guild
from .test_character_pages import send

MINE, OFFICERS = "/requests/", "/officers/requests/"


@pytest.fixture
def raid(guild: Guild) -> Raid:
    event = create_event(name="Siege", pools=[guild.pool], default_points="10", actor=guild.officer)
    made = create_raid(event=event, started_at=clock.now() - dt.timedelta(hours=2), actor=guild.officer)
    award_attendance(raid=made, attendees=["Brakkus"], actor=guild.officer)
    return made


def one() -> MemberRequest:
    return MemberRequest.objects.get()


def test_an_alt_is_asked_for_and_added_with_one_press(sign_in, guild: Guild) -> None:
    send(sign_in("member"), MINE, form="alt", name="dawn", character_class="Bard", level="50")
    assert not Character.objects.filter(name="Dawn").exists()
    client = sign_in("officer")
    assert "1 request of members" in client.get("/").content.decode()
    page = send(client, OFFICERS, form="approve", asked=one().pk)
    assert "Approved and done: Dawn as a character of Member" in page.content.decode()
    made = Character.objects.get(name="Dawn")
    assert (made.user, made.main_character, made.level) == (guild.member, guild.characters["Sorrel"], 50)
    assert "request of members" not in client.get("/").content.decode()
    assert "approved" in sign_in("member").get(MINE).content.decode()


def test_another_main_and_a_transfer_are_asked_for(sign_in, guild: Guild) -> None:
    client, tibble = sign_in("member"), guild.characters["Tibble"]
    send(client, MINE, form="main", character=tibble.pk)
    send(client, MINE, form="transfer", character=guild.characters["Sorrel"].pk, to_user="nimwe")
    officer = sign_in("officer")
    for row in MemberRequest.objects.order_by("pk"):
        send(officer, OFFICERS, form="approve", asked=row.pk)
    tibble.refresh_from_db()
    assert (tibble.is_main, Character.objects.get(name="Sorrel").user) == (True, guild.recruiter)


def test_i_was_at_that_check_is_paid_when_approved_and_once(sign_in, guild: Guild, raid: Raid) -> None:
    client, check = sign_in("member"), raid.checks.get()
    fields = {"form": "attendance", "check": check.pk, "character": guild.characters["Sorrel"].pk}
    send(client, f"{MINE}?raid={raid.pk}", message="Was in the other group", **fields)
    assert send(client, MINE, **fields).status_code == 409  # asked already
    officer, pk = sign_in("officer"), one().pk
    send(officer, OFFICERS, form="approve", asked=pk)
    page = send(officer, OFFICERS, form="approve", asked=pk)
    assert page.status_code == 409
    assert "approved already, by Officer" in page.content.decode()
    assert str(balance_of(user_id=guild.member.pk, pool=guild.pool).balance) == "35.50"


def test_a_refusal_says_why_and_what_is_open_is_taken_back(sign_in, guild: Guild) -> None:
    client = sign_in("member")
    send(client, MINE, form="alt", name="Dawn")
    send(sign_in("officer"), OFFICERS, form="refuse", asked=one().pk, reason="Not in the guild")
    client = sign_in("member")
    assert "Not in the guild" in client.get(MINE).content.decode()
    send(client, MINE, form="alt", name="Dawn")  # what was refused may be asked for again
    again = MemberRequest.objects.get(state="open")
    assert send(sign_in("recruiter"), MINE, form="withdraw", asked=again.pk).status_code == 403
    send(sign_in("member"), MINE, form="withdraw", asked=again.pk)
    again.refresh_from_db()
    assert again.state == "withdrawn"


def test_what_cannot_be_done_decides_nothing(sign_in, guild: Guild) -> None:
    tibble = guild.characters["Tibble"]
    request = make_request(user=guild.member, kind="main", character=tibble)
    reassign_character(character=tibble, user=guild.recruiter, actor=guild.officer)
    page = send(sign_in("officer"), OFFICERS, form="approve", asked=request.pk)
    assert page.status_code == 409
    assert "refuse the request" in page.content.decode()
    request.refresh_from_db()
    assert request.state == "open"


def test_a_kind_that_needs_no_officer_is_done_at_once(sign_in, guild: Guild) -> None:
    send(sign_in("officer"), OFFICERS, form="policy", main="1")
    client = sign_in("member")
    page = send(client, MINE, form="main", character=guild.characters["Tibble"].pk)
    assert "Done: Tibble as the main of Member" in page.content.decode()
    assert Character.objects.get(name="Tibble").is_main
    send(client, MINE, form="alt", name="Dawn")
    assert MemberRequest.objects.get(kind="alt").state == "open"


def test_nobody_asks_for_what_is_not_theirs_or_decides_without_the_right(sign_in, guild: Guild) -> None:
    client = sign_in("member")
    assert send(client, MINE, form="main", character=guild.characters["Brakkus"].pk).status_code == 400
    assert client.get(OFFICERS).status_code == 403
    assert sign_in("guest").get(MINE).status_code == 403
    with pytest.raises(NotAllowed, match="not your character"):
        make_request(user=guild.member, kind="main", character=guild.characters["Brakkus"])
    with pytest.raises(Conflict, match="claim it"):
        make_request(user=guild.member, kind="alt", name="Brakkus")


def test_two_who_become_one_keep_what_they_asked_for_once(guild: Guild) -> None:
    for user in (guild.member, guild.recruiter):
        make_request(user=user, kind="alt", name="Dawn")
    merge_people(source=guild.recruiter, target=guild.member, actor=guild.officer, reason="One person")
    kept = MemberRequest.objects.get(state="open")
    assert set(MemberRequest.objects.values_list("user", flat=True)) == {guild.member.pk}
    approve_request(request=kept, actor=guild.officer)
    assert Character.objects.get(name="Dawn").user == guild.member


def test_a_request_by_itself_follows_the_rules_too(guild: Guild) -> None:
    edit_request_policy(actor=guild.officer, transfer=True, attendance=True)
    make_request(user=guild.member, kind="transfer", character=guild.characters["Tibble"], to_user=guild.recruiter)
    assert Character.objects.get(name="Tibble").user == guild.recruiter
