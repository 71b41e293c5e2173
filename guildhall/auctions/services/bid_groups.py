"""Bids that come for one session at the same time are placed in one transaction, under one lock.

Of the threads of a process that bid in the same session one leads: it takes the session's lock and then every bid that came
meanwhile, itself among them, has them decided in the order in which they came (`placing`), and answers the others after the
commit. The next bid leads the next group. Groups of several processes wait for each other on the session's row.

Invariants (`auctions/tests/test_bid_groups.py` fails without):
1. Each bid has its own answer: placed, or refused, as if it had come alone after those before it.
2. What is wrong with one bid undoes none of the others: where a transaction of several cannot be carried out, each of them is
   placed in a transaction of its own.
3. Nobody is answered before the commit: where the process dies, all of a group are unanswered, and stored or not as one.
4. A bid waits for at most the group before it and its own: whoever leads hands over after one.
5. A bid under an idempotency key has one effect: its key is in the group's transaction, and of several with one key a group
   takes the first; the next group finds its answer.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from uuid import UUID

from django.db import InterfaceError, OperationalError

from guildhall.core.databases.running import waits
from guildhall.core.idempotency import Outcome

from ..selectors import session_uuid
from .placing import AskedBid, PlacedBid, place_together

MOST = 64
"""How many bids are decided under one lock."""


class _Waiting:
    """A bid that waits for its group, and what became of it: `outcome`, or None where it is to be placed alone."""

    def __init__(self, asked: AskedBid) -> None:
        self.asked = asked
        self.outcome: PlacedBid | Outcome | Exception | None = None
        self.leads = False
        self.called = threading.Event()
        self.name = None if asked.once is None else asked.once.call.name


class BidGroups:
    """The bids of this process that wait, by session. A session is among them while somebody leads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: dict[UUID, list[_Waiting]] = {}

    def place(self, session_id: UUID | str, asked: AskedBid) -> PlacedBid | Outcome:
        """Place a bid together with those that come for the same session at the same time; it is stored on return. The
        outcome of an earlier call where it came under a key that was used before.

        Raises:
            as `bids.place_bid`.
        """
        session = session_uuid(session_id)
        mine = _Waiting(asked)
        with self._guard:
            mine.leads = session not in self._waiting
            self._waiting.setdefault(session, []).append(mine)
        if not mine.leads:
            with waits():
                mine.called.wait()
        if mine.leads:
            self._lead(session)
        outcome = mine.outcome
        if outcome is None:
            (outcome,) = place_together(session_id=session, asked=lambda: [asked], keeps_refusals=True)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _lead(self, session: UUID) -> None:
        """Place the bids that wait for `session`, answer them and let the next one lead."""
        group: list[_Waiting] = []

        def asked() -> Sequence[AskedBid]:
            self._take(session, group)
            return [one.asked for one in group]

        try:
            outcomes = place_together(session_id=session, asked=asked, keeps_refusals=True)
        except BaseException as error:
            self._take(session, group)
            if not isinstance(error, Exception):
                raise
            if len(group) == 1 or isinstance(error, InterfaceError | OperationalError):  # the database is away for all
                for one in group:
                    one.outcome = error
            # Else it is the fault of one of them: each is placed alone, and says by itself what is wrong.
        else:
            for one, outcome in zip(group, outcomes, strict=True):
                one.outcome = outcome
        finally:
            self._hand_over(session, group)

    def _take(self, session: UUID, group: list[_Waiting]) -> None:
        """Move bids that wait into the group."""
        with self._guard:
            waiting, later = self._waiting[session], []
            names = {one.name for one in group if one.name is not None}
            for one in waiting:
                if len(group) == MOST or one.name in names:
                    later.append(one)
                    continue
                group.append(one)
                if one.name is not None:
                    names.add(one.name)
            waiting[:] = later

    def _hand_over(self, session: UUID, group: Sequence[_Waiting]) -> None:
        with self._guard:
            waiting = self._waiting[session]
            if waiting:
                waiting[0].leads = True
                waiting[0].called.set()
            else:
                del self._waiting[session]
        for one in group:
            one.called.set()


groups = BidGroups()
