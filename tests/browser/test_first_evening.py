"""The first evening of a guild: from an empty database to a closed raid that is paid, with nothing but the site's own pages.

No Discord, no demo, DEBUG off, no admin page; nothing is made but by what people press. Each page on the way is looked at by
axe-core, at the width of a desk and of a phone, and once the whole way is gone by the keyboard alone.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command

from guildhall.accounts.models import RoleGroup
from guildhall.accounts.services import create_person, make_setup_code
from guildhall.auctions import stream
from guildhall.auctions.services import NewSession, start_session
from guildhall.core import clock, guild
from guildhall.points.models import UserPointsSummary
from guildhall.points.services import adjust_points, create_pool
from guildhall.raids.models import Raid, RaidAttendance
from guildhall.raids.services import create_event, create_raid
from guildhall.roster.services import create_character

from . import axe
from .hands import Keyboard, Mouse
from .people import PASSWORD, until, watch

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

ZONE = "Europe/Berlin"
DUMP = "".join(
    f"{name}\t60\t{what}\t{rank}\t\t11/20/26\tThe Nexus\t{note}\t\toff\toff\t0\t\t\t\n"
    for name, what, rank, note in (
        ("Brakkus", "Warrior", "Leader", ""),
        ("Tibble", "Wizard", "Officer", ""),
        ("Sorrel", "Cleric", "Raider", ""),
        ("Nimwe", "Enchanter", "Raider", ""),
        ("Nimlet", "Druid", "Alt", "alt of Nimwe"),
    )
)


class Somebody:
    """Somebody in front of a browser of their own, who works it with a mouse or by keyboard."""

    def __init__(self, browser: Any, server: str, *, width: int, keyboard: bool = False, touch: bool = False) -> None:
        self.server = server
        self.context = browser.new_context(
            viewport={"width": width, "height": 844}, timezone_id=ZONE, has_touch=touch, is_mobile=touch
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.problems = watch(self.page)
        self.page.on("console", self._hear)
        self.hand = Keyboard(self.page) if keyboard else Mouse(self.page)
        self.seen: set[str] = set()

    def _hear(self, message: Any) -> None:
        """Keep what a page complains of, but not that it was refused what a test asked for to be refused."""
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.problems.append(message.text)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.server}{path}")

    def see(self, name: str) -> None:
        """Look at the page as it is: axe-core, its width, its problems; keep a picture where somebody wants one (PICTURES)."""
        if name in self.seen:
            return
        self.seen.add(name)
        self.page.wait_for_load_state()
        self.page.locator("footer").wait_for()
        if folder := os.environ.get("PICTURES"):
            width = self.page.viewport_size["width"]
            self.page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"), full_page=True, caret="initial")
        assert self.problems == [], name
        if isinstance(self.hand, Keyboard):  # the same pages are looked at on the other ways
            return
        self.page.evaluate("scrollTo(0, 0)")  # what the head of the page covers is there for who scrolls
        assert axe.faults(self.page) == [], name
        wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert self.page.evaluate(wide), name
        assert "/admin/" not in self.page.url

    def button(self, name: str, within: Any = None) -> Any:
        return (within or self.page).get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Any:
        return self.page.locator("main").get_by_role("link", name=name, exact=True)

    def field(self, name: str) -> Any:
        return self.page.locator(f"main [name={name}]:visible").first

    def press(self, name: str) -> None:
        self.hand.press(self.button(name).first)

    def follow(self, name: str) -> None:
        self.hand.press(self.link(name).first)

    def fill(self, **texts: str) -> None:
        for name, text in texts.items():
            self.hand.fill(self.field(name), text)

    def told(self, words: str) -> None:
        """Wait until the page says so."""
        self.page.locator("#messages .message", has_text=words).first.wait_for()

    def text(self) -> str:
        return str(self.page.locator("main").inner_text())


@pytest.fixture
def somebody(live_server: Any, chromium: Any, settings: Any) -> Iterator[Any]:
    assert not settings.DEBUG
    assert not settings.DEMO_SIGN_IN
    guild.forget()
    made: list[Somebody] = []

    def come(**how: Any) -> Somebody:
        made.append(Somebody(chromium, live_server.url, **how))
        return made[-1]

    yield come
    for one in made:  # pytest shows it where the test failed
        print(one.page.url, one.page.locator("main").aria_snapshot(), sep="\n") if one.page.locator(
            "main"
        ).count() else 0
    for one in made:
        assert one.problems == []
        one.context.close()
    deadline = time.monotonic() + 15
    while stream.hub.listeners and time.monotonic() < deadline:
        time.sleep(0.2)


def log(at: dt.datetime, *names: str) -> str:
    """Return what `/log on` and `/who` write, by the clock of the players."""
    stamp = at.astimezone(ZoneInfo(ZONE)).strftime("[%a %b %d %H:%M:%S %Y]")
    rows = [f"[60 Warlord] {name} (Human) <Ember Watch>" for name in names]
    lines = ["Players on EverQuest:", "---------------------------", *rows]
    return "\n".join(f"{stamp} {line}" for line in [*lines, f"There are {len(names)} players in Kael Drakkel."])


def found_the_guild(boss: Somebody) -> None:
    boss.go(f"/setup/?code={make_setup_code()}")
    boss.see("setup")
    boss.fill(guild_name="Ember Watch", time_zone=ZONE, username="brak", display_name="Brakkus")
    boss.fill(password=PASSWORD, again=PASSWORD)
    boss.press("Found the guild")
    boss.page.wait_for_url("**/officers/setup/")
    boss.see("setup-steps")
    boss.follow("Pools")
    boss.see("setup-pools")
    boss.press("Make it")
    boss.told("DKP")
    boss.go("/officers/setup/ranks/")
    boss.see("setup-ranks")
    boss.press("Make the ranks")
    boss.told("rank")
    boss.go("/officers/setup/")
    boss.follow("Backups")
    boss.see("setup-backups")
    boss.press("Store")
    boss.page.wait_for_url("**/officers/setup/")


def bring_people(boss: Somebody) -> None:
    """A guild dump: one person for each main, alts by the notes."""
    boss.follow("Roster")
    boss.see("dump")
    boss.fill(text=DUMP)
    boss.press("Show the difference")
    boss.button("Change the roster").wait_for()
    boss.see("dump-difference")
    boss.press("Change the roster")
    boss.told("5 new names")
    boss.see("dump-done")
    boss.go("/roster/")
    boss.see("roster")


def write_the_template(boss: Somebody) -> None:
    """An event that holds the plan of its raids."""
    boss.go("/officers/events/")
    boss.see("events-empty")
    boss.fill(name="Kael Drakkel", default_points="10", usual_minutes="120", full_bonus="3")
    boss.hand.tick(boss.field("on_time"))
    boss.fill(on_time_points="10")
    boss.hand.tick(boss.field("end"))
    boss.fill(end_points="2", bosses_text="Vulak`Aerr; 8; Cloak of Flames")
    boss.hand.tick(boss.field("loot_is_new"))
    boss.press("Make it")
    boss.told("The event Kael Drakkel is made.")
    boss.see("events")


def invite(boss: Somebody, name: str) -> str:
    """Make a link for somebody whom the dump brought, and return its path."""
    boss.go("/officers/invitations/")
    boss.hand.choose(boss.field("person"), name)
    boss.press("Make the link")
    link = boss.page.locator("#the-link")
    link.wait_for()
    boss.see("invitations")
    return "/" + link.inner_text().split("/", 3)[3]


def come_in(who: Somebody, path: str, name: str) -> None:
    who.go(path)
    who.see("join")
    who.fill(username=name, password=PASSWORD, again=PASSWORD)
    who.press("Come in")
    who.page.wait_for_url(f"{who.server}/")
    who.see("home-member")


def pay_by_the_log(boss: Somebody, at: dt.datetime) -> Raid:
    """A pasted log makes the raid and pays who was there."""
    boss.go("/raids/import/")
    boss.see("import")
    boss.fill(text=log(at, "Brakkus", "Sorrel", "Nimwe", "Xantik"))
    boss.press("Preview")
    boss.page.get_by_role("heading", name="Which event was it?").wait_for()
    boss.see("import-asks")
    boss.hand.choose(boss.field("event"), "Kael Drakkel")  # by mouse it is sent by that
    if isinstance(boss.hand, Keyboard):
        boss.press("Preview")
    boss.page.locator("#preview").wait_for()
    boss.see("import-preview")
    assert "NEW raid: Kael Drakkel, worth 10" in boss.text()
    boss.press("Commit: pay 3 people")
    boss.told("points in all")
    boss.see("raid")
    return Raid.objects.get()


def two_at_the_console(boss: Somebody, second: Somebody, raid: Raid) -> None:
    """What one officer does the other sees; who presses on what is old is told both versions; one undo takes it back."""
    for who in (boss, second):
        who.go(f"/raids/{raid.pk}/console/")
        who.hand.press(who.page.locator("#night-checks a", has_text="on time"))
        who.page.locator("h2", has_text="on time").wait_for()
        who.see("console")
    boss.fill(character_name="Tibble")
    boss.press("Add to on time")
    boss.told("Tibble is at on time")
    second.page.locator("#night-there b", has_text="Tibble").wait_for()

    second.page.route(
        "**/console/**", lambda route: route.abort() if route.request.method == "GET" else route.continue_()
    )
    row = RaidAttendance.objects.get(character_name="Sorrel")
    boss.hand.press(boss.page.locator(f"#press-{row.pk}-standby"))
    boss.told("Sorrel: standby")
    second.hand.press(second.page.locator(f"#press-{row.pk}-late"))
    notice = second.page.locator("#console-notice", has_text="somebody else changed Sorrel")
    notice.wait_for()
    print(notice.inner_text())
    second.see("console-stale")
    second.page.unroute("**/console/**")
    boss.hand.press(boss.button("Undo").first)
    boss.told("stands as before")
    second.page.locator(f"#press-{row.pk}-present[aria-pressed=true]").wait_for()
    boss.press("Let it pass")
    boss.page.locator("#unmatched b", has_text="Xantik").wait_for(state="detached")


def give_loot(boss: Somebody) -> None:
    """A new item is said to be new; typed with a slip the next time, it is suggested."""

    def give(to: str, points: str) -> None:
        loot = boss.page.locator("form", has=boss.button("Award it"))
        boss.hand.fill(loot.locator("[name=character_name]"), to)
        boss.fill(points_spent=points)
        boss.press("Award it")

    boss.hand.type(boss.field("item_name"), "Cloak of Flames")
    boss.page.get_by_text("No item is called so yet").wait_for()
    boss.hand.tick(boss.field("is_new"))
    give("Tibble", "2")
    boss.told("Cloak of Flames to Tibble for 2.00")
    boss.hand.type(boss.field("item_name"), "Cloak of Flmaes")
    boss.hand.press(boss.button("Cloak of Flames"))
    boss.page.get_by_text("usually goes for 2").wait_for()
    boss.see("console-loot")
    give("Sorrel", "3")
    boss.told("Cloak of Flames to Sorrel for 3.00")
    boss.page.locator("#night-loot", has_text="Sorrel").wait_for()
    boss.see("console-awarded")


def run_an_auction(boss: Somebody, sorrel: Somebody, nimwe: Somebody) -> None:
    """Two members bid against each other; the award is undone."""
    for who in (sorrel, nimwe):
        who.go("/auctions/")
        who.see("auctions-none")
    boss.go("/auctions/")
    boss.hand.press(boss.page.locator("summary", has_text="Put an item up for bids"))
    boss.see("auctions-start")
    boss.hand.type(boss.field("item_name"), "Cloak of Flames")
    boss.fill(minimum_bid="1", increment="1", duration_seconds="300")
    boss.press("Start bidding")
    lots = {who: who.page.locator(".lot", has_text="Cloak of Flames") for who in (boss, sorrel, nimwe)}
    for who, lot in lots.items():
        lot.wait_for(timeout=15_000)
        who.see("auctions")
    sorrel.hand.press(lots[sorrel].locator("[data-act=step]"))
    lots[nimwe].locator(".leads .who", has_text="Sorrel").wait_for()
    nimwe.hand.fill(lots[nimwe].locator("input"), "4")
    nimwe.hand.press(nimwe.button("Bid it"))
    for who in (boss, sorrel, nimwe):
        lots[who].locator(".leads li", has_text="Nimwe").locator(".amount", has_text="4").wait_for()
        who.see("auctions-bid")
    boss.hand.press(lots[boss].locator("[data-run='Close now']"))
    boss.hand.press(lots[boss].locator("[data-run='Award']"))
    lots[nimwe].locator(".clock.over", has_text="awarded").wait_for(timeout=15_000)
    until(nimwe.page, "document.querySelector('.bidder-balance .balance').textContent === '6'")
    boss.hand.press(lots[boss].locator("h2 a"))
    boss.see("auction")
    boss.follow("correct or undo")
    boss.see("award")
    boss.hand.fill(
        boss.page.locator("section", has_text="Not awarded at all").locator("[name=reason]"), "Nimwe has one"
    )
    boss.press("Undo the award")
    boss.told("undone")
    boss.see("award-undone")


def close_the_raid(boss: Somebody, raid: Raid) -> None:
    """What is pasted at the console goes to the check that its time says; then nothing is missing."""
    boss.go(f"/raids/{raid.pk}/console/")
    boss.fill(text=log(clock.now(), "Brakkus", "Sorrel"))
    boss.press("Preview")
    boss.page.locator("#preview").wait_for()
    boss.see("import-console")
    boss.press("Commit: pay 2 people")
    boss.page.wait_for_url("**/console/**")
    boss.told("4.00 points in all")
    boss.see("console-end")
    boss.press("Close the raid")
    boss.button("Open it again").wait_for()
    boss.see("console-closed")


@pytest.mark.parametrize(
    ("width", "keyboard"), [(1280, False), (390, False), (1280, True)], ids=["desk", "phone", "keyboard"]
)
def test_from_an_empty_database_to_a_paid_raid(somebody: Any, width: int, keyboard: bool) -> None:
    boss = somebody(width=width, keyboard=keyboard)
    found_the_guild(boss)
    bring_people(boss)
    write_the_template(boss)
    links = {name: invite(boss, name) for name in ("Tibble", "Sorrel", "Nimwe")}
    boss.go("/officers/people/")
    boss.see("people")
    boss.follow("Tibble")
    boss.see("person")
    boss.hand.choose(boss.field("role_group"), "officer")
    boss.press("Give the role")
    boss.told("officer")
    second, sorrel, nimwe = (
        somebody(width=390),
        somebody(width=width, keyboard=keyboard),
        somebody(width=390, touch=True),
    )
    for who, name in ((second, "Tibble"), (sorrel, "Sorrel"), (nimwe, "Nimwe")):
        come_in(who, links[name], name.lower())
    raid = pay_by_the_log(boss, clock.now() - dt.timedelta(minutes=121))
    two_at_the_console(boss, second, raid)
    give_loot(boss)
    run_an_auction(boss, sorrel, nimwe)
    close_the_raid(boss, raid)

    for who in (boss, second, sorrel, nimwe):
        who.go("/")
        who.see("home")
    boss.go("/standings/")
    boss.see("standings")
    sorrel.go("/me/")
    sorrel.see("statement")
    points = {str(row.user): row.balance for row in UserPointsSummary.objects.select_related("user")}
    assert points == {"Brakkus": 15, "Tibble": 8, "Sorrel": 12, "Nimwe": 10}
    call_command("verify_ledger", verbosity=0)
    raid.refresh_from_db()
    assert raid.state == Raid.State.DONE


def test_a_member_comes_in_by_a_link_on_a_phone(somebody: Any) -> None:
    """Accepts, chooses a password, signs up for a planned raid, bids, and sees what they have."""
    officer = create_person(display_name="Brakkus", username="brak", role_group=RoleGroup.OFFICER, password=PASSWORD)
    member = create_person(display_name="Sorrel")
    create_character(name="Sorrel", user=member, character_class="Cleric", actor=officer)
    pool = create_pool(name="Velious", actor=officer)
    adjust_points(user_ids=[member.pk], pool=pool, amount="20", reason="Began with", actor=officer)
    event = create_event(name="Siege", pools=[pool], default_points="10", actor=officer)
    raid = create_raid(event=event, started_at=clock.now() + dt.timedelta(days=1), actor=officer)
    boss, phone = somebody(width=1280), somebody(width=390, touch=True)
    boss.go("/sign-in/")
    boss.fill(username="brak", password=PASSWORD)
    boss.press("Sign in")
    boss.page.wait_for_url(f"{boss.server}/")
    come_in(phone, invite(boss, "Sorrel"), "sorrel")

    phone.go("/calendar/")
    phone.see("calendar")
    phone.follow(str(raid))
    phone.see("date")
    phone.button("I come").tap()
    phone.told("Sorrel: signed in.")

    start_session(session=NewSession(item_name="Open Belt", minimum_bid=5, duration_seconds=300), actor=officer)
    phone.go("/auctions/")
    lot = phone.page.locator(".lot", has_text="Open Belt")
    lot.locator("[data-act=step]").tap()
    lot.get_by_text("Your bid of 5 is in. 15 left.").wait_for()
    phone.see("auctions-own")
    phone.go("/me/")
    phone.see("statement")
    assert "20.00" in phone.text()
    assert "Began with" in phone.text()
    call_command("verify_ledger", verbosity=0)
