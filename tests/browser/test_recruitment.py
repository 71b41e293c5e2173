"""The whole way from the form to a welcomed member with a Discord role, as each person sees it (issue: recruitment).

The applicant and the voters hold a phone, the recruiter sits at a desk. Discord is the fake, reached by the settings that
point at Discord; what goes out is delivered by the worker's own code, and the vote is closed by its scheduled job.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core import mail

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.core import clock, jobs
from guildhall.discord.tests.people import Guild, deliver, make_guild
from guildhall.discord.tests.test_announcements import Channels, text_of
from guildhall.points.services import create_pool
from guildhall.raids.services import award_attendance, create_event, create_raid
from guildhall.recruitment.models import Application
from guildhall.recruitment.services import edit_policy, save_question
from guildhall.roster.models import Character
from guildhall.roster.services import create_character
from tests.browser.people import PASSWORD, Visitor
from tests.fake_discord import FakeDiscordServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
VOTERS = ("Sorrel", "Nimwe", "Idle")


class Scenario:
    """A guild with a recruiter, two members who raid and one who does not."""

    def __init__(self, fake: FakeDiscordServer, settings: Any) -> None:
        self.fake = fake
        self.channels = Channels(fake, settings)
        self.guild: Guild = make_guild(fake)
        self.recruiter = create_person(
            display_name="Thalindra", username="thalindra", role_group=RoleGroup.RECRUITER, password=PASSWORD
        )
        edit_policy(actor=self.recruiter, trial_rank=self.guild.trial, member_rank=self.guild.raider, quorum=2)
        save_question(wording="What do you enjoy in a raid?", kind="long", required=True, order=1, actor=self.recruiter)
        save_question(wording="Nights a week", kind="number", required=False, order=2, actor=self.recruiter)
        joined = clock.now() - dt.timedelta(days=300)
        for name in VOTERS:
            user = create_person(display_name=name, username=name.lower(), password=PASSWORD)
            create_character(name=name, user=user, rank=self.guild.raider, joined_at=joined)
        event = create_event(name="Siege", pools=[create_pool(name="Velious")], default_points=5, actor=None)
        for days in (3, 6, 9):
            raid = create_raid(event=event, started_at=clock.now() - dt.timedelta(days=days), actor=None)
            award_attendance(raid=raid, attendees=["Sorrel", "Nimwe"], actor=None)
        deliver()

    def direct_messages(self, account_id: str) -> list[str]:
        """What the bot wrote to somebody."""
        deliver()
        channels = [one.id for one in self.fake.state.channels.values() if one.name == f"dm-{account_id}"]
        return [text_of(message) for channel in channels for message in self.fake.state.messages_in(channel)]


def fits(visitor: Visitor) -> bool:
    """Whether nothing sticks out of the page at this width."""
    return bool(visitor.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def main_text(visitor: Visitor, path: str) -> str:
    visitor.go(path)
    assert fits(visitor), path
    return str(visitor.page.locator("main").inner_text())


def vote(visitor: Visitor, name: str, path: str, choice: str) -> str:
    visitor.with_password(name.lower()) if not visitor.is_in else None
    visitor.go(path)
    visitor.page.get_by_role("button", name=choice, exact=True).click()
    visitor.page.get_by_text("Your vote is in").wait_for()
    assert fits(visitor)
    return str(visitor.page.locator("main").inner_text())


def test_from_the_form_to_a_welcomed_member(visitor: Any, fake_discord: FakeDiscordServer, settings: Any) -> None:
    with clock.frozen(clock.now()) as at:
        scenario = Scenario(fake_discord, settings)
        account = fake_discord.state.add_person("pip", global_name="Pip", email="pip@example.invalid")

        # Apply.
        pip = visitor()
        pip.sign_in("Pip", "/sign-in/?next=/apply/")
        pip.page.get_by_label("Character name").fill("Pipwick")
        pip.page.get_by_label("Class").select_option("Cleric")
        pip.page.get_by_label("Level").fill("60")
        pip.page.get_by_label("Time zone").fill("Europe/Berlin")
        pip.page.get_by_label("When can you raid?").fill("Tuesdays and Thursdays")
        pip.page.get_by_label("What do you enjoy in a raid?").fill("Loud kills.")
        pip.page.get_by_label("Nights a week").fill("3")
        assert fits(pip)
        pip.page.get_by_role("button", name="Send").click()
        pip.page.get_by_text("waiting for review").wait_for()
        application = Application.objects.get()
        path = f"/recruitment/{application.pk}/"
        assert pip.page.url.endswith(path)
        assert "We have your application" in scenario.direct_messages(account.id)[0]
        assert "Loud kills." in scenario.channels["applications"][0]

        # Review.
        desk = visitor(1280)
        desk.with_password("thalindra")
        desk.go("/recruitment/")
        desk.page.get_by_role("link", name="Pipwick").first.click()
        desk.page.get_by_label("Assigned to").select_option(label="Thalindra")
        desk.page.get_by_role("button", name="Assign", exact=True).click()
        desk.page.get_by_text("Assigned to Thalindra.").wait_for()
        for words, shown in (("Knows nobody here.", False), ("When can we meet you in game?", True)):
            desk.page.get_by_label("Note", exact=True).fill(words)
            desk.page.get_by_label("the applicant may see it").set_checked(shown)
            desk.page.get_by_role("button", name="Note it").click()
            desk.page.get_by_text("Noted.").wait_for()
        assert fits(desk)
        theirs = main_text(pip, path)
        assert "When can we meet you in game?" in theirs
        assert "Knows nobody here." not in theirs

        # Trial.
        desk.page.get_by_role("button", name="Take on trial").click()
        desk.page.get_by_text("Pipwick is on trial.").wait_for()
        deliver()
        assert scenario.guild.held(account) == {"Trial"}
        assert "You are on trial until" in main_text(pip, path)
        assert "Pipwick is on trial" in scenario.channels["applications"][-1].replace("*", "")

        # The vote, of which the applicant learns nothing.
        desk.page.get_by_role("button", name="Open the vote").click()
        desk.page.get_by_text("The vote is open.").wait_for()
        assert "Vote open" in scenario.channels["votes"][-1]
        sorrel, nimwe, idle = visitor(), visitor(), visitor()
        assert "counted" in vote(sorrel, "Sorrel", path, "Pass")
        vote(nimwe, "Nimwe", path, "Fail")
        vote(nimwe, "Nimwe", path, "Pass")
        assert "not counted" in vote(idle, "Idle", path, "Fail")
        assert "Who voted how" not in main_text(sorrel, path)
        for page in (path, "/recruitment/", "/"):
            assert "vot" not in main_text(pip, page).lower(), page
        shown = main_text(desk, path)
        assert "2 of 3" in shown
        rows = {name: desk.page.locator("tr", has_text=name).inner_text() for name in VOTERS}
        assert ("no" in rows["Idle"].split(), "yes" in rows["Sorrel"].split()) == (True, True)
        assert "1" in rows["Nimwe"].split(), "one change of the vote"

        # The last second counts; then the clock closes it, and the worker writes it down.
        at.advance(dt.timedelta(hours=47, minutes=59, seconds=59))
        jobs.run_scheduled("close-due-votes")
        vote(sorrel, "Sorrel", path, "Pass")
        at.advance(dt.timedelta(seconds=1))
        assert sorrel.page.get_by_role("button", name="Fail", exact=True).count() == 1
        sorrel.page.get_by_role("button", name="Fail", exact=True).click()
        sorrel.page.get_by_text("This vote is over.").wait_for()
        assert jobs.run_scheduled("close-due-votes") == "1 votes decided"
        deliver()

        # Welcome.
        application.refresh_from_db()
        assert (application.status, application.decision) == ("approved", "pass")
        person = User.objects.get(discord_id=account.id)
        assert person.role_group == RoleGroup.MEMBER
        assert Character.objects.get(name="Pipwick", user=person).rank == scenario.guild.raider
        assert scenario.guild.held(account) == {"Raider", "Member"}
        assert "Voted in" in scenario.channels["votes"][-1]
        assert not any(name in text for text in scenario.channels["votes"] for name in VOTERS)
        told = scenario.direct_messages(account.id)
        assert "Welcome to the guild" in told[-1]
        letters = [letter.subject.partition(": ")[2] for letter in mail.outbox]
        assert letters[0] == "We have your application"
        assert letters[-1] == "Welcome to the guild"
        said = [*told, *(f"{letter.subject} {letter.body}" for letter in mail.outbox)]
        assert not any("vot" in text.lower() for text in said), said
        assert "member" in main_text(pip, path)
        assert "Sorrel" in main_text(pip, "/standings/")
