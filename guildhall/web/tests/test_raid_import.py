"""What the raid leader does mid-raid: paste, look, press once."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guildhall.core import clock
from guildhall.points.models import DKPPool, LedgerEntry
from guildhall.points.selectors import balance_of
from guildhall.raids.log_models import LogFinding
from guildhall.raids.models import Event, Raid, RaidAttendance, UnmatchedName
from guildhall.raids.services import create_event, create_raid
from guildhall.roster.models import CharacterAlias
from guildhall.roster.services import add_alias

from .conftest import Guild, confirmed, token

PATH = "/raids/import/"
NIGHT = dt.datetime(2026, 11, 22, 20, 30, tzinfo=dt.UTC)


def who(*rows: str, at: dt.datetime = NIGHT) -> str:
    stamp = at.strftime("[%a %b %d %H:%M:%S %Y]")
    lines = ["Players on EverQuest:", "---------------------------", *rows, f"There are {len(rows)} players in Kael."]
    return "\n".join(f"{stamp} {line}" for line in lines)


LOG = who(
    "[60 Warlord] Brakkus (Barbarian) <The Ember Hall>",
    "[60 High Priest] Sorrel (Human) <The Ember Hall>",
    "[52 Channeler] Tibble (Gnome) <The Ember Hall>",
    "[60 Hierophant] Nimwee (Halfling) <The Ember Hall>",
    "[60 Oracle] Gobbix (Goblin) <Elsewhere>",
)


@pytest.fixture
def event(guild: Guild) -> Event:
    return create_event(name="Siege", pools=[guild.pool], default_points="10", actor=guild.officer)


@pytest.fixture
def raid(guild: Guild, event: Event) -> Raid:
    return create_raid(event=event, started_at=NIGHT - dt.timedelta(minutes=20), actor=guild.officer)


@pytest.fixture(autouse=True)
def _that_night():
    with clock.frozen(NIGHT + dt.timedelta(minutes=5)):
        yield


def preview(client, text: str = LOG, **fields):
    form = {"form": "import", "once": token(client.get(PATH)), "text": text, "step": "preview", **fields}
    return client.post(PATH, form)


def carried(page) -> dict[str, object]:
    import re

    found = re.search(r'name="carried" value="([^"]+)"', page.content.decode())
    assert found
    return {"form": "import", **confirmed(page), "carried": found.group(1), "step": "commit",
            "target": page.context["form"].data["target"], "event": page.context["form"].data.get("event", "")}  # fmt: skip


def test_the_preview_says_of_each_name_what_will_become_of_it(sign_in, guild: Guild, raid: Raid) -> None:
    page = preview(sign_in("officer"))
    words = {row.name: (row.words, row.tone) for row in page.context["rows"]}
    assert words["Brakkus"] == ("matched", "good")
    assert words["Sorrel"][1] == "good"
    assert words["Tibble"] == ("second character: paid through Sorrel", "quiet")
    assert words["Nimwee"] == ("probably meant", "warn")
    assert words["Gobbix"][1] == "bad"
    assert "20.00 points in all" in page.content.decode()
    assert not RaidAttendance.objects.exists()


def test_the_raid_that_was_going_on_is_found(sign_in, guild: Guild, raid: Raid) -> None:
    assert preview(sign_in("officer")).context["form"].data["target"] == f"raid:{raid.pk}"


def test_without_a_raid_a_new_one_is_offered_and_the_preview_stores_nothing(
    sign_in, guild: Guild, event: Event
) -> None:
    page = preview(sign_in("officer"), event=str(event.pk))
    assert page.context["form"].data["target"] == "new"
    assert page.status_code == 200
    assert not Raid.objects.exists()
    sign_in("officer").post(PATH, carried(page))
    made = Raid.objects.get()
    assert made.started_at == NIGHT
    assert balance_of(user_id=guild.member.pk, pool=guild.pool).balance == 35.5


def test_the_preview_of_a_new_raid_and_a_new_check_writes_nothing_at_all(sign_in, guild: Guild, event: Event) -> None:
    client = sign_in("officer")
    with CaptureQueriesContext(connection) as captured:
        page = preview(client, event=str(event.pk), check="new", check_kind="kill", check_points="5")
    assert page.status_code == 200
    assert page.context["preview"].check.kind == "kill"
    writing = [query["sql"] for query in captured if query["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")]
    assert [sql for sql in writing if "session" not in sql] == []


def test_a_new_raid_needs_an_event_and_says_so(sign_in, guild: Guild, event: Event) -> None:
    page = preview(sign_in("officer"))
    assert page.status_code == 400
    assert "Choose the event" in page.content.decode()


def test_a_new_raid_is_never_of_the_last_raids_event_by_itself(sign_in, guild: Guild, event: Event) -> None:
    create_raid(event=event, started_at=NIGHT - dt.timedelta(days=3), actor=guild.officer)
    page = preview(sign_in("officer"))
    assert page.context["preview"] is None
    assert "Which event was it?" in page.content.decode()
    assert 'value="" selected' in page.content.decode()
    assert f'value="{event.pk}" selected' not in page.content.decode()
    page = preview(sign_in("officer"), target="new", event=str(event.pk), check="first")
    assert "NEW raid: Siege, worth 10.00" in page.content.decode()


def test_the_heading_names_the_raid_and_the_check_that_the_time_says(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    page = preview(client)
    assert f"Goes to {raid}" in page.content.decode()
    assert page.context["form"].data["check"] == "first"
    client.post(PATH, carried(page))
    later = NIGHT + dt.timedelta(minutes=70)
    with clock.frozen(later + dt.timedelta(minutes=1)):
        page = preview(client, who("[60 Warlord] Brakkus (Barbarian) <The Ember Hall>", at=later))
        assert page.context["form"].data["check"] == "new"
        assert "NEW check: tick, worth 0.00" in page.content.decode()
        assert "nobody is paid by it" in page.content.decode()
        client.post(PATH, {**carried(page), "check": "new", "check_kind": "tick", "check_points": "0.00"})
        assert raid.checks.count() == 2
        page = preview(client, who("[60 Warlord] Brakkus (Barbarian) <The Ember Hall>", at=later))
        assert page.context["form"].data["check"] == str(raid.checks.last().pk)
    assert preview(client).context["form"].data["check"] == "first"


def test_one_press_pays_and_keeps_the_unknown(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    response = client.post(PATH, carried(preview(client)), follow=True)
    page = response.content.decode()
    assert "2 people paid, 20.00 points in all" in page
    assert "Names that nobody knew" in page
    assert set(UnmatchedName.objects.values_list("name", flat=True)) == {"Nimwee", "Gobbix"}
    assert balance_of(user_id=guild.member.pk, pool=guild.pool).balance == 35.5


def test_pressing_twice_pays_once_and_says_so(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    form = carried(preview(client))
    client.post(PATH, form)
    entries = LedgerEntry.objects.count()
    again = client.post(PATH, form, follow=True)
    assert "done already" in again.content.decode()
    assert LedgerEntry.objects.count() == entries


def test_pasting_the_same_log_again_pays_nobody_twice(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    client.post(PATH, carried(preview(client)))
    entries = LedgerEntry.objects.count()
    page = preview(client)
    assert {row.words for row in page.context["rows"] if row.name == "Brakkus"} == {"already paid at this check"}
    assert "committed to this check" in page.content.decode()
    response = client.post(PATH, carried(page), follow=True)
    assert "nothing was paid again" in response.content.decode()
    assert LedgerEntry.objects.count() == entries


def test_one_tap_says_who_was_meant_and_it_is_remembered(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    page = preview(client, pick="Nimwee=Nimwe", remember="1")
    row = next(row for row in page.context["rows"] if row.name == "Nimwee")
    assert (row.words, row.who) == ("is Nimwe, you said", "Nimwe")
    names = [row.name for row in page.context["rows"]]
    whos = [row.who for row in page.context["rows"]]
    client.post(
        PATH, {**carried(page), "name": names, "who": whos, "status": ["present"] * len(names), "remember": "1"}
    )
    assert balance_of(user_id=guild.recruiter.pk, pool=guild.pool).balance == 35.5
    assert CharacterAlias.objects.get().name == "Nimwee"


def test_a_typed_name_that_nobody_has_is_refused_with_what_was_meant(sign_in, guild: Guild, raid: Raid) -> None:
    page = preview(sign_in("officer"), name=["Gobbix"], who=["Sorell"], status=["present"])
    assert "Did you mean Sorrel?" in page.content.decode()


def test_somebody_can_be_left_out_and_taken_back_in(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    page = preview(client, skip="Brakkus")
    row = next(row for row in page.context["rows"] if row.name == "Brakkus")
    assert row.is_left_out
    client.post(PATH, {**carried(page), "skip": "Brakkus"})
    assert balance_of(user_id=guild.officer.pk, pool=guild.pool).balance == 40


def test_a_late_one_earns_the_share_of_the_late(sign_in, guild: Guild, raid: Raid) -> None:
    page = preview(sign_in("officer"), name=["Brakkus"], who=[""], status=["standby"])
    row = next(row for row in page.context["rows"] if row.name == "Brakkus")
    assert row.status == "standby"


def test_an_alias_is_recognised(sign_in, guild: Guild, raid: Raid) -> None:
    add_alias(character=guild.characters["Nimwe"], name="Nimwee", actor=guild.officer)
    page = preview(sign_in("officer"))
    row = next(row for row in page.context["rows"] if row.name == "Nimwee")
    assert row.words == "alias of Nimwe"


def test_a_roster_from_another_night_is_marked(sign_in, guild: Guild, raid: Raid) -> None:
    text = who("[60 Warlord] Brakkus (Barbarian)", at=NIGHT - dt.timedelta(days=3))
    page = preview(sign_in("officer"), text, target=f"raid:{raid.pk}")
    assert "outside the raid" in page.content.decode()


def test_a_second_check_with_its_own_worth(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    client.post(PATH, carried(preview(client)))
    new = {"check": "new", "check_kind": "kill", "check_label": "King", "check_points": "3"}
    later = LOG.replace("20:30:00", "20:34:00")
    page = preview(client, later, **new)
    assert page.status_code == 200
    assert raid.checks.count() == 1
    client.post(PATH, {**carried(page), **new})
    assert raid.checks.count() == 2
    assert balance_of(user_id=guild.member.pk, pool=guild.pool).balance == 38.5


def test_a_dropped_file_is_read(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    dump = "1\tBrakkus\t60\tWarrior\tRaid Leader\t\t\tYes\t\n2\tSorrel\t60\tCleric\t\t\t\tYes\t\n"
    upload = SimpleUploadedFile("RaidRoster-20261122-203000.txt", dump.encode())
    form = {"form": "import", "once": token(client.get(PATH)), "step": "preview", "file": upload}
    page = client.post(PATH, form)
    assert page.status_code == 200
    assert {row.words for row in page.context["rows"]} == {"matched"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing in it"),
        ("   \n  ", "nothing in it"),
        ("[Sun Nov 22 20:30:00 2026] You say, 'hello'\n" * 50, "roster"),
        ("\x00\x01\x02\xff\xfe" * 300, ""),
        ("A" * 300, "name"),
    ],
)
def test_bad_input_gets_words_and_stores_nothing(sign_in, guild: Guild, raid: Raid, text: str, words: str) -> None:
    page = preview(sign_in("officer"), text)
    assert page.status_code == 400
    assert words in page.content.decode()
    assert 'role="alert"' in page.content.decode()
    assert not RaidAttendance.objects.exists()


def test_a_preview_that_was_tampered_with_is_refused(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    form = carried(preview(client))
    page = client.post(PATH, {**form, "carried": str(form["carried"])[:-3] + "abc"})
    assert page.status_code == 400
    assert "Paste the log" in page.content.decode()


def test_a_closed_pool_says_so(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    form = carried(preview(client))
    DKPPool.objects.update(is_active=False)
    page = client.post(PATH, form)
    assert page.status_code == 409
    assert "is closed" in page.content.decode()


def test_htmx_moves_the_whole_page_after_the_commit(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    response = client.post(PATH, carried(preview(client)), headers={"HX-Request": "true"})
    assert response.status_code == 204
    assert response["HX-Redirect"] == f"/raids/{raid.pk}/"


def test_what_was_done_tells_those_who_were_paid_before_from_second_characters(
    sign_in, guild: Guild, raid: Raid
) -> None:
    client = sign_in("officer")
    client.post(PATH, carried(preview(client, who("[60 Warlord] Brakkus (Barbarian) <The Ember Hall>"))))
    done = client.post(PATH, carried(preview(client)), follow=True).content.decode()
    assert "1 was paid already; 1 is a second character of somebody who is paid" in done


def test_who_was_signed_out_gets_back_what_was_sent(client, guild: Guild) -> None:
    page = client.post(PATH, {"form": "import", "text": "Brakkus <b>and</b> more", "step": "preview"})
    assert page.status_code == 401
    assert "Brakkus &lt;b&gt;and&lt;/b&gt; more</textarea>" in page.content.decode()
    assert client.get(PATH).status_code == 302
    client.force_login(guild.member)
    refused = client.post(PATH, {"form": "import", "text": "Brakkus", "step": "preview"})
    assert refused.status_code == 403
    assert "Brakkus</textarea>" in refused.content.decode()


def test_a_log_without_a_roster_is_kept_for_the_raid_that_is_chosen_and_pays_nobody(sign_in, raid: Raid) -> None:
    client, path = sign_in("officer"), f"/raids/import/?raid={raid.pk}"
    text = f"[{raid.started_at:%a %b %d %H:%M:%S %Y}] --Sorrel has looted a Cloak of Flames.--\n"
    body = {"form": "import", "target": f"raid:{raid.pk}", "check": "auto", "text": text, "step": "preview"}
    entries = LedgerEntry.objects.count()
    for words in ("1 line of it is kept below.", "0 lines of it are kept below. 1 was kept before."):
        done = client.post(path, {**body, "once": token(client.get(path))}, follow=True)
        assert words in done.text
        assert done.redirect_chain[-1][0] == f"/raids/{raid.pk}/console/#night-log-loot"
    assert LogFinding.objects.get().item == "Cloak of Flames"
    assert LedgerEntry.objects.count() == entries
    chat = text.replace("--Sorrel has looted a Cloak of Flames.--", "Sorrel says, 'hello'")
    refused = client.post(path, {**body, "text": chat, "once": token(client.get(path))})
    assert "There is no roster in it" in refused.text
