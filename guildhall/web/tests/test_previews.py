"""The pages carry out what they showed. Without a script the server says so; the browser's part is in tests/browser."""

from __future__ import annotations

import datetime as dt

import pytest

from guildhall.core import clock
from guildhall.points.models import LedgerEntry, UserMerge
from guildhall.points.selectors import balance_of
from guildhall.points.services import adjust_points
from guildhall.raids.models import RaidAttendance
from guildhall.raids.services import award_attendance, create_event, create_raid
from guildhall.roster.models import Character
from guildhall.roster.services import create_character, reassign_character

from .conftest import Guild, confirmed, token
from .test_raid_import import LOG, NIGHT

ADJUST = "/officers/adjust/"
IMPORT = "/raids/import/"
DUMP = "/officers/roster-import/"


@pytest.fixture
def adjusting(sign_in, guild: Guild):
    client = sign_in("officer")
    form = {"form": "adjust", "once": token(client.get(ADJUST)), "pool": guild.pool.pk, "amount": "10",
            "reason": "Brought food", "people": guild.member.pk}  # fmt: skip
    return client, {**form, **confirmed(client.post(ADJUST, {**form, "step": "preview"})), "step": "post"}


def test_ten_for_one_that_became_a_hundred_for_three_is_not_posted(adjusting, guild: Guild) -> None:
    client, form = adjusting
    before = LedgerEntry.objects.count()
    page = client.post(ADJUST, {**form, "amount": "100", "names": "Brakkus, Nimwe"})
    text = page.content.decode()
    assert page.status_code == 409
    assert "entered differently after the preview" in text
    assert "Post 100.00 to 3 people" in text
    assert LedgerEntry.objects.count() == before
    client.post(ADJUST, {**form, **confirmed(page), "amount": "100", "names": "Brakkus, Nimwe"})
    assert LedgerEntry.objects.count() == before + 3


def test_it_is_previewed_anew_when_somebody_else_posted_meanwhile(adjusting, guild: Guild) -> None:
    client, form = adjusting
    adjust_points(user_ids=[guild.member.pk], pool=guild.pool, amount="5", reason="Other", actor=guild.officer)
    before = LedgerEntry.objects.count()
    page = client.post(ADJUST, form)
    assert page.status_code == 409
    assert "Since the preview before: different now: Member." in page.content.decode()
    assert "40.50" in page.content.decode()
    assert LedgerEntry.objects.count() == before


