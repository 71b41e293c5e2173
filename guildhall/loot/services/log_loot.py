"""Loot that a log saw, awarded: the award and the decision about the line are one transaction (`loot.offers`).

Invariant: a line is awarded at most once, and not where an award stands for it already. Both are read under the raid's lock, which
every award at this raid and every decision about its lines takes first (`tests/test_offers.py`).
"""

from __future__ import annotations

from guildhall.accounts.models import User
from guildhall.core.errors import Conflict
from guildhall.core.money import show_points
from guildhall.core.transactions import use_case
from guildhall.loot.models import LootDistribution
from guildhall.loot.offers import LootLine, loot_lines
from guildhall.raids.log_models import LogFinding
from guildhall.raids.log_selectors import finding_with_id
from guildhall.raids.services.log_findings import reopen_finding, settle_finding

from .awards import NewAward, award_item, reverse_award
from .buying import lock_raid


def _line(finding: LogFinding) -> LootLine:
    line = next((line for line in loot_lines(finding.raid_id) if line.finding.pk == finding.pk), None)
    if line is None:
        finding_with_id(finding.raid_id, finding.pk)
        raise Conflict("This line of the log is no loot that somebody got.", code="nothing_to_decide")
    return line


def _refuse_awarded(line: LootLine) -> None:
    if (award := line.award) is not None:
        got = f"{award.item_name} to {award.character_name or award.user} for {show_points(award.points_spent)}"
        raise Conflict(f"Nothing was stored: this is awarded already: {got}.", code="already_awarded")


def require_offered(finding: LogFinding) -> None:
    """Refuse a line that is not offered (any more).

    Raises:
        as `award_finding`.
    """
    line = _line(finding)
    _refuse_awarded(line)
    if not line.is_open:
        words = line.finding.get_state_display().lower()
        raise Conflict(f"Nothing was stored: this line was decided already: {words}.", code="already_decided")


@use_case
def award_finding(*, finding: LogFinding, award: NewAward, actor: User | None) -> LootDistribution:
    """Award what a line of a log saw and settle the line; item, buyer and price are those of `award`, which may differ.

    Raises:
        NotFound: ``unknown_finding``; Conflict: ``already_decided``, ``already_awarded`` where an award of this item to this
            character stands, ``nothing_to_decide`` for a line that is no loot; those of `award_item`.
    """
    lock_raid(finding.raid)
    require_offered(finding)
    made = award_item(award=award, actor=actor)
    settle_finding(finding=finding, actor=actor, document=made.document, is_made_of_it=True)
    return made


@use_case
def offer_again(*, finding: LogFinding, actor: User | None) -> LogFinding:
    """Offer again a line that was dismissed, or whose award does not stand any more.

    Raises:
        NotFound: ``unknown_finding``; Conflict: ``already_awarded``, ``not_decided`` where it is offered, ``nothing_to_decide``.
    """
    lock_raid(finding.raid)
    line = _line(finding)
    _refuse_awarded(line)
    if line.is_open:
        raise Conflict("Nothing was changed: this line is offered already.", code="not_decided")
    return reopen_finding(finding=finding, actor=actor)


@use_case
def take_back_finding(*, finding: LogFinding, award: LootDistribution, actor: User | None, reason: str) -> None:
    """Undo an award that was made of a line, and offer the line again.

    Raises:
        Conflict: ``already_reversed``; NotFound: ``unknown_finding``.
    """
    lock_raid(finding.raid)
    reverse_award(award=award, actor=actor, reason=reason)
    if finding_with_id(finding.raid_id, finding.pk).document == award.document:
        reopen_finding(finding=finding, actor=actor)
