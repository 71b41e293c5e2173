"""What a raid leader pastes or drops is never lost, and of a big log one night is sent."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.points.models import LedgerEntry
from guildhall.points.services import create_pool
from guildhall.raids.models import Raid
from guildhall.raids.services import create_event, create_raid
from guildhall.roster.services import create_character

from .people import watch

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def leader() -> User:
    found = create_person(display_name="Brakkus", username="raidleader", role_group=RoleGroup.OFFICER)
    create_character(name="Brakkus", user=found, character_class="Warrior", actor=found)
    pool = create_pool(name="Velious", actor=found)
    event = create_event(name="Siege", pools=[pool], default_points="10", actor=found)
    create_raid(event=event, started_at=clock.now() - dt.timedelta(minutes=30), actor=found)
    return found


def sign_in(page: Any, server: str, name: str = "Raid leader") -> None:
    page.goto(f"{server}/sign-in/")
    page.get_by_role("button", name=name).click()
    page.wait_for_url(f"{server}/")


@pytest.fixture
def page(live_server: Any, chromium: Any, settings: Any, leader: User) -> Any:
    settings.DEMO_SIGN_IN = True
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    problems = watch(opened)
    sign_in(opened, live_server.url)
    opened.goto(f"{live_server.url}/raids/import/")
    yield opened
    assert problems == []
    context.close()


def press(page: Any) -> None:
    page.get_by_role("button", name="Preview", exact=True).click()


def paid(page: Any) -> None:
    page.locator("#messages .message", has_text="1 person paid").first.wait_for()


def commit(page: Any) -> None:
    page.get_by_role("button", name="Commit: pay 1 person").click()
    paid(page)


def test_a_killed_session_a_fault_and_no_connection_keep_what_was_pasted(live_server: Any, page: Any) -> None:
    said = page.locator("#import-notice")
    page.fill("textarea[name=text]", "Brakkus")

    Session.objects.all().delete()
    press(page)
    said.get_by_text("You are signed out").wait_for()
    assert page.input_value("textarea[name=text]") == "Brakkus"
    with page.context.expect_page() as opened:
        said.get_by_role("link", name="Sign in").click()
    opened.value.get_by_role("button", name="Raid leader").click()
    opened.value.wait_for_url("**/raids/import/")
    assert opened.value.input_value("textarea[name=text]") == "Brakkus"
    opened.value.close()
    said.get_by_role("button", name="Try again").click()
    page.wait_for_selector("#preview")

    # A fault while it is committed: the preview stays, and the same press goes through afterwards, once.
    page.route(
        "**/raids/import/",
        lambda route: route.fulfill(status=500, body="no") if route.request.method == "POST" else route.continue_(),
    )
    page.get_by_role("button", name="Commit: pay 1 person").click()
    said.get_by_text("The server could not do this (500)").wait_for()
    assert page.locator("#preview").count() == 1
    page.unroute("**/raids/import/")

    # Without a connection it is tried once more by itself, and then says so.
    page.context.set_offline(True)
    page.get_by_role("button", name="Commit: pay 1 person").click()
    said.get_by_text("Trying once more").wait_for()
    said.get_by_text("There is no connection").wait_for()
    page.context.set_offline(False)
    said.get_by_role("button", name="Try again").click()
    paid(page)
    assert LedgerEntry.objects.count() == 1
    # It is done, so nothing is offered any more.
    page.goto(f"{live_server.url}/raids/import/")
    assert page.input_value("textarea[name=text]") == ""


def test_a_deploy_between_the_preview_and_the_commit_keeps_both(live_server: Any, page: Any) -> None:
    said = page.locator("#import-notice")
    page.fill("textarea[name=text]", "Brakkus")
    press(page)
    page.wait_for_selector("#preview")
    answers: list[int] = []

    def restart(route: Any) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        answers.append(503)
        route.fulfill(status=503, body="<html>restarting</html>")

    page.route("**/raids/import/", restart)
    page.get_by_role("button", name="Commit: pay 1 person").click()
    said.get_by_text("Trying once more").wait_for()
    said.get_by_text("The server is being restarted or is busy (503)").wait_for()
    assert len(answers) == 2, "it is sent once more by itself, and not for ever"
    assert page.locator("#preview").count() == 1
    page.unroute("**/raids/import/")
    # The new version signed everybody out, and its forms have another token.
    Session.objects.all().delete()
    said.get_by_role("button", name="Try again").click()
    said.get_by_text("You are signed out").wait_for()
    sign_in(other := page.context.new_page(), live_server.url)
    other.close()
    said.get_by_role("button", name="Try again").click()
    paid(page)
    assert LedgerEntry.objects.count() == 1


def test_what_was_pasted_on_the_console_is_there_after_signing_in_again(live_server: Any, page: Any) -> None:
    page.goto(f"{live_server.url}/raids/{Raid.objects.get().pk}/console/")
    page.fill("textarea[name=text]", "Brakkus")
    Session.objects.all().delete()
    press(page)
    page.get_by_role("heading", name="You are signed out").wait_for()
    assert page.locator("main textarea").input_value() == "Brakkus", "it is given back"
    sign_in(page, live_server.url)
    page.goto(f"{live_server.url}/raids/import/")
    assert page.input_value("textarea[name=text]") == "Brakkus"
    press(page)
    page.wait_for_selector("#preview")
    commit(page)
    assert LedgerEntry.objects.count() == 1


def test_an_answer_that_was_lost_is_asked_for_again_by_itself_and_counts_once(live_server: Any, page: Any) -> None:
    page.fill("textarea[name=text]", "Brakkus")
    press(page)
    page.wait_for_selector("#preview")
    lost: list[str] = []

    def lose(route: Any) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.request.post_data or "")
            route.fetch(max_redirects=0)  # it arrives, and its answer does not come back
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/raids/import/", lose)
    page.get_by_role("button", name="Commit: pay 1 person").click()
    paid(page)
    assert "done already" in page.locator("#messages").inner_text()
    assert LedgerEntry.objects.count() == 1


def test_a_draft_outlives_the_page_and_is_shown_to_nobody_else(live_server: Any, page: Any) -> None:
    page.fill("textarea[name=text]", "Brakkus")
    page.goto(f"{live_server.url}/raids/")
    page.goto(f"{live_server.url}/raids/import/")
    page.get_by_text("is still here").wait_for()
    assert page.input_value("textarea[name=text]") == "Brakkus"
    page.get_by_role("button", name="Menu").click()
    page.locator(".drop.mine summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in/")
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('draft:')).length") == 0


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_of_a_big_log_the_last_day_is_sent(live_server: Any, page: Any, tmp_path: Path, encoding: str) -> None:
    def line(at: dt.datetime, words: str) -> str:
        return at.strftime("[%a %b %d %H:%M:%S %Y] ") + words + "\r\n"

    now = clock.now().replace(tzinfo=None)
    old = now - dt.timedelta(days=400)
    talk = "".join(line(old + dt.timedelta(minutes=n), "Xantik says, 'Déjà vu, and more of it'") for n in range(60_000))
    tonight = "".join(
        line(now - dt.timedelta(minutes=5), words)
        for words in ("Players on EverQuest:", "---------------------------", "[60 Warlord] Brakkus (Human) <The Ember Hall>",
                      "There are 1 players in Kael Drakkel.")
    )  # fmt: skip
    log = tmp_path / "eqlog_Brakkus_server.txt"
    log.write_bytes((talk + tonight).encode(encoding))
    assert log.stat().st_size > 4_000_000
    sizes: list[int] = []
    page.on(
        "request", lambda one: sizes.append(int(one.headers.get("content-length", 0))) if one.method == "POST" else None
    )
    page.set_input_files("input[name=file]", str(log))
    page.wait_for_selector("#preview")
    assert page.locator("#preview th", has_text="Brakkus").count() == 1
    assert 0 < max(sizes) < 400_000 or not any(sizes)
    commit(page)
    assert LedgerEntry.objects.count() == 1


def test_a_log_of_any_letters_and_line_ends_is_cut_at_a_whole_line(live_server: Any, page: Any) -> None:
    script = r"""async () => {
      const { cut } = await import(document.querySelector("script[src*='import']").src);
      const line = (n) => {
        const [day, date, month, year, time] = new Date(Date.UTC(2025, 0, 1) + n * 600_000).toUTCString().split(/,? /);
        return `[${day} ${month} ${date} ${time} ${year}] D\u00e9j\u00e0 vu`;
      };
      const codes = (text) => Array.from(text, (one) => one.charCodeAt(0));
      const wide = (text, little) => Uint8Array.from(codes(text).flatMap((c) => little ? [c & 255, c >> 8] : [c >> 8, c & 255]));
      const narrow = (text) => Uint8Array.from(text, (one) => one.charCodeAt(0));
      const ways = { utf8: [(t) => new TextEncoder().encode(t), "\n", 0], cp1252: [narrow, "\r\n", 0], mac: [narrow, "\r", 0],
        le: [(t) => wide(t, true), "\r\n", 0], be: [(t) => wide(t, false), "\r\n", 0],
        marked: [(t) => wide("\ufeff" + t, true), "\r\n", 1] };
      const found = {};
      for (const [name, [encode, end, marks]] of Object.entries(ways)) {
        const bytes = encode(Array.from({ length: 20_000 }, (_, n) => line(n) + end).join(""));
        const part = await cut(new File([bytes], "eqlog_A_b.txt"), "");
        const sent = new Uint8Array(await part.arrayBuffer());
        const skip = 2 * marks, first = encode("[").slice(skip);
        const same = bytes.slice(bytes.length - sent.length + skip).every((one, at) => one === sent[at + skip]);
        const whole = sent.slice(skip, skip + first.length).join() === first.join();
        found[name] = [sent.length < bytes.length / 5, whole, same, !marks || sent[0] === 255];
      }
      return found;
    }"""
    found = page.evaluate(script)
    assert found == {name: [True] * 4 for name in ("utf8", "cp1252", "mac", "le", "be", "marked")}
