"""What is going on today in the demo guild: auctions that run, applications on their way."""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet

from guildhall.accounts.models import User
from guildhall.auctions import services as auctions
from guildhall.core import clock
from guildhall.core.money import ZERO
from guildhall.points.selectors import balances_in
from guildhall.raids.calendar.services import answer_date, plan_date
from guildhall.raids.models import CalendarSignup
from guildhall.recruitment.models import Application, ApplicationQuestion
from guildhall.recruitment.services import applying, reviewing, voting
from guildhall.roster.models import Character

from .content import SERVER
from .people import Guild, Player
from .season import Season

QUESTIONS = (
    ("What do you enjoy in a raid?", "long", True),
    ("How many nights a week can you come?", "number", True),
    ("Have you kept the books of a guild before?", "yes_no", False),
)


def _apply(user: User | None, name: str, character_class: str, level: int) -> Application:
    application, _ = applying.apply(
        user=user,
        character_name=name,
        server=SERVER,
        character_class=character_class,
        level=level,
        previous_guilds="A small family guild until it went quiet.",
        availability="Tuesdays and Thursdays from 19:30, most Sundays.",
        timezone="Europe/Berlin",
        references="Met half of you in the frozen keep.",
        discord_username=name.lower(),
        answers=[
            {"question_id": question.pk, "answer": answer}
            for question, answer in zip(_questions(), ("Quiet voice chat and loud kills.", 3, False), strict=True)
        ],
    )
    return application


def _questions() -> QuerySet[ApplicationQuestion]:
    return ApplicationQuestion.objects.filter(is_active=True).order_by("order", "pk")


def recruit(*, guild: Guild, now: dt.datetime) -> dict[str, int]:
    """Four applications: one new, one on trial, one in voting, one turned down."""
    recruiter = guild.personas["recruiter"]
    with clock.frozen(now - dt.timedelta(days=40)) as held:
        reviewing.edit_policy(
            actor=guild.officer, trial_rank=guild.ranks["Trial"], member_rank=guild.ranks["Member"], quorum=5
        )
        for order, (wording, kind, required) in enumerate(QUESTIONS):
            reviewing.save_question(wording=wording, kind=kind, required=required, order=order, actor=guild.officer)
        turned_down = _apply(None, guild.names.make(), "Ranger", 54)
        held.set(now - dt.timedelta(days=38))
        reviewing.reject(application=turned_down, actor=recruiter, reason="We look for level 60; come back then.")
        held.set(now - dt.timedelta(days=26))
        voted = _apply(None, guild.names.make(), "Shaman", 60)
        held.set(now - dt.timedelta(days=25))
        voted = reviewing.accept_trial(application=voted, actor=recruiter, reason="Knows the fights.")
        held.set(now - dt.timedelta(days=15))
        applicant = guild.personas["applicant"]
        tried = _apply(applicant, applicant.display_name, "Cleric", 60)
        held.set(now - dt.timedelta(days=14))
        tried = reviewing.accept_trial(application=tried, actor=recruiter, reason="We always need clerics.")
        for application, keenness in ((voted, 0.9), (tried, 0.8)):
            main = Character.objects.filter(user=application.user, is_main=True).first() if application.user else None
            if application.user is not None:
                guild.players.append(Player(application.user, main, application.trial_started_at or now, keenness))
    return {"applications": 4}


def open_the_vote(*, guild: Guild, now: dt.datetime) -> None:
    """Open the vote on the older trial, cast some votes, and submit a new application this morning."""
    with clock.frozen(now - dt.timedelta(hours=30)) as held:
        voted = Application.objects.filter(status=Application.Status.TRIAL_ACCEPTED).order_by("pk").first()
        assert voted is not None
        voted = voting.start_voting(application=voted, actor=guild.personas["recruiter"])
        voters = [player.user for player in guild.players[:14] if voting.may_vote(player.user)]
        for number, voter in enumerate(voters[1:10]):
            held.set(now - dt.timedelta(hours=29) + dt.timedelta(minutes=40 * number))
            if voter.pk != guild.personas["member"].pk:
                voting.cast_vote(
                    application=voted,
                    voter=voter,
                    vote="fail" if number == 4 else "pass",
                    comment="Slow on the heals last Thursday." if number == 4 else "",
                )
        held.set(now - dt.timedelta(hours=5))
        _apply(None, guild.names.make(), "Enchanter", 60)


def auction(*, season: Season, now: dt.datetime) -> dict[str, int]:
    """Return two auctions that run: an open one with bids, a sealed one."""
    guild = season.guild
    pool = season.pools["Velious"]
    raid = season.raids[-1]
    players = [player for player in guild.players if player.there_at(now)]
    with clock.frozen(now - dt.timedelta(minutes=30)) as held:
        crown = auctions.start_session(
            session=auctions.NewSession(
                item=season.items["Crown of Frozen Embers"],
                pool=pool,
                minimum_bid=10,
                increment=5,
                duration_seconds=86_000,
                mode="open",
            ),
            actor=guild.leader,
        )
        auctions.start_session(
            session=auctions.NewSession(
                item=season.items["Talisman of Ashen Wings"],
                pool=pool,
                minimum_bid=5,
                duration_seconds=43_000,
                mode="sealed",
                raid=raid if raid.reversed_at is None else None,
            ),
            actor=guild.leader,
        )
        balances = balances_in(pool=pool, user_ids=[player.user.pk for player in players])
        rich = sorted(players, key=lambda player: -balances.get(player.user.pk, ZERO))
        bid = 20
        for number, player in enumerate(rich[:4]):
            held.set(now - dt.timedelta(minutes=25 - 5 * number))
            if balances.get(player.user.pk, ZERO) >= bid:
                auctions.place_bid(
                    session_id=crown.pk, request=auctions.BidRequest(amount=bid), bidder=player.user, actor=player.user
                )
                bid += 15
    return {"auctions": 2}


def plan(*, guild: Guild, now: dt.datetime) -> dict[str, int]:
    """Return two raids of the week to come, answered by most who have a main."""
    status = CalendarSignup.Status
    with clock.frozen(now - dt.timedelta(days=2)) as held:
        evening = now.replace(hour=20, minute=0, second=0, microsecond=0)
        dates = [
            plan_date(
                title=title, starts_at=evening + dt.timedelta(days=days), ends_at=evening + dt.timedelta(days=days, hours=3),
                places=54, deadline_hours=1, notes=notes, actor=guild.officer,
            )
            for title, days, notes in (
                ("The Frozen Keep, second wing", 3, "Cold resists. We pull at 20:15."), ("The Sleeper's Vault", 6, ""),
            )
        ]  # fmt: skip
        held.set(now - dt.timedelta(days=1))
        players = [player for player in guild.players if player.there_at(now) and player.main is not None]
        for number, player in enumerate(players[:36]):
            if player.main is None or player.user.pk == guild.personas["member"].pk:
                continue
            answer = (status.SIGNED_IN, status.SIGNED_IN, status.SIGNED_IN, status.BACKUP, status.SIGNED_OFF)[
                number % 5
            ]
            answer_date(date=dates[0], character=player.main, status=answer, actor=player.user)
    return {"planned raids": len(dates)}
