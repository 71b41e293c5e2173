"""Check-ins from standby that a log said, taken up: the character goes on the raid's standby list as of the line's time."""

from __future__ import annotations

from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core.errors import Conflict
from guildhall.core.transactions import use_case
from guildhall.raids.log_models import LogFinding
from guildhall.raids.models import Standby
from guildhall.roster.selectors import character_by_name

from .log_findings import settle_finding
from .standby import check_in


@use_case
def take_up_check_in(*, finding: LogFinding, actor: User | None, document: UUID | None = None) -> Standby:
    """Put whoever checked in on the standby list since then, and settle every open check-in of theirs in this raid. It pays nobody.

    Raises:
        NotFound: ``unknown_character``, ``unknown_finding``; Conflict: ``already_decided``, ``nothing_to_decide`` where it is no
            check-in; those of `check_in`. BadInput: ``other_document`` where a document is given, as only loot has one.
    """
    if finding.kind != LogFinding.Kind.STANDBY:
        raise Conflict("This line is no check-in from standby.", code="nothing_to_decide")
    settle_finding(finding=finding, actor=actor, document=document)
    character = character_by_name(finding.character_name)
    row = check_in(raid=finding.raid, character=character, source=Standby.Source.CHAT, at=finding.at, actor=actor)
    same = LogFinding.objects.filter(
        raid=finding.raid_id, kind=LogFinding.Kind.STANDBY, name_key=finding.name_key, state=LogFinding.State.OPEN
    )
    for other in same:
        settle_finding(finding=other, actor=actor)
    return row
