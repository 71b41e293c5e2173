"""Bids on one session, decided one after the other and written together.

Invariant: the session is locked, then the summaries of everybody whose holds may change, in one call; then each bid is
decided, in the order in which they came, on what was read under these locks and on what the bids before it have changed
(`decisions.bid`); then history, standing bids, holds and events are written, in that transaction. What is free is
``balance - held`` across every session, in the pool that has the least of those that are charged (`decisions.funds`), so
nobody can promise the same point twice.

The number of statements does not grow with the number of bids (`auctions/tests/test_bid_groups.py`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

from django.db import connection

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import GuildhallError, Stale
from guildhall.core.idempotency import Call, ClaimedCalls, Outcome
from guildhall.core.ids import UserId
from guildhall.core.money import show_points
from guildhall.core.transactions import use_case
from guildhall.core.upserts import upsert
from guildhall.points.ledger import Holds
from guildhall.points.models import DKPPool
from guildhall.roster.models import Character

from ..decisions.bid import Actor, BidDecision, BidderState, BidRequest, BidState, decide_bid
from ..decisions.state import SessionState, StandingBid
from ..models import BidHistory, BidSession, ItemBid
from ..selectors import pools_of, present
from .balances import LockedBalances
from .reading import bidder_states, session_state, standing_bids
from .refusals import Refusal, refusal_of, refusal_row
from .sessions import emit_sessions, lock_session


@dataclass(frozen=True, slots=True)
class Once:
    """A bid under an idempotency key: its call, and what is kept as the answer to it (None for nothing)."""

    call: Call
    answer: Callable[[PlacedBid | GuildhallError], Outcome | None]


@dataclass(frozen=True, slots=True)
class AskedBid:
    """A bid that is to be decided: what it asks for, who bids (None for somebody whom nobody here knows), who sent it."""

    request: BidRequest
    bidder: User | None
    actor: User | None
    once: Once | None = None


@dataclass(frozen=True, slots=True)
class PlacedBid:
    """An accepted bid: its row in the history, what the bidder has left, how the session stands."""

    bid: BidHistory
    session: BidSession
    available_after: Decimal
    leads: bool
    shown: dict[str, object]


@use_case
def place_together(
    *, session_id: UUID | str, asked: Callable[[], Sequence[AskedBid]], keeps_refusals: bool
) -> list[PlacedBid | Outcome | Exception]:
    """Decide bids on one session in their order; return of each that it was placed or why it was refused. A refusal changes
    nothing for the others; any other fault ends the transaction, for it may have come half-way (`bid_groups` places each alone then).
    A bid whose key came before is not decided: its outcome is the kept one. Else its key, its effect and its answer commit together.

    Args:
        asked: returns the bids; called under the session's lock, so that those which came while it was waited for are
            among them; called again where the transaction runs again.
        keeps_refusals: write those of `refusals.REFUSALS` into the session's history too.

    Raises:
        NotFound: ``unknown_session``.
        Stale: ``person_merged``: one of the bidders or of those who lead was merged a moment ago. Nothing is written.
    """
    session = lock_session(session_id)
    now = clock.now()  # read under the lock: whoever waited for it is judged by when their turn came
    bids = asked()
    calls = ClaimedCalls.claim([bid.once.call for bid in bids if bid.once is not None])
    before = [None if bid.once is None else calls.found(bid.once.call) for bid in bids]
    new = [bid for bid, found in zip(bids, before, strict=True) if found is None]
    answers: list[PlacedBid | Exception] = []
    if new:
        placing = _Placing.read(session, new, now)
        for bid in new:
            placing.decide(bid)
        placing.store(keeps_refusals=keeps_refusals)
        answers = placing.answers()
        calls.keep(dict(_kept(new, answers)))
    decided = iter(answers)
    return [next(decided) if found is None else found for found in before]


def _kept(bids: Sequence[AskedBid], answers: Sequence[PlacedBid | Exception]) -> Iterator[tuple[Call, Outcome | None]]:
    """Yield the calls of bids that came under a key, with what is kept as the answer."""
    for bid, answer in zip(bids, answers, strict=True):
        if bid.once is not None:
            assert isinstance(answer, PlacedBid | GuildhallError)  # `decide` lets nothing else through
            yield bid.once.call, bid.once.answer(answer)


@dataclass(slots=True)
class _Accepted:
    """A bid that was accepted: how the session and the bidder stood after it."""

    asked: AskedBid
    bidder: User
    decision: BidDecision
    entry: BidHistory
    shown: dict[str, object]
    available_after: Decimal
    session: BidSession


@dataclass(slots=True)
class _Placing:
    """A session under its locks, and what the bids that were decided so far make of it."""

    session: BidSession
    pools: list[DKPPool]
    state: SessionState
    bidders: Sequence[tuple[BidderState | None, Character | None]]
    rows: dict[int, ItemBid]
    balances: LockedBalances
    holds: Holds
    people: dict[int, User]
    now: dt.datetime
    outcomes: list[_Accepted | Exception] = field(default_factory=list)
    refused: list[tuple[int, Refusal]] = field(default_factory=list)
    changed: set[int] = field(default_factory=set)
    latest: dict[int, BidHistory] = field(default_factory=dict)

    @classmethod
    def read(cls, session: BidSession, asked: Sequence[AskedBid], now: dt.datetime) -> _Placing:
        """Read what the bids are decided by, and lock the summaries of everybody whose holds they may change."""
        pools, rows = pools_of(session), standing_bids(session)
        state = session_state(session, pools, rows)
        bidders = bidder_states(session, [(bid.bidder, bid.request) for bid in asked])
        taking_part = {who.user_id for who, _ in bidders if who is not None and who.takes_part}
        concerned = taking_part | (state.leaders if taking_part and not state.is_sealed else frozenset())
        balances = LockedBalances.lock(session, pools, concerned)
        return cls(
            session=session,
            pools=pools,
            state=state,
            bidders=bidders,
            rows={row.user_id: row for row in rows},
            balances=balances,
            holds=balances.holds(concerned),
            people={bid.bidder.pk: bid.bidder for bid in asked if bid.bidder is not None},
            now=now,
        )

    def decide(self, asked: AskedBid) -> None:
        """Decide the next bid, and change what is kept here by it."""
        who, character = self.bidders[len(self.outcomes)]
        try:
            self.outcomes.append(self._accept(asked, who, character))
        except Stale:
            raise  # for all of them: what was read is outdated
        except GuildhallError as error:  # refused before anything was changed here; the others are decided without it
            refusal = refusal_of(error, self.session.pk, asked.request, asked.bidder, asked.actor, self.now)
            if refusal is not None:
                self.refused.append((len(self.outcomes), refusal))
            self.outcomes.append(error)

    def _accept(self, asked: AskedBid, who: BidderState | None, character: Character | None) -> _Accepted:
        actor = Actor(asked.actor.pk, asked.actor.is_bot) if asked.actor else None
        takes_part = who is not None and who.takes_part
        funds = self.balances.funds_of(who.user_id) if who is not None and takes_part else None
        decision = decide_bid(BidState(self.state, who, funds, actor), asked.request, self.now)
        assert asked.bidder is not None  # `decide_bid` refuses nobody
        self.holds.change(
            {UserId(user_id): amount for user_id, amount in decision.holds.items()}, sealed=self.session.is_sealed
        )
        name = character.name if character else ""
        self._stand(asked, decision, character, name)
        entry = BidHistory(
            session=self.session,
            user=asked.bidder,
            bidder=str(asked.bidder)[:120],
            character_name=name,
            amount=decision.amount,
            tier=decision.tier,
            at=self.now,
            available_before=decision.free,
            took_lead=decision.took_lead,
            placed_by=asked.actor,
        )
        if not decision.keeps_place:
            self.latest[asked.bidder.pk] = entry
        left = self.balances.funds_of(asked.bidder.pk)
        return _Accepted(
            asked=asked,
            bidder=asked.bidder,
            decision=decision,
            entry=entry,
            shown=self._shown(decision),
            available_after=(left if asked.request.sees_sealed else left.as_others_see()).free(asked.bidder.pk),
            session=copy(self.session),
        )

    def _stand(self, asked: AskedBid, decision: BidDecision, character: Character | None, name: str) -> None:
        """Make the accepted bid the one that stands of its bidder, for the next decision and for what is stored."""
        assert asked.bidder is not None
        user_id, session = asked.bidder.pk, self.session
        row = self.rows.setdefault(user_id, ItemBid(session=session, user=asked.bidder))
        row.character, row.character_name = character, name
        if not decision.keeps_place:
            row.amount, row.tier, row.placed_at = decision.amount, decision.tier, self.now
        row.leads = decision.leads
        for loser in decision.lost_lead:
            self.rows[loser].leads = False
        self.changed |= {user_id, *decision.lost_lead}
        session.bids_count += 1
        session.ends_at, session.anti_snipes = decision.ends_at, decision.anti_snipes
        self.state = replace(
            self.state,
            ends_at=decision.ends_at,
            anti_snipes=decision.anti_snipes,
            bids=self._standing(asked, decision, user_id, name),
        )

    def _standing(self, asked: AskedBid, decision: BidDecision, user_id: int, name: str) -> list[StandingBid]:
        mine = self.state.bid_of(user_id)
        if decision.keeps_place and mine is not None:
            placed = replace(mine, leads=decision.leads, character_name=name)
        else:
            # Its number in the history is given when it is stored: behind every other, as here.
            order = 1 + max((bid.order or 0 for bid in self.state.bids), default=0)
            placed = StandingBid(
                user_id=user_id,
                amount=decision.amount,
                tier=decision.tier,
                order=order,
                leads=decision.leads,
                character_name=name,
                placed_by_id=asked.actor.pk if asked.actor else None,
            )
        others = [
            replace(bid, leads=False) if bid.user_id in decision.lost_lead else bid
            for bid in self.state.bids
            if bid.user_id != user_id
        ]
        return [*others, placed]

    def _shown(self, decision: BidDecision) -> dict[str, object]:
        """Return how the session stands after a bid, as everybody is shown it."""
        missing = {bid.user_id for bid in decision.leading} - self.people.keys()
        if missing:
            self.people.update(User.objects.in_bulk(missing))
        leading = [self.rows[bid.user_id] for bid in decision.leading]
        for row in leading:
            row.user = self.people[row.user_id]
        return present(self.session, leading, [], [pool.pk for pool in self.pools[1:]])

    def store(self, *, keeps_refusals: bool) -> None:
        """Write everything, in the caller's transaction."""
        accepted = [found for found in self.outcomes if isinstance(found, _Accepted)]
        self._store_history(dict(self.refused) if keeps_refusals else {})
        if not accepted:
            return
        self._store_standing()
        self.holds.store()
        self.session.save(update_fields=["bids_count", "ends_at", "anti_snipes"])
        told: list[tuple[dict[str, object], dict[str, object]]] = [
            (found.shown, {} if self.session.is_sealed else {"bid": _told(found.entry, found.bidder)})
            for found in accepted
        ]
        emit_sessions(self.session.pk, "bid", told)

    def _store_history(self, refused: Mapping[int, Refusal]) -> None:
        rows = [
            found.entry if isinstance(found, _Accepted) else refusal_row(refused[number], self.session)
            for number, found in enumerate(self.outcomes)
            if isinstance(found, _Accepted) or number in refused
        ]
        if connection.features.can_return_rows_from_bulk_insert:
            BidHistory.objects.bulk_create(rows)
        else:  # MySQL, which does not tell the numbers of several rows
            for row in rows:
                row.save(force_insert=True)

    def _store_standing(self) -> None:
        for user_id, entry in self.latest.items():
            self.rows[user_id].latest_id = entry.pk
        rows = [self.rows[user_id] for user_id in sorted(self.changed)]
        upsert(
            [ItemBid(**{name: getattr(row, name) for name in _COLUMNS}) for row in rows],
            by=["session", "user"],
            fields=["character", "character_name", "amount", "tier", "placed_at", "latest", "leads"],
        )

    def answers(self) -> list[PlacedBid | Exception]:
        """Return what each bid is answered with."""
        return [
            PlacedBid(
                bid=found.entry,
                session=found.session,
                available_after=found.available_after,
                leads=found.decision.leads,
                shown=found.shown,
            )
            if isinstance(found, _Accepted)
            else found
            for found in self.outcomes
        ]


_COLUMNS = (
    "session_id",
    "user_id",
    "character_id",
    "character_name",
    "amount",
    "tier",
    "placed_at",
    "latest_id",
    "leads",
)


def _told(entry: BidHistory, bidder: User) -> dict[str, object]:
    return {
        "bid_id": entry.pk,
        "user_id": bidder.pk,
        "discord_id": bidder.discord_id,
        "character_name": entry.character_name,
        "amount": show_points(entry.amount),
        "took_lead": entry.took_lead,
    }
