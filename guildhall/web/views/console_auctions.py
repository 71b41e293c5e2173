"""Auctions on the raid console: an item put up for bids in this raid, closed now, awarded; those of other raids stand apart.

The rules are those of the auctions page: the same services, and the guild's `BiddingPolicy` for what is left empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from django.http import HttpRequest

from guildhall.accounts.models import User
from guildhall.auctions import selectors, services
from guildhall.auctions.models import BidSession, SessionWinner, Status
from guildhall.auctions.versions import winners_version
from guildhall.core.errors import BadInput, NotFound
from guildhall.core.money import show_points
from guildhall.loot.doubts import item_called
from guildhall.raids.models import Raid
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.console_auctions import AuctionForm, RunForm
from guildhall.web.pages import Done, me
from guildhall.web.undoing import offer

MOST_WAITING = 50
OWED = (SessionWinner.State.WON, SessionWinner.State.UNDONE)
Forms = tuple[AuctionForm, RunForm]


@dataclass(frozen=True, slots=True)
class Shown:
    """An auction beside the loot: as `auctions.selectors` presents it, whose winners are owed an item, and its raid."""

    one: Mapping[str, object]
    owed: list[Mapping[str, object]]
    version: str
    raid: Raid | None


def forms_of(request: HttpRequest, raid: Raid) -> Forms:
    """Return the forms: an item for bids, with what the guild's auctions of the raid's pool begin with, and the presses."""
    pool, initial = raid.event.dkp_pool, {}
    if pool is not None:
        policy = selectors.policy_of(pool)
        initial = {"minimum_bid": show_points(policy.minimum_bid), "duration_seconds": str(policy.duration_seconds)}
    return AuctionForm(request, "auction", initial=initial), RunForm(request, "run")


def actions_of(forms: Forms, raid: Raid, here: str, request: HttpRequest) -> list[tuple[PageForm, Callable[[], Done]]]:
    """Return the forms, each with what it does."""
    start, run = forms
    return [(start, lambda: _start(start, raid, here, request)), (run, lambda: _run(run, raid, here, request))]


@dataclass(frozen=True, slots=True)
class AtAuction:
    """What the console shows of auctions: this raid's, and all others apart. `usual` has the mode that one begins with; None where
    the raid pays into no pool."""

    of_raid: list[Shown]
    of_others: list[Shown]
    usual: BidSession | None

    @property
    def of_the_night(self) -> list[Mapping[str, object]]:
        """Return those of this raid and of none, as `auctions.selectors` presents them."""
        return [each.one for each in [*self.of_raid, *self.of_others] if each.raid is None or each in self.of_raid]


def shown_of(raid: Raid, person: User) -> AtAuction:
    """Return the running auctions, and those of which somebody is owed an item."""
    rows = [*selectors.running(), *selectors.awaiting_award()[:MOST_WAITING], *selectors.taken_back_in(raid.pk)]
    winners = selectors.winners([row.pk for row in rows])
    raids = Raid.objects.in_bulk({row.raid_id for row in rows if row.raid_id})
    found = [
        Shown(
            one,
            [winner for winner in cast(list[Mapping[str, object]], one["winners"]) if winner["state"] in OWED],
            winners_version(winners.get(row.pk, [])),
            raids.get(row.raid_id or 0),
        )
        for row, one in zip(rows, selectors.present_many(rows, viewer_id=person.pk), strict=True)
    ]
    pool = raid.event.dkp_pool
    return AtAuction(
        of_raid=[each for each in found if each.one["raid_id"] == raid.pk],
        of_others=[each for each in found if each.one["raid_id"] != raid.pk],
        usual=None if pool is None else BidSession(mode=selectors.policy_of(pool).mode),
    )


def _start(form: AuctionForm, raid: Raid, here: str, request: HttpRequest) -> Done:
    given = form.cleaned_data
    item = item_called(given["item_name"], is_new=given["is_new"])
    session = services.start_session(
        session=services.NewSession(
            item=item, item_name=given["item_name"], raid=raid, minimum_bid=given["minimum_bid"],
            duration_seconds=given["duration_seconds"],
        ),
        actor=me(request),
    )  # fmt: skip
    undo = offer(request, "auction", back=here, session=str(session.pk))
    seconds = int((session.ends_at - session.started_at).total_seconds())
    words = (
        f"Bidding on {session.item_name} is open for {seconds} seconds, from {show_points(session.minimum_bid)} points."
    )
    return Done(here, words, undo=undo)


def _run(form: RunForm, raid: Raid, here: str, request: HttpRequest) -> Done:
    session = selectors.session_by_id(form.cleaned_data["session"])
    if session.raid_id != raid.pk:
        raise NotFound("That auction is not of this raid; run it on its own page.", code="unknown_session")
    if form.pressed == "close":
        was_open = session.status == Status.OPEN
        closed = services.close_session(session_id=session.pk, actor=me(request))
        owed = list(closed.winners.select_related("user").filter(state__in=OWED))
        who = ", ".join(f"{row.character_name or row.user} for {show_points(row.amount)}" for row in owed)
        words = f"{closed.item_name} is closed: {who or 'nobody won it'}."
        return Done(here, words if was_open else f"It was closed already. {words}", "success" if was_open else "info")
    if form.pressed != "award":
        raise BadInput("Say what to do with the auction.", code="required")
    before = set(session.winners.exclude(loot=None).values_list("loot_id", flat=True))
    again = _taken_back(session)
    more = session.winners.filter(user=again, state=SessionWinner.State.AWARDED).exists() if again else False
    made = services.award_session(
        session_id=session.pk, winner=again, version=form.seen_version, another=more, actor=me(request)
    )
    new = [award for award in made if award.pk not in before]
    who = ", ".join(f"{row.character_name or row.user} for {show_points(row.points_spent)}" for row in new)
    undo = offer(request, "auction_award", back=here, session=str(session.pk), rows=[row.pk for row in new])
    return Done(here, f"{session.item_name} to {who}.", undo=undo)


def _taken_back(session: BidSession) -> User | None:
    """Return the first whose award was undone, where nobody else is owed an item: an award that names nobody passes them over."""
    rows = list(session.winners.select_related("user").filter(state__in=OWED).order_by("position"))
    is_owed = any(row.state == SessionWinner.State.WON for row in rows)
    return rows[0].user if rows and not is_owed else None
