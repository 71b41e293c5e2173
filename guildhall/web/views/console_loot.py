"""Loot that the logs of a night saw, on the raid console: awarded, dismissed, or offered again, one press each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.http import HttpRequest

from guildhall.core.errors import BadInput
from guildhall.core.money import show_points
from guildhall.loot.names import item_key
from guildhall.loot.offers import LootLine, loot_lines, usual_prices
from guildhall.loot.services.log_loot import award_finding, offer_again, require_offered
from guildhall.raids import log_selectors
from guildhall.raids.models import Raid
from guildhall.raids.services import log_findings
from guildhall.web.forms.console import LogLootForm
from guildhall.web.pages import Done, me
from guildhall.web.undoing import offer
from guildhall.web.views.raids import new_award

MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Offered:
    """A loot line as the console shows it, with what its form begins with. `is_sent` where it was refused a moment ago."""

    line: LootLine
    item_name: str
    character_name: str
    price: str
    usual: str
    auction: str
    is_sent: bool


@dataclass(frozen=True, slots=True)
class LogLoot:
    """The loot lines of a night: of items that the guild knows, of others, and how many more are not shown. `is_refused` where
    the press that was refused belongs to no line that is offered, so that it is said above them."""

    known: list[Offered]
    others: list[Offered]
    left_out: int
    open_count: int
    is_refused: bool


def shown_loot(form: LogLootForm, raid: Raid, auctions: Iterable[Mapping[str, object]]) -> LogLoot:
    """Return the loot lines of a raid for the page. Four queries."""
    lines = loot_lines(raid.pk)
    prices = usual_prices(line.finding.item for line in lines)
    running = {item_key(str(one["item_name"])): str(one["status"]) for one in auctions}
    sent = form.hidden("finding")
    known: list[Offered] = []
    others: list[Offered] = []
    for line in lines:
        key = item_key(line.finding.item)
        price = prices.get(key)
        usual = show_points(price) if price is not None else ""
        is_sent = line.is_open and form.pressed == "award" and sent == str(line.finding.pk)
        into = known if key in prices else others
        into.append(
            Offered(
                line,
                form.hidden("item_name") if is_sent else line.finding.item,
                form.hidden("character_name") if is_sent else line.finding.character_name,
                form.hidden("points_spent") if is_sent else usual,
                usual,
                running.get(key, ""),
                is_sent,
            )
        )
    left_out = max(0, len(known) - MOST_SHOWN) + max(0, len(others) - MOST_SHOWN)
    count = sum(one.line.is_open for one in known)
    is_refused = form.sent and not any(one.is_sent for one in (*known, *others))
    return LogLoot(_first(known), _first(others), left_out, count, is_refused)


def _first(rows: list[Offered]) -> list[Offered]:
    """Return at most `MOST_SHOWN` in the order of time; those that are still to be decided before the others."""
    if len(rows) <= MOST_SHOWN:
        return rows
    chosen = sorted(rows, key=lambda row: (not row.is_sent, not row.line.is_open))[:MOST_SHOWN]
    return sorted(chosen, key=lambda row: (row.line.finding.at, row.line.finding.pk))


def decide_about(form: LogLootForm, raid: Raid, here: str, request: HttpRequest) -> Done:
    """Award what a line saw, dismiss it, or offer it again.

    Raises:
        those of `new_award`, `award_finding`, `dismiss_finding` and `offer_again`; BadInput: ``required`` without a button.
    """
    finding = log_selectors.finding_with_id(raid.pk, form.cleaned_data["finding"])
    actor, which = me(request), {"raid": raid.pk, "finding": finding.pk}
    if form.pressed == "dismiss":
        log_findings.dismiss_finding(finding=finding, actor=actor)
        undo = offer(request, "log_dismissed", back=here, **which)
        return Done(here, f"{finding.item} of {finding.character_name} is passed over.", undo=undo)
    if form.pressed == "again":
        offer_again(finding=finding, actor=actor)
        return Done(here, f"{finding.item} of {finding.character_name} is offered again.")
    if form.pressed != "award":
        raise BadInput("Press what becomes of it.", code="required")
    require_offered(finding)  # said before any doubt about the award itself
    is_named = item_key(form.cleaned_data["item_name"]) == item_key(finding.item)
    award = award_finding(finding=finding, award=new_award(form, raid, is_named=is_named), actor=actor)
    words = f"{award.item_name} to {award.character_name or award.user} for {show_points(award.points_spent)}."
    return Done(here, words, undo=offer(request, "log_award", back=here, award=award.pk, **which))