def test_nothing_is_posted_without_a_preview(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    before = LedgerEntry.objects.count()
    page = client.post(
        ADJUST,
        {"form": "adjust", "once": token(client.get(ADJUST)), "pool": guild.pool.pk, "amount": "10", "reason": "x",
         "people": guild.member.pk, "step": "post"},
    )  # fmt: skip
    assert page.status_code == 409
    assert "Post 10.00 to 1 person" in page.content.decode()
    assert LedgerEntry.objects.count() == before


@pytest.fixture
def importing(sign_in, guild: Guild):
    with clock.frozen(NIGHT + dt.timedelta(minutes=5)):
        event = create_event(name="Siege", pools=[guild.pool], default_points="10", actor=guild.officer)
        raid = create_raid(event=event, started_at=NIGHT - dt.timedelta(minutes=20), actor=guild.officer)
        client = sign_in("officer")
        page = client.post(
            IMPORT, {"form": "import", "once": token(client.get(IMPORT)), "text": LOG, "step": "preview"}
        )
        carried = page.context["carried"]
        yield client, raid, {
            "form": "import", **confirmed(page), "carried": carried, "target": f"raid:{raid.pk}", "check": "first",
            "step": "commit",
        }  # fmt: skip


def test_text_that_is_typed_after_the_preview_is_not_committed_unseen(importing, guild: Guild) -> None:
    client, _, form = importing
    page = client.post(IMPORT, {**form, "text": "Nimwe\nBrakkus"})
    assert page.status_code == 409
    assert "entered differently" in page.content.decode()
    assert {row.name for row in page.context["rows"]} == {"Nimwe", "Brakkus"}
    assert not RaidAttendance.objects.exists()


@pytest.mark.parametrize("change", [{"skip": "Brakkus"}, {"force": "Gobbix"}, {"check": "new"}, {"remember": "1"}])
def test_a_decision_after_the_preview_is_previewed_first(importing, change) -> None:
    client, _, form = importing
    assert client.post(IMPORT, {**form, **change}).status_code == 409
    assert not RaidAttendance.objects.exists()


def test_an_import_is_previewed_anew_when_a_character_changes_hands(importing, guild: Guild) -> None:
    client, _, form = importing
    reassign_character(
        character=guild.characters["Brakkus"], user=guild.recruiter, reason="given away", actor=guild.officer
    )
    page = client.post(IMPORT, form)
    assert page.status_code == 409
    assert "different now: Brakkus" in page.content.decode()
    assert not RaidAttendance.objects.exists()


def test_an_import_is_previewed_anew_when_the_raid_got_attendees(importing, guild: Guild) -> None:
    client, raid, form = importing
    award_attendance(raid=raid, attendees=["Brakkus"], actor=guild.officer)
    page = client.post(IMPORT, form)
    assert page.status_code == 409
    assert RaidAttendance.objects.count() == 1
    client.post(IMPORT, {**form, **confirmed(page)})
    assert balance_of(user_id=guild.member.pk, pool=guild.pool).balance == 35.5


def test_what_was_previewed_is_committed_with_every_field_that_the_page_shows(importing, guild: Guild) -> None:
    client, _, form = importing
    page = client.post(IMPORT, {**form, "step": "preview", "skip": "Brakkus"})
    rows = page.context["rows"]
    form |= {
        **confirmed(page), "skip": "Brakkus", "name": [row.name for row in rows], "who": [row.who for row in rows],
        "status": [row.status for row in rows], "blocks": "latest", "check": "first",
    }  # fmt: skip
    assert client.post(IMPORT, form).status_code == 302
    assert {row.character_name for row in RaidAttendance.objects.all()} == {"Sorrel", "Tibble"}


def test_a_dump_is_applied_as_the_difference_was_shown(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    text = "Brakkus\t61\tWarrior\tLeader\t\t11/20/26\tThe Nexus\t\t\toff\toff\t0\t\t\t\n"
    form = {"form": "dump", "text": text, "choice": ["update"]}
    page = client.post(DUMP, {**form, "once": token(client.get(DUMP)), "do": "preview"})
    form |= {**confirmed(page), "seen": "1", "do": "apply"}
    other = client.post(DUMP, {**form, "text": text.replace("61", "62")})
    assert other.status_code == 409
    create_character(name="Newling", user=guild.member, actor=guild.officer)
    later = client.post(DUMP, form)
    assert later.status_code == 409
    assert "new: Newling" in later.content.decode()
    assert Character.objects.get(name="Brakkus").level == 60
    assert client.post(DUMP, {**form, **confirmed(later)}).status_code == 302
    assert Character.objects.get(name="Brakkus").level == 61


def test_another_account_than_the_one_previewed_is_not_merged(sign_in, guild: Guild) -> None:
    client = sign_in("officer")
    path = f"/officers/people/{guild.member.pk}/"
    form = {"form": "merge", "source": guild.recruiter.pk, "reason": ""}
    page = client.post(path, {**form, "once": token(client.get(path)), "step": "preview"})
    form |= {**confirmed(page), "step": "merge", "reason": "Told us so"}
    refused = client.post(path, {**form, "source": guild.guest.pk})
    assert refused.status_code == 409
    assert not UserMerge.objects.exists()
    assert client.post(path, form).status_code == 302  # the reason may be given after the preview


def test_a_raid_that_got_attendees_since_is_not_undone_unseen(importing, guild: Guild) -> None:
    client, raid, _ = importing
    award_attendance(raid=raid, attendees=["Brakkus"], actor=guild.officer)
    path = f"/raids/{raid.pk}/reverse/"
    form = {**confirmed(client.get(path)), "form": "", "reason": "Booked twice"}
    award_attendance(raid=raid, attendees=["Sorrel"], actor=guild.officer)
    page = client.post(path, form)
    assert page.status_code == 409
    assert "new: Member in Velious" in page.content.decode()
    assert RaidAttendance.objects.filter(reversed_at=None).count() == 2
    assert client.post(path, {**form, **confirmed(page)}).status_code == 302
    assert not RaidAttendance.objects.filter(reversed_at=None).exists()
