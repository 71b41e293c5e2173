"""What the other apps announce, and which message that becomes. Each handler only queues: posting is its own message.

So one announcement that leads to two posts never repeats the first because the second failed, and the same
announcement handled twice (a worker was killed in between) leads to nothing new (`posting.post` keeps a row per key).
"""

from __future__ import annotations

from guildhall.auctions.services.closing import AUCTION_CLOSED
from guildhall.auctions.services.sessions import AUCTION_CANCELLED, AUCTION_OPENED
from guildhall.core import outbox
from guildhall.core.models import OutboxMessage
from guildhall.core.transactions import use_case
from guildhall.loot.services import LOOT_AWARDED, LOOT_REVERSED
from guildhall.raids.services.standing import RAID_AMENDED, RAID_AWARDED, RAID_REVERSED
from guildhall.recruitment.models import Application
from guildhall.recruitment.trail import POSTED, order_key

from .messages import awards, raids, recruitment  # noqa: F401 - registers the builders
from .messages.auctions import find_session, show_auction
from .messages.posting import direct_message, post
from .messages.recruitment import APPLICANT_NOTICES

APPLICATION_NEWS = (
    "submitted",
    "trial_accepted",
    "rejected",
    "withdrawn",
    "approved",
    "voting_started",
    "voting_ended",
    "voting_cancelled",
    "reopened",
    "voting_active",
    "voting_complete",
    "recycled",
    "comment",
    "trial_reminder",
    "trial_over",
    "summary",
)


def connect() -> None:
    """Register the handlers. Called once when the app is ready."""
    for topic in (RAID_AWARDED, RAID_AMENDED, RAID_REVERSED):
        outbox.handler(topic)(raid_announcement)
    for topic in (LOOT_AWARDED, LOOT_REVERSED):
        outbox.handler(topic)(loot_announcement)
    for topic in (AUCTION_OPENED, AUCTION_CANCELLED, AUCTION_CLOSED):
        outbox.handler(topic)(auction_announcement)
    for news in APPLICATION_NEWS:
        outbox.handler(f"application.{news}")(application_announcement)
    outbox.handler("points.adjusted")(no_announcement)


def no_announcement(message: OutboxMessage) -> str:
    """Announced for whoever wants to follow; no channel shows it."""
    return "no channel shows this"


@use_case
def raid_announcement(message: OutboxMessage) -> str:
    """Return a raid paid, was amended or undone: its one message follows."""
    raid_id = message.payload["raid_id"]
    queued = post(kind="raids", build="raid", key=f"raid:{raid_id}", edits=True, raid_id=raid_id)
    return "queued" if queued else "no channel"


@use_case
def loot_announcement(message: OutboxMessage) -> str:
    """Queue the message of an item that was awarded, corrected or reversed, and that of the award it corrects."""
    award_id = message.payload["award_id"]
    queued = post(kind="awards", build="award", key=f"award:{award_id}", edits=True, award_id=award_id)
    corrected = message.payload.get("corrects")
    if corrected:
        post(kind="awards", build="award", key=f"award:{corrected}", edits=True, award_id=corrected)
    session = find_session(str(message.payload.get("auction") or ""))
    if session is not None:
        show_auction(session=session)
    return "queued" if queued else "no channel"


@use_case
def auction_announcement(message: OutboxMessage) -> str:
    """Return an auction began, ended or was called off: its message follows."""
    session = find_session(message.payload["bid_session_id"])
    return "queued" if session is not None and show_auction(session=session) else "no channel"


@use_case
def application_announcement(message: OutboxMessage) -> str:
    """Return an application went a step on: recruiters, voters and the applicant each see their part of it."""
    news = message.topic.partition(".")[2]
    found = Application.objects.select_related("user").filter(pk=message.payload["application_id"]).first()
    if found is None:
        return "gone"
    queued = []
    if news == "summary":  # somebody asked for it: a post of its own, below whatever has been said since
        asked = post(
            kind="applications",
            build="application",
            key=f"summary:{message.uid}",
            order_key=order_key(POSTED, found.pk),
            target=found,
            application_id=found.pk,
        )
        return "application" if asked else "no channel"
    if news not in ("comment", "trial_reminder", "trial_over") and post(
        kind="applications",
        build="application",
        key=f"application:{found.pk}",
        order_key=order_key(POSTED, found.pk),
        target=found,
        edits=True,
        application_id=found.pk,
    ):
        queued.append("application")
    if news in ("trial_accepted", "trial_reminder", "trial_over", "recycled") and post(
        kind="applications",
        build="trial",
        key=f"trial:{message.uid}",
        order_key=order_key(POSTED, found.pk),
        target=found,
        application_id=found.pk,
        news=news,
    ):
        queued.append("trial")
    if (
        news in ("voting_started", "voting_ended", "voting_cancelled", "withdrawn")
        and found.voting_round
        and _post_vote(found)
    ):
        queued.append("vote")
    if _notify_applicant(found, news, message):
        queued.append("applicant")
    return ", ".join(queued) or "no channel"


def _post_vote(found: Application) -> bool:
    return post(
        kind="votes",
        build="vote",
        key=f"vote:{found.pk}:{found.voting_round}",
        order_key=order_key(POSTED, found.pk),
        target=found,
        edits=True,
        application_id=found.pk,
        voting_round=found.voting_round,
    )


def _notify_applicant(found: Application, news: str, message: OutboxMessage) -> bool:
    """Queue a direct message to the applicant's linked account. An id that was only typed into a form is nobody's
    proof."""
    discord_id = found.user.discord_id if found.user else None
    comment_id = message.payload.get("comment_id") if news == "comment" else None
    if not discord_id or (news not in APPLICANT_NOTICES and comment_id is None):
        return False
    return direct_message(
        discord_id=discord_id,
        build="to_applicant",
        key=f"applicant:{message.uid}",
        application_id=found.pk,
        news=news,
        comment_id=comment_id,
    )
