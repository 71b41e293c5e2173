"""Running an import in a test, the way the command does."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from guildhall.eqdkp.legacy.dump import read_dump
from guildhall.eqdkp.models import ImportRun, LegacyProblem, LegacyRecord
from guildhall.eqdkp.services import perform
from guildhall.points.models import UserPointsSummary

from .maker import LegacyGuild


def bring(guild: LegacyGuild, folder: Path, *, commit: bool = True, **options: Any) -> ImportRun:
    """Import a guild from a dump of it."""
    with read_dump(guild.write(folder / "guild.sql")) as snapshot:
        return perform(snapshot=snapshot, commit=commit, **options)


def ours(kind: str, legacy_id: int) -> int:
    """The key of the row that a legacy row became."""
    found = LegacyRecord.objects.get(kind=kind, legacy_id=legacy_id, state="live").object_id
    assert found is not None
    return found


def balance(member_main: int, pool: int) -> Decimal:
    """What the person of a main has in a pool."""
    summary = UserPointsSummary.objects.filter(user_id=ours("person", member_main), pool_id=ours("pool", pool)).first()
    return summary.balance if summary else Decimal("0.00")


def proven(run: ImportRun) -> None:
    """Every balance equal or explained."""
    assert run.report["unexplained"] == 0, [line for line in run.report["people"] if line["unexplained"]]


def equal(run: ImportRun) -> None:
    """Every balance equal."""
    proven(run)
    assert run.report["equal"] == run.report["compared"], [x for x in run.report["people"] if x["difference"] != "0.00"]


def problems() -> set[tuple[str, str, str]]:
    """What is reported: table, legacy id, code."""
    return set(LegacyProblem.objects.values_list("table", "legacy_id", "code"))
