"""How auctions follow what happens elsewhere: awards undone or corrected, people merged, items merged; and the nightly check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core.money import ZERO
from guildhall.loot.hooks import ItemFollower, follow_items, on_correction
from guildhall.loot.models import LootDistribution
from guildhall.points.hooks import Difference, before_reversal, ledger_check, on_merge, on_reversal
from guildhall.points.models import Hold

from .models import SEALED_MODES, BidHistory, BidSession, ItemBid, SessionRoll, SessionWinner, Status


@before_reversal
def lock_sessions_of(documents: Collection[UUID]) -> None:
    """Lock the sessions whose awards are about to be reversed: whoever settles them meanwhile waits, or is waited
    for."""
    sessions = SessionWinner.objects.filter(loot__document__in=list(documents)).values_list("session_id", flat=True)
    _lock(set(sessions))


def _lock(keys: Collection[UUID | str]) -> None:
    list(BidSession.objects.select_for_update().filter(pk__in=keys).order_by("pk").values_list("pk"))


def _sessions_of_item(item_id: int) -> list[str]:
    return [str(pk) for pk in BidSession.objects.filter(item=item_id).order_by("pk").values_list("pk", flat=True)]


def _move_sessions(keys: Collection[str], from_id: int, to_id: int) -> None:
    """Make auctions of one item auctions of another; each keeps the name that it was begun under."""
    BidSession.objects.filter(pk__in=keys, item=from_id).update(item=to_id)


follow_items(ItemFollower("auctions", keys=_sessions_of_item, lock=_lock, move=_move_sessions))


@on_reversal
def follow_reversals(documents: Collection[UUID], actor: User | None, reason: str, import_id: UUID | None) -> None:
    """Set a session whose award was undone, wherever that was done, back to closed: it can be awarded anew."""
    rows = list(
        SessionWinner.objects.select_related("session").filter(
            loot__document__in=list(documents), state=SessionWinner.State.AWARDED
        )
    )
    if not rows:
        return
    SessionWinner.objects.filter(pk__in=[row.pk for row in rows]).update(state=SessionWinner.State.UNDONE)
    sessions = {row.session_id: row.session for row in rows}
    BidSession.objects.filter(pk__in=sessions, status=Status.AWARDED).update(status=Status.CLOSED)
    from .services.sessions import announce

    for session in BidSession.objects.filter(pk__in=sessions).order_by("pk"):
        announce(session, "closed", change="award_undone", reason=reason)


@on_correction
def follow_corrections(old: LootDistribution, new: LootDistribution) -> None:
    """Replace the session's award by the one that corrects it."""
    row = SessionWinner.objects.select_related("session").filter(loot=old).first()
    if row is None:
        return
    others = SessionWinner.objects.filter(session=row.session, user_id=new.user_id, loot=None)
    other = others.exclude(pk=row.pk).first()
    if other is not None:
        # Whom it should have gone to all along has a place in the session already: theirs is the one served.
        row.loot, row.state = None, SessionWinner.State.PASSED
        row.save(update_fields=["loot", "state"])
        row = other
    row.user_id, row.character, row.character_name = new.user_id, new.character, new.character_name
    row.amount, row.loot, row.state = new.points_spent, new, SessionWinner.State.AWARDED
    row.save()
    waiting = row.session.winners.exclude(state__in=[SessionWinner.State.AWARDED, SessionWinner.State.PASSED])
    if not waiting.exists():
        BidSession.objects.filter(pk=row.session_id, status=Status.CLOSED).update(status=Status.AWARDED)
    from .services.sessions import announce

    row.session.refresh_from_db()
    announce(row.session, "awarded", change="corrected", awarded=[new.user_id])


@on_merge
def follow_merge(source_id: int, target_id: int) -> Mapping[str, int]:
    """Return what the one bid and won, the other has. Where both bid in a session the bid of who stays stands; points
    refuse the merge of somebody who leads in an open session."""
    taken = set(ItemBid.objects.filter(user_id=target_id).values_list("session_id", flat=True))
    ItemBid.objects.filter(user_id=source_id, session_id__in=taken).delete()
    won = set(SessionWinner.objects.filter(user_id=target_id).values_list("session_id", flat=True))
    SessionWinner.objects.filter(user_id=source_id, session_id__in=won, loot=None).delete()
    ItemBid.objects.filter(user_id=source_id).update(user_id=target_id)
    rolled = list(SessionRoll.objects.filter(user_id=target_id, counts=True).values_list("session_id", flat=True))
    again = SessionRoll.objects.filter(user_id=source_id, counts=True, session_id__in=rolled)
    again.update(counts=None, problem="second_roll")
    SessionRoll.objects.filter(user_id=source_id).update(user_id=target_id)
    moved = SessionWinner.objects.filter(user_id=source_id).update(user_id=target_id)
    return {"bids": BidHistory.objects.filter(user_id=source_id).update(user_id=target_id), "auctions_won": moved}


@ledger_check
def holds_agree_with_sessions() -> Iterator[Difference]:
    """Yield each hold that belongs to no session or is not what that session may cost, in each of its pools; nothing
    else is held."""
    expected: dict[tuple[UUID, int, int], Decimal] = {}
    secret = set(BidSession.objects.filter(status=Status.OPEN, mode__in=SEALED_MODES).values_list("pk", flat=True))
    running = BidSession.objects.filter(status__in=[Status.OPEN, Status.CLOSED])
    pools = {pk: [main] for pk, main in running.values_list("pk", "pool_id")}
    links = BidSession.extra_pools.through.objects.filter(bidsession__status__in=[Status.OPEN, Status.CLOSED])
    for session_id, pool_id in links.values_list("bidsession_id", "dkppool_id"):
        pools[session_id].append(pool_id)
    for bid in ItemBid.objects.select_related("session").filter(session__status=Status.OPEN):
        if bid.leads or bid.session.is_sealed:
            expected.update(((bid.session_id, bid.user_id, pool), bid.amount) for pool in pools[bid.session_id])
    waiting = SessionWinner.objects.filter(session__status=Status.CLOSED, state=SessionWinner.State.WON)
    for winner in waiting:
        expected.update(((winner.session_id, winner.user_id, pool), winner.amount) for pool in pools[winner.session_id])
    found: dict[tuple[UUID, int, int], Decimal] = defaultdict(lambda: ZERO)
    for hold in Hold.objects.all():
        found[(hold.reference, hold.user_id, hold.pool_id)] = hold.amount
        if hold.is_sealed != (hold.reference in secret):
            where = f"session {hold.reference}, user {hold.user_id}, pool {hold.pool_id}"
            yield Difference("sealed hold", where, str(hold.reference in secret), str(hold.is_sealed))
    for key in sorted(expected.keys() | found.keys(), key=str):
        wanted, has = expected.get(key, ZERO), found.get(key, ZERO)
        if wanted != has:
            yield Difference("hold", f"session {key[0]}, user {key[1]}, pool {key[2]}", str(wanted), str(has))


@ledger_check
def no_auction_is_of_a_merged_item() -> Iterator[Difference]:
    """Yield each auction of an item that was merged into another."""
    rows = BidSession.objects.filter(item__merged_into__isnull=False).select_related("item__merged_into").order_by("pk")
    for row in rows:
        yield Difference("item of an auction", f"session {row.pk}", str(row.item.merged_into), str(row.item))
