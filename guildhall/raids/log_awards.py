"""What `loot` says of the award that a line of a log was settled by; `raids` knows no awards (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from .log_models import LogFinding

WhyNot = Callable[[LogFinding, UUID], str]
_registered: list[WhyNot] = []


def tells_why_not(function: WhyNot) -> WhyNot:
    """Register what says why a document is not the award of a finding, in one sentence, "" where it is. Once, in
    `AppConfig.ready`."""
    _registered.append(function)
    return function


def why_not_of(finding: LogFinding, document: UUID) -> str:
    """Return why a document is not the award of a finding, "" where it is."""
    return next((words for function in _registered if (words := function(finding, document))), "")
