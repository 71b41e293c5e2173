"""Which winners of a decided session are served, at what price, or who is served instead: a pure function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.money import ZERO

from ..models import SessionWinner, Status
from .state import StandingBid

State = SessionWinner.State


@dataclass(frozen=True, slots=True)
class WinnerState:
    """One copy of a session's item: whose it is, at what price, and what became of it. `key` is the row's id."""

    key: int
    user_id: int
    state: str
    position: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class AwardRequest:
    """What is to be awarded.

    Attributes:
        winner_id, winner_name: this person alone; None for everybody who won.
        amount: another price than the decided one, in points.
        another: the person has one of the copies and gets a further one.
        sees_bid: whether the actor may see what the person bid.
    """

    winner_id: int | None = None
    winner_name: str = ""
    amount: Decimal | None = None
    another: bool = False
    sees_bid: bool = True


@dataclass(frozen=True, slots=True)
class Substitute:
    """Somebody who is served though it was decided otherwise.

    Attributes:
        position: the place that they take.
        amount: the price, in points.
        displaced: the row of whoever held that place and is passed; None where a copy is left over.
        revived: their own row, of when they passed; None where they get a new one.
    """

    position: int
    amount: Decimal
    displaced: WinnerState | None
    revived: WinnerState | None


@dataclass(frozen=True, slots=True)
class AwardDecision:
    """Whose rows are asked for (`chosen`), the price for all of them if one was named, and the substitute to be written
    and served first."""

    chosen: Sequence[WinnerState]
    substitute: Substitute | None = None

    @property
    def due(self) -> list[WinnerState]:
        """Return those of `chosen` that are not served yet, by place."""
        return sorted((row for row in self.chosen if row.state != State.AWARDED), key=lambda row: row.position)


def require_decided(status: str, item_name: str) -> None:
    """Require that a session was decided and stands.

    Raises:
        Conflict: ``session_open``, ``session_cancelled``.
    """
    if status == Status.OPEN:
        raise Conflict(f"Bidding on {item_name} still runs. Close it first.", code="session_open")
    if status == Status.CANCELLED:
        raise Conflict(f"Bidding on {item_name} was cancelled.", code="session_cancelled")


def decide_award(
    *,
    item_name: str,
    quantity: int,
    winners: Sequence[WinnerState],
    request: AwardRequest,
    bid: StandingBid | None,
) -> AwardDecision:
    """Decide whom an award serves in a session that is decided (`require_decided`).

    Args:
        quantity: how many copies there are.
        bid: the standing bid of `request.winner_id`.

    Raises:
        BadInput: ``required`` without an amount for somebody who did not bid, ``amount_required`` without one for
            somebody whose sealed bid may not be seen, ``winner_required`` for an amount where several are to be served.
        Conflict: ``no_winner``; ``already_awarded`` where every copy is, or where the person has one and `another` is
            not said.
    """
    if request.winner_id is None:
        return _everybody(item_name, winners, request)
    mine = [row for row in winners if row.user_id == request.winner_id and row.state != State.PASSED]
    chosen = [row for row in mine if row.state != State.AWARDED]
    if chosen:
        return AwardDecision(chosen)
    if mine and not request.another:
        raise _has_one(item_name, quantity, winners, request)
    price = request.amount
    if mine and price is None:
        price = mine[0].amount
    return AwardDecision([], _substitute(item_name, quantity, winners, request, bid, price))


def decide_pass(*, item_name: str, winners: Sequence[WinnerState], user_id: int, name: str) -> WinnerState:
    """Decide which row of a winner who does not want the item is passed.

    Raises:
        NotFound: ``not_a_winner``.
        Conflict: ``already_awarded``.
    """
    mine = [row for row in winners if row.user_id == user_id and row.state != State.PASSED]
    if not mine:
        raise NotFound(f"{name} has not won {item_name}.", code="not_a_winner")
    row = next((row for row in mine if row.state != State.AWARDED), None)
    if row is None:
        raise Conflict(f"{name} has it already. Undo the award first.", code="already_awarded")
    return row


def _everybody(item_name: str, winners: Sequence[WinnerState], request: AwardRequest) -> AwardDecision:
    chosen = [row for row in winners if row.state in (State.WON, State.AWARDED)]
    if not chosen:
        raise Conflict(
            f"Nobody won {item_name}. Name who gets it (winner_discord_id and amount), or auction it again.",
            code="no_winner",
        )
    if request.amount is not None and len(chosen) > 1:
        raise BadInput(
            "Several people won; name whom the amount is for (winner_discord_id).",
            code="winner_required",
            attr="winner_discord_id",
        )
    return AwardDecision(chosen)


def _has_one(item_name: str, quantity: int, winners: Sequence[WinnerState], request: AwardRequest) -> Conflict:
    left = quantity - sum(row.state in (State.AWARDED, State.WON) for row in winners)
    more = (
        f"{left} more of it can be given: send another: true to give them one of those too."
        if left > 0
        else "If another one dropped, award it in the raid (POST /api/raids/{id}/loot/) or auction it by itself."
    )
    return Conflict(
        f"{request.winner_name} has {item_name} of this session already; nothing was charged again. {more}",
        code="already_awarded",
        attr="winner_discord_id",
        figures={"user_id": request.winner_id, "copies_left": max(0, left)},
    )


def _substitute(
    item_name: str,
    quantity: int,
    winners: Sequence[WinnerState],
    request: AwardRequest,
    bid: StandingBid | None,
    price: Decimal | None,
) -> Substitute:
    """Decide on an award to somebody else than decided: they take the last place not served yet."""
    name = request.winner_name
    if price is None and bid is None:
        raise BadInput(f"{name} did not bid on {item_name}; say the amount.", code="required", attr="amount")
    if price is None and not request.sees_bid:
        raise BadInput(
            f"Say the amount: what {name} bid on {item_name} under seal is not shown, and as the price everybody would "
            "read it.",
            code="amount_required",
            attr="amount",
        )
    waiting = [row for row in winners if row.state in (State.WON, State.UNDONE)]
    served = sum(row.state == State.AWARDED for row in winners)
    if not waiting and served >= quantity:
        raise Conflict(f"Every {item_name} of this session is awarded. Undo an award first.", code="already_awarded")
    displaced = waiting[-1] if waiting and served + len(waiting) >= quantity else None
    revived = next((row for row in winners if row.user_id == request.winner_id and row.state == State.PASSED), None)
    return Substitute(
        position=displaced.position if displaced else len(winners) + 1,
        amount=price if price is not None else bid.amount if bid else ZERO,
        displaced=displaced,
        revived=revived,
    )
