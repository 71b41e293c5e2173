"""`/raid` and `/attendance`: what raids there were, starting one, and awarding one from an uploaded log."""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlsplit

import requests

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput, NotFound, TooLarge
from guildhall.core.guild import guild_time_zone
from guildhall.core.money import show_points
from guildhall.core.outbox import RetryLater
from guildhall.discord.client import DiscordConfig
from guildhall.discord.interactions.context import Choices, Context, Later, Reply
from guildhall.discord.interactions.registry import ATTACHMENT, Option, completer, later, subcommand
from guildhall.discord.messages import raids as raid_messages
from guildhall.discord.messages.embeds import GOLD, GREEN, Embed, escape, lines, message, page, when
from guildhall.raids.models import Event, Raid
from guildhall.raids.parsers import parse_attendance
from guildhall.raids.planning import Verdict
from guildhall.raids.services.awarding import commit_parsed_attendance
from guildhall.raids.services.raids import create_raid

from ..registry import command

TONIGHT = dt.timedelta(hours=12)
MOST_LOG_BYTES = 25 * 1024 * 1024
ATTACHMENT_HOSTS = {"cdn.discordapp.com", "media.discordapp.net"}

RAID = Option("raid", "Which raid; tonight's, if left out", complete="raids")


@completer("raids")
def complete_raids(context: Context, typed: str) -> Choices:
    """Return the latest raids."""
    if not context.principal.can("raids:read"):
        return Choices([])
    rows = Raid.objects.filter(reversed_at=None, name__icontains=typed)[:25]
    return Choices([(f"{row.started_at:%Y-%m-%d} {row.name}", str(row.pk)) for row in rows])


@completer("events")
def complete_events(context: Context, typed: str) -> Choices:
    """Return events that raids can be made of."""
    if not context.principal.can("raids:read"):
        return Choices([])
    rows = Event.objects.filter(is_active=True, name__icontains=typed)[:25]
    return Choices([(row.name, row.name) for row in rows])


def raid_meant(context: Context) -> Raid:
    """Return the raid that is named by id, else the one that began within the last twelve hours.

    Raises:
        NotFound: ``unknown_raid``.
    """
    text = context.text("raid")
    if text:
        found = Raid.objects.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 12 else None
        found = found or Raid.objects.filter(name__iexact=text, reversed_at=None).first()
    else:
        now = clock.now()
        tonight = Raid.objects.filter(reversed_at=None, started_at__gte=now - TONIGHT, started_at__lte=now + TONIGHT)
        tonight = tonight.exclude(state=Raid.State.CANCELLED)
        found = tonight.first()
    if found is None:
        raise NotFound(
            "There is no such raid." if text else "No raid began today. Name one, or begin one with /raid start.",
            code="unknown_raid",
        )
    return found


@subcommand("raid", "show", "A raid as it stands", RAID, about="Raids: show one, list the latest, start one")
def show(context: Context) -> Reply:
    """Return one raid."""
    context.require("raids:read")
    shown = raid_messages.raid(raid_id=raid_meant(context).pk)
    if shown is None:
        raise NotFound("There is no such raid.", code="unknown_raid")
    return Reply(shown)


@subcommand("raid", "list", "The latest raids")
def listed(context: Context) -> Reply:
    """Return the last fifteen raids."""
    context.require("raids:read")
    rows = [
        f"{when(row.started_at, 'd')} **{escape(row.name)}** {show_points(row.points)}"
        for row in Raid.objects.filter(reversed_at=None)[:15]
    ]
    return Reply(message(Embed("Raids", lines(rows) or "None yet.", url=page("/raids/"))))


@subcommand(
    "raid",
    "start",
    "Begin a raid now",
    Option("event", "What it is", required=True, complete="events"),
    Option("name", "Another name than the event's"),
    Option("points", "Other points than the event's"),
)
def start(context: Context) -> Reply:
    """Make a raid that begins now, led by the asker."""
    context.require("raids:write")
    name = context.text("event")
    event = Event.objects.filter(name__iexact=name).first()
    if event is None:
        raise NotFound(f"There is no event called {name[:60]}.", code="unknown_event")
    points = context.text("points") or None
    raid = create_raid(event=event, name=context.text("name"), points=points, leader=context.user, actor=context.user)
    shown = raid_messages.raid(raid_id=raid.pk)
    return Reply(shown or message(Embed(escape(raid))), public=True)


