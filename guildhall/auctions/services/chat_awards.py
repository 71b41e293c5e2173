"""Awards that were said in chat: which of them are charged.

Invariant: each award that was said is its own (`chat_lines` says what is one thing said), also a second win of the same
item for the same price. An award that was made on the site and is announced afterwards is charged once.
"""

from __future__ import annotations

import datetime as dt

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.money import show_points
from guildhall.loot.models import LootDistribution
from guildhall.loot.selectors import find_item
from guildhall.points.models import DKPPool
from guildhall.raids.models import Raid
from guildhall.roster.selectors import find_character

from .. import chat
from ..models import BidSession, ChatLine, Status
from .awarding import award_session
from .chat_lines import Skip
from .closing import close_session
from .results import record_bid_result

#: An award that was made on the site is announced in chat within this time, if at all.
ANNOUNCED_WITHIN = dt.timedelta(hours=24)


def not_announced_only(event: chat.Awarded, session: BidSession | None) -> None:
    """Refuse a line that announces an award which was made on the site; each award that a line made is its own.

    Raises:
        Skip: ``already_awarded``; ``award_differs``, for a person, where the announced price is another.
    """
    buyer = find_character(event.character_name) if event.character_name else None
    item = find_item(event.item)
    if buyer is None or buyer.user is None or item is None or event.amount is None:
        return
    since = clock.now() - ANNOUNCED_WITHIN
    made = LootDistribution.objects.filter(item=item, user=buyer.user, reversed_at=None, created_at__gte=since)
    if session is not None and session.status in (Status.OPEN, Status.CLOSED):
        made = made.filter(auction=session.pk)
    silent = {award.pk: award for award in made.exclude(source=LootDistribution.Source.IMPORT).order_by("pk")}
    if not silent:
        return
    told = ChatLine.objects.filter(applied_at__gte=since, kind__in=["awarded", "doubt_award"])
    for result in told.values_list("result", flat=True):
        for key in result.get("loot_ids", ()):
            silent.pop(key, None)
    for award in silent.values():
        if award.points_spent == event.amount:
            words = f"{event.character_name} has it already: it was awarded on the site."
            raise Skip("already_awarded", words, loot_ids=[award.pk])
    for award in silent.values():
        price = show_points(award.points_spent)
        raise Skip(
            "award_differs",
            f"{event.character_name} was given {event.item} on the site for {price}; this line may announce that, or be "
            "another award.",
            is_doubt=True,
        )


def _has_copies(session: BidSession) -> bool:
    """Return whether an auction has something to give: it is not decided or not awarded, or a copy was left tonight."""
    if session.status in (Status.OPEN, Status.CLOSED):
        return True
    is_tonights = session.closed_at is not None and clock.now() - session.closed_at <= ANNOUNCED_WITHIN
    is_left = session.status == Status.AWARDED and is_tonights
    return is_left and session.winners.filter(state="awarded").count() < session.quantity


def award_as_said(
    event: chat.Awarded, session: BidSession | None, actor: User | None, raid: Raid | None, pool: DKPPool | None
) -> dict[str, object]:
    """Award an item as it was said: out of its auction where there is one, else as one that was run elsewhere.

    Raises:
        Skip: ``roll``, ``no_session``, ``unknown_character``, ``no_amount``.
        GuildhallError: a service refuses.
    """
    if event.roll is not None and event.amount is None:
        raise Skip("roll", "It was rolled for; award it by hand at the price of your guild.")
    usable = session if session is not None and _has_copies(session) else None
    if event.is_rot or event.character_name is None:
        if usable is None:
            raise Skip("no_session", "There is no auction that this line could be about.")
        close_session(session_id=usable.pk, actor=actor)
        return {"bid_session_id": str(usable.pk), "rot": True}
    character = find_character(event.character_name)
    if character is None or character.user is None:
        raise Skip("unknown_character", f"{event.character_name} is nobody's character here.")
    if usable is not None:
        close_session(session_id=usable.pk, actor=actor)
        has_one = usable.winners.filter(user=character.user, state="awarded").exists()
        before = set(usable.winners.values_list("loot_id", flat=True))
        loot = award_session(
            session_id=usable.pk, winner=character.user, amount=event.amount, another=has_one, actor=actor
        )
        made = [award.pk for award in loot if award.pk not in before] or [award.pk for award in loot]
        return {"bid_session_id": str(usable.pk), "loot_ids": made}
    if event.amount is None:
        raise Skip("no_amount", "It names no amount.")
    award = record_bid_result(
        winner=character.user,
        item_name=event.item,
        winning_bid=event.amount,
        character_name=character.name,
        raid=raid,
        pool=pool,
        actor=actor,
    )
    return {"bid_session_id": str(award.auction), "loot_ids": [award.pk]}
