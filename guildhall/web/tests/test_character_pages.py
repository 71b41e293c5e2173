"""Characters worked on by officers on the site."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from guildhall.accounts.models import User
from guildhall.points.selectors import balance_of
from guildhall.raids.models import Raid, UnmatchedName
from guildhall.raids.services import add_check, award_attendance
from guildhall.roster.models import Character
from guildhall.roster.services import create_character, create_rank

from .conftest import Guild, token, version
from .test_raids_and_items import raid

__all__ = ["raid"]


def send(client: Client, path: str, **fields):
    page = client.get(path)
    return client.post(path, {"once": token(page), **version(page, str(fields.get("form", ""))), **fields}, follow=True)


def facts(page, **changed: object) -> dict[str, object]:
    """What the edit form sends where nothing is touched."""
    text = page.content.decode()
    seen = re.search(r'name="form" value="edit"><input type="hidden" name="version" value="([^"]+)"', text)
    assert seen
    form = page.context["edit"]
    values = {name: form[name].value() for name in form.fields}
    rank = values.pop("rank")
    return {
        "form": "edit",
        "version": seen.group(1),
        **{name: "" if value is None else value for name, value in values.items()},
        "rank": getattr(rank, "pk", "") or "",
        **changed,
    }


def test_an_officer_adds_a_character_and_makes_it_the_main(sign_in, guild: Guild) -> None:
    rank = create_rank(name="Raider", actor=guild.officer)
    page = send(sign_in("officer"), "/characters/new/", form="new", name="dawn", character_class="Bard", level="55",
                rank=rank.pk, status="active", user=guild.member.pk, make_main="1")  # fmt: skip
    assert "Dawn is on the roster, main of Member" in page.content.decode()
    made = Character.objects.get(name="Dawn")
    assert (made.rank, made.level, made.is_main) == (rank, 55, True)
    assert Character.objects.get(name="Sorrel").main_character == made


def test_a_name_that_is_taken_stays_in_the_form(sign_in, guild: Guild) -> None:
    page = send(sign_in("officer"), "/characters/new/", form="new", name="Sorrel", status="active", level="12")
    assert page.status_code == 409
    assert "There is a character called Sorrel already." in page.content.decode()
    assert 'value="12"' in page.content.decode()


def test_a_character_is_edited_and_what_is_not_touched_stays(sign_in, guild: Guild) -> None:
    client, one = sign_in("officer"), guild.characters["Sorrel"]
    path, joined = f"/characters/{one.pk}/edit/", one.joined_at
    page = client.get(path)
    client.post(path, {"once": token(page), **facts(page, name="Sorrelle", level="61", status="inactive")})
    one.refresh_from_db()
    assert (one.name, one.level, one.status, one.is_active, one.joined_at) == (
        "Sorrelle",
        61,
        "inactive",
        False,
        joined,
    )
    assert (one.character_class, one.user, one.is_main) == ("Cleric", guild.member, True)
    assert one.aliases.get().name == "Sorrel"


def test_an_edit_of_what_somebody_else_changed_meanwhile_is_refused(sign_in, guild: Guild) -> None:
    client, one = sign_in("officer"), guild.characters["Sorrel"]
    path = f"/characters/{one.pk}/edit/"
    page = client.get(path)
    create_rank(name="Raider", actor=guild.officer)
    send(client, path, **facts(client.get(path), level="61"))
    answer = client.post(path, {"once": token(page), **facts(page, level="62", note="kept")})
    assert answer.status_code == 409
    text = answer.content.decode()
    assert "somebody else changed Sorrel" in text
    assert "level 61" in text
    assert 'value="62"' in text
    one.refresh_from_db()
    assert one.level == 61
    answer = client.post(path, {"once": token(answer), **facts(answer, level="62")})
    one.refresh_from_db()
    assert one.level == 62


def test_a_character_changes_hands_goes_and_comes_back(sign_in, guild: Guild) -> None:
    client, one = sign_in("officer"), guild.characters["Tibble"]
    path = f"/characters/{one.pk}/edit/"
    send(client, path, form="transfer", user=guild.recruiter.pk, reason="Given away")
    one.refresh_from_db()
    assert (one.user, one.main_character) == (guild.recruiter, guild.characters["Nimwe"])
    assert send(client, path, form="remove").status_code == 400
    send(client, path, form="remove", reason="Deleted in the game")
    one.refresh_from_db()
    assert one.status == "removed"
    send(client, path, form="remove")
    one.refresh_from_db()
    assert (one.status, one.is_active, one.user) == ("active", True, guild.recruiter)


def test_other_names_are_added_and_forgotten(sign_in, guild: Guild) -> None:
    client, one = sign_in("officer"), guild.characters["Tibble"]
    path = f"/characters/{one.pk}/edit/"
    send(client, path, form="alias", name="Tibbel", kind="typo")
    alias = one.aliases.get()
    send(client, path, form=f"forget-{alias.pk}")
    assert not one.aliases.exists()


@pytest.mark.parametrize("role", ["recruiter", "member", "guest"])
def test_only_officers_work_on_the_roster(sign_in, guild: Guild, role: str) -> None:
    client = sign_in(role)
    assert client.get("/characters/new/").status_code == 403
    assert client.get(f"/characters/{guild.characters['Sorrel'].pk}/edit/").status_code == 403
    assert "/edit/" not in client.get(f"/characters/{guild.characters['Sorrel'].pk}/").content.decode()


def paid(person: User, guild: Guild) -> str:
    return str(balance_of(user_id=person.pk, pool=guild.pool).balance)


def test_an_unknown_name_becomes_somebodys_alt_and_is_paid_at_every_check(sign_in, guild: Guild, raid: Raid) -> None:
    check = add_check(raid=raid, label="Second", points="10", actor=guild.officer)
    award_attendance(raid=raid, check=check, attendees=["Nimwee"], actor=guild.officer)
    path, name = f"/raids/{raid.pk}/", UnmatchedName.objects.filter(raid=raid).first()
    assert name is not None
    client = sign_in("officer")
    page = send(client, path, form="settle", unmatched=name.pk, step="alt", who="Nimw")
    assert page.status_code == 400
    assert "Did you mean Nimwe?" in page.content.decode()
    send(client, path, form="settle", unmatched=name.pk, step="alt", who="recruiter")
    assert Character.objects.get(name="Nimwee").main_character == guild.characters["Nimwe"]
    assert not UnmatchedName.objects.filter(raid=raid, resolution="").exists()
    assert paid(guild.recruiter, guild) == "45.50"


def test_an_unknown_name_becomes_somebody_new_once(sign_in, guild: Guild, raid: Raid) -> None:
    path, name = f"/raids/{raid.pk}/", UnmatchedName.objects.get()
    client = sign_in("officer")
    first, second = (token(client.get(path)) for _ in range(2))
    fields = {"form": "settle", "unmatched": name.pk, "step": "new"}
    client.post(path, {"once": first, **fields})
    made = Character.objects.get(name="Nimwee")
    assert made.is_main
    assert paid(made.user, guild) == "10.00"
    assert client.post(path, {"once": second, **fields}).status_code == 409
    assert User.objects.filter(display_name="Nimwee").count() == 1


def test_a_character_of_nobody_is_given_to_somebody_where_it_stands(sign_in, guild: Guild, raid: Raid) -> None:
    create_character(name="Nimwee", actor=guild.officer)
    name = UnmatchedName.objects.get()
    send(sign_in("officer"), f"/raids/{raid.pk}/", form="settle", unmatched=name.pk, step="alt", who="Sorrel")
    assert Character.objects.get(name="Nimwee").user == guild.member