@command(
    "attendance",
    "Award a raid from a log, a /who or a raid dump",
    Option("log", "The file", kind=ATTACHMENT, required=True),
    RAID,
)
def attendance(context: Context) -> Later:
    """Have the worker fetch the file and award whoever it names."""
    context.require("raids:write", "points:write")  # as the API asks it
    raid = raid_meant(context)
    attachment = context.attachments.get(context.text("log"))
    if attachment is None:
        raise BadInput("Send the log as a file.", code="required", attr="log")
    if attachment.size > MOST_LOG_BYTES:
        raise TooLarge("That file is too large; send the part of the log of tonight (at most 25 MB).")
    _refuse_elsewhere(attachment.url)
    return Later(
        "attendance",
        {"url": attachment.url, "name": attachment.name, "raid_id": raid.pk, "user_id": context.user.pk},
    )


def _refuse_elsewhere(url: str) -> None:
    """Only Discord's own file servers are fetched from, whatever an interaction says."""
    split = urlsplit(url)
    own = urlsplit(DiscordConfig.from_settings().api_base)
    if split.netloc == own.netloc and split.scheme == own.scheme and own.hostname != "discord.com":
        return  # whatever stands in for Discord brings its own files
    if split.scheme != "https" or split.netloc not in ATTACHMENT_HOSTS:
        raise BadInput("The file is not hosted by Discord.", code="invalid", attr="log")


def _fetch(url: str) -> bytes:
    """Return the file, at most `MOST_LOG_BYTES` of it.

    Raises:
        RetryLater: it could not be fetched just now; BadInput: it is gone; TooLarge.
    """
    _refuse_elsewhere(url)
    try:
        with requests.get(url, timeout=(3.05, 20), stream=True, allow_redirects=False) as response:
            if response.status_code >= 500:
                raise RetryLater(f"HTTP {response.status_code} for the file")
            if response.status_code != 200:
                raise BadInput("Discord does not give the file any more; send it again.", code="gone", attr="log")
            parts, size = [], 0
            for part in response.iter_content(65_536):
                size += len(part)
                if size > MOST_LOG_BYTES:
                    raise TooLarge("That file is too large; send the part of the log of tonight (at most 25 MB).")
                parts.append(part)
    except requests.RequestException as error:
        raise RetryLater(f"the file could not be fetched: {type(error).__name__}") from error
    return b"".join(parts)


@later("attendance")
def award_from_log(*, url: str, name: str, raid_id: int, user_id: int) -> dict[str, object]:
    """Fetch, read and award. The same file again does nothing and says so."""
    raid, actor = Raid.objects.get(pk=raid_id), User.objects.get(pk=user_id)
    zone = guild_time_zone()
    parse = parse_attendance(_fetch(url), filename=name, time_zone=zone)
    result = commit_parsed_attendance(raid=raid, parse=parse, file_name=name, actor=actor)
    if result.is_repeat:
        return message(Embed("Nothing new", "This log was committed to this check before.", GOLD))
    embed = Embed(f"Attendance of {escape(raid)}", color=GREEN, url=page(f"/raids/{raid.pk}/"))
    embed.add("Awarded", len(result.awarded)).add("Points", show_points(result.total))
    if result.raised:
        embed.add("Raised", len(result.raised))
    seconds = sum(credit.reason == Verdict.SECOND_CHARACTER for credit in result.already_present)
    embed.add("There already", len(result.already_present) - seconds)
    if seconds:
        embed.add("Second characters", seconds)
    if result.unmatched:
        names = ", ".join(escape(row.name) for row in result.unmatched[:40])
        embed.add(f"{len(result.unmatched)} names nobody knows", names, inline=False)
    for _, words in result.warnings[:5]:
        embed.add("Look at this", escape(words), inline=False)
    return message(embed)
