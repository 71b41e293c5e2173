"""Officers decide lines of chat that were not understood whole: applied as they say, dismissed, opened again; each once."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from guildhall.accounts.models import PermissionGroup
from guildhall.accounts.services import create_person, give_group
from guildhall.auctions.models import ChatLine, SessionRoll
from guildhall.auctions.services import NewSession, start_session
from guildhall.auctions.services.chat import apply_chat, read_chat
from guildhall.auctions.services.chat_doubts import dismiss_doubt
from guildhall.core import kept
from guildhall.core.models import AuditEvent
from guildhall.loot.models import LootDistribution
from guildhall.loot.services import create_item
from guildhall.points.verification import verify
from guildhall.raids.models import Event, Raid
from guildhall.raids.services import create_event, create_raid

from .conftest import Guild

pytestmark = pytest.mark.django_db

PAGE = "/officers/chat-doubts/"


def browser(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def officer(guild: Guild) -> Client:
    create_item(name="Bixie Royal Jelly", actor=None)
    return browser(guild.officer)


def doubt(guild: Guild, words: str = "Gratz Sorrel on the Bixie Royal Jelly, 1st one in 6 months") -> ChatLine:
    line = f"[Mon Nov 23 20:15:02 2026] Brakkus tells the raid,  '{words}'"
    apply_chat(read_chat(line), actor=guild.officer)
    return ChatLine.objects.latest("pk")


def press(client: Client, form: str, row: ChatLine, state: str = "open", **values: Any) -> Any:
    sent = {"form": form, "once": uuid.uuid4().hex, "doubt": row.fingerprint, **values}
    return client.post(f"{PAGE}?state={state}", sent)


def prefilled(page: str, row: ChatLine) -> dict[str, str]:
    """What the form of a doubt begins with."""
    form = page.split(f'id="doubt-{row.pk}"')[1].split("</form>")[0]
    found = {}
    for tag in re.findall(r"<input[^>]*>", form):
        given = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        found[given["name"]] = given.get("value", "")
    chosen = re.search(r'<option value="(\w*)" selected', form)
    return {**found, "kind": chosen[1] if chosen else ""}


def text_of(response: Any) -> str:
    return response.content.decode()


JELLY = {"kind": "award", "item": "Bixie Royal Jelly", "character_name": "Sorrel", "amount": "6"}


def test_a_line_says_who_said_it_what_was_understood_and_what_was_left_over(officer: Client, guild: Guild) -> None:
    row = doubt(guild)
    page = text_of(officer.get(PAGE))
    for words in ("Brakkus in raid", "23 Nov 2026, 20:15:02", "item <b>Bixie Royal Jelly</b>", "“1st”", "left_over",
                  "It says more than an award", "To decide (1)"):  # fmt: skip
        assert words in page, words
    begun = prefilled(page, row)
    assert {name: begun[name] for name in JELLY} == JELLY
    assert begun["doubt"] == row.fingerprint


def test_it_is_applied_as_the_officer_says_and_leads_to_the_award(officer: Client, guild: Guild) -> None:
    row = doubt(guild)
    assert press(officer, "apply", row, **{**JELLY, "amount": "4"}).status_code == 302
    award = LootDistribution.objects.get()
    assert (award.user, str(award.points_spent)) == (guild.member, "4.00")
    row.refresh_from_db()
    assert (row.state, row.decided_by) == ("applied", guild.officer)
    page = text_of(officer.get(PAGE, {"state": "applied"}))
    assert f"/awards/{award.pk}/" in page
    assert 'name="kind"' not in page
    assert row.line not in text_of(officer.get(PAGE)).replace("&#x27;", "'")
    assert verify() == []


def test_a_doubtful_roll_is_recorded_and_taken_back_by_one_press(officer: Client, guild: Guild) -> None:
    tiers = [{"high": 311, "name": ""}]
    start_session(session=NewSession(item_name="Bixie Royal Jelly", mode="roll", roll_tiers=tiers), actor=guild.officer)
    turned = "**It could have been any number from 0 to 311, but this time it turned up a {}."
    told = ("**A Magic Die is rolled by Sorrel.", "**A Magic Die is rolled by Brakkus.", turned.format(9))
    lines = "\n".join(f"[Mon Nov 23 20:15:02 2026] {one}" for one in told)
    apply_chat(read_chat(lines), actor=guild.officer)
    row = ChatLine.objects.get(state="open")
    page = text_of(officer.get(PAGE))
    assert "turned up <b>9</b>" in page
    begun = prefilled(page, row)
    assert [begun[name] for name in ("kind", "character_name", "high", "result")] == ["roll", "Sorrel", "311", "9"]
    sent = {name: begun[name] for name in ("kind", "item", "character_name", "high", "result")}
    assert press(officer, "apply", row, **sent).status_code == 302
    assert SessionRoll.objects.get().result == 9
    page = text_of(officer.get(PAGE))
    hidden = dict(re.findall(r'name="(once|what)" value="([^"]*)"', page[page.index('action="/undo/"') :])[:2])
    assert officer.post("/undo/", {"form": "undo", **hidden}).status_code == 302
    assert not SessionRoll.objects.exists()


def test_a_stale_press_is_refused_with_who_was_faster_and_charges_nobody_again(officer: Client, guild: Guild) -> None:
    row = doubt(guild)
    press(officer, "apply", row, **JELLY)
    other = browser(create_person(display_name="Nimbus", role_group="officer"))
    for form in ("apply", "dismiss"):
        late = press(other, form, row, **JELLY)
        assert late.status_code == 409, form
        assert "This doubt was applied already by Officer." in text_of(late)
    assert LootDistribution.objects.count() == 1
    gone = press(other, "reopen", row)
    assert (gone.status_code, "Only a dismissed doubt can be opened again." in text_of(gone)) == (409, True)


def test_a_refusal_stands_in_the_form_of_its_line_with_what_was_typed(officer: Client, guild: Guild) -> None:
    first, second = doubt(guild), doubt(guild, "Gratz Sorrel on the Bixie Royal Jelly, 2nd one in 6 months")
    said = {**JELLY, "character_name": "Nobody"}
    page = press(officer, "apply", first, **said)
    assert page.status_code == 409
    assert prefilled(text_of(page), first)["character_name"] == "Nobody"
    assert prefilled(text_of(page), second)["character_name"] == "Sorrel"
    assert "Nobody is nobody" in text_of(page)
    assert press(officer, "apply", first, kind="", item="").status_code == 400
    assert press(officer, "apply", first, **{**JELLY, "amount": ""}).status_code == 400
    first.refresh_from_db()
    assert first.state == "open"


def test_dismissed_lines_are_opened_again(officer: Client, guild: Guild) -> None:
    row = doubt(guild)
    assert press(officer, "dismiss", row).status_code == 302
    assert "Open it again" in text_of(officer.get(PAGE, {"state": "dismissed"}))
    assert "“1st”" not in text_of(officer.get(PAGE))
    assert press(officer, "reopen", row, "dismissed").status_code == 302
    assert "“1st”" in text_of(officer.get(PAGE))
    acts = set(AuditEvent.objects.filter(action__endswith="_doubt").values_list("action", "actor"))
    assert acts == {("auctions.dismiss_doubt", guild.officer.pk), ("auctions.reopen_doubt", guild.officer.pk)}


@pytest.mark.parametrize("meant", ["status", "retraction", "something new", None])
def test_whatever_a_doubt_is_about_it_is_shown_and_nothing_is_chosen_for_the_officer(
    officer: Client, meant: str | None
) -> None:
    row = ChatLine.objects.create(
        fingerprint="odd", line="<b>50</b>", kind=f"doubt_{meant}", state="open",
        doubt={} if meant is None else {"meant": meant, "reason": "same_words", "detail": "Said by another too."},
    )  # fmt: skip
    page = text_of(officer.get(PAGE))
    assert "&lt;b&gt;50&lt;/b&gt;" in page
    assert meant is None or "same_words" in page
    assert prefilled(page, row)["kind"] == ""
    assert press(officer, "apply", row, item="Bixie Royal Jelly").status_code == 400


def test_an_empty_list_says_what_the_page_is_and_other_states_are_not_the_first_time(
    officer: Client, guild: Guild
) -> None:
    page = text_of(officer.get(PAGE))
    assert "No line of chat was ever in doubt here" in page
    assert "/officers/bidding/chat/" in page
    dismiss_doubt(fingerprint=doubt(guild).fingerprint, actor=guild.officer)
    assert "ever in doubt" not in text_of(officer.get(PAGE))
    assert "None was applied yet" in text_of(officer.get(PAGE, {"state": "applied"}))
    assert officer.get(PAGE, {"state": "nonsense"}).status_code == 200


def test_what_is_under_seal_is_not_on_the_page_and_not_counted(officer: Client, guild: Guild) -> None:
    start = NewSession(item_name="Bixie Royal Jelly", pool=guild.pool, mode="sealed")
    session = start_session(session=start, actor=guild.officer)
    for kind in ("bid", "award"):
        ChatLine.objects.create(
            fingerprint=kind, line=f"a line about the {kind}", kind=f"doubt_{kind}", state="open", session=session,
            doubt={"meant": kind},
        )  # fmt: skip
    page = text_of(officer.get(PAGE))
    assert "a line about the award" in page
    assert "a line about the bid" not in page
    assert "To decide (1)" in page
    assert press(officer, "dismiss", ChatLine.objects.get(fingerprint="bid")).status_code == 404


@pytest.mark.parametrize("group", ["Raid leader", "Loot officer", "Recruiter", "Treasurer", None])
def test_the_page_and_the_api_let_the_same_people_in(guild: Guild, group: str | None) -> None:
    for role in ("member", "guest"):
        person = create_person(display_name=f"Helper {role}", role_group=role)
        if group:
            give_group(user=person, group=PermissionGroup.objects.get(name=group), actor=None)
        client = browser(type(person).objects.get(pk=person.pk))
        page, api, home = client.get(PAGE), client.get("/api/bidding/chat-doubts/"), client.get("/")
        assert page.status_code == api.status_code, (role, group)
        assert (PAGE in text_of(home)) == (page.status_code == 200), (role, group)


def test_home_and_console_say_how_many_wait(officer: Client, guild: Guild) -> None:
    event: Event = create_event(name="Siege", pools=[guild.pool], default_points="1", actor=guild.officer)
    raid: Raid = create_raid(event=event, leader=guild.officer, actor=guild.officer)
    console = f"/raids/{raid.pk}/console/"
    assert "of chat</a>" not in text_of(officer.get("/")) + text_of(officer.get(console))
    tag = officer.get(console)["ETag"]
    row = doubt(guild)
    assert "1 line of chat</a> waits" in text_of(officer.get("/"))
    assert officer.get(console, headers={"If-None-Match": tag}).status_code == 200
    assert "1 line of chat</a> waits" in text_of(officer.get(console))
    assert "of chat</a>" not in text_of(browser(guild.member).get("/"))
    press(officer, "dismiss", row)
    assert "of chat</a>" not in text_of(officer.get("/"))


def test_more_lines_cost_no_more_queries(officer: Client, guild: Guild) -> None:
    event = create_event(name="Siege", pools=[guild.pool], default_points="1", actor=guild.officer)

    raids = [create_raid(event=event, leader=guild.officer, actor=guild.officer) for _ in range(30)]

    def grow(first: int, last: int) -> None:
        for number in range(first, last):
            ChatLine.objects.create(
                fingerprint=f"line {number}", line="grats", kind="doubt_award", state="open", raid=raids[number],
                doubt={"meant": "award"},
            )  # fmt: skip

    def cost(path: str) -> int:
        officer.get(path)
        kept.clear()
        with CaptureQueriesContext(connection) as queries:
            assert officer.get(path).status_code == 200
        return len(queries)

    grow(0, 2)
    few = cost(PAGE), cost("/")
    grow(2, 30)
    assert (cost(PAGE), cost("/")) == few
    assert few[0] <= 6
    page = text_of(officer.get(PAGE))
    assert page.count('class="sheet doubt"') == 20
    assert "Page 1 of 2" in page
    assert text_of(officer.get(PAGE, {"page": "2"})).count('class="sheet doubt"') == 10
