"""Results of this app's services as the API answers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from guildhall.core.ids import PoolId
from guildhall.core.money import show_points
from guildhall.points.api.serializers import BidsAtRiskSerializer
from guildhall.points.selectors import people_named
from guildhall.points.uncovered import BidsAtRisk, bids_at_risk
from guildhall.raids.attendance import Explanation
from guildhall.raids.parsers import AttendanceParse, UnreadRow
from guildhall.raids.selectors import Preview
from guildhall.raids.services import Amendment, AwardResult, Credit
from guildhall.roster.selectors import Match

from .serializers import UnmatchedSerializer


def amounts(by_pool: Mapping[PoolId, Decimal]) -> list[dict[str, object]]:
    """Return amounts by pool."""
    return [{"dkp_pool_id": pool_id, "points": show_points(amount)} for pool_id, amount in by_pool.items()]


def credit(row: Credit) -> dict[str, object]:
    """Return somebody in `awarded` or `already_present`."""
    return {
        "character_name": row.character_name,
        "user_id": row.user_id,
        "points": show_points(row.points),
        "status": row.status,
        "amounts": amounts(row.amounts),
        "attendance_id": row.attendance_id,
        "reason": row.reason or None,
    }


def raised(row: Credit) -> dict[str, object]:
    """Return somebody in `raised`: `points` is what they have now, `difference` what was posted."""
    return {**credit(row), "difference": amounts(row.difference), "instead_of": row.instead_of}


def award(result: AwardResult) -> dict[str, object]:
    """Return `{awarded, raised, already_present, unmatched}` (docs/api-contract.md), and more."""
    return {
        "raid_id": result.raid.pk,
        "check": result.check.pk,
        "awarded": [credit(row) for row in result.awarded],
        "raised": [raised(row) for row in result.raised],
        "already_present": [credit(row) for row in result.already_present],
        "unmatched": UnmatchedSerializer(result.unmatched, many=True).data,
        "total": show_points(result.total),
        "is_repeat": result.is_repeat,
        "warnings": warnings(result.warnings),
    }


def warnings(found: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Return warnings as code and words."""
    return [{"code": code, "detail": detail} for code, detail in found]


def unread(rows: Sequence[UnreadRow]) -> list[dict[str, object]]:
    """Return the rows of a roster that could not be read, with whom each is probably about."""
    return [{"line": row.line_number, "text": row.text, "detail": row.detail, "guess": row.guess} for row in rows]


def preview(found: Preview) -> dict[str, object]:
    """Return each name with its verdict and what it would earn."""
    verdicts = [row.verdict for row in found.rows]
    return {
        "digest": found.digest,
        "raid_id": found.raid.pk,
        "check": found.check.pk,
        "format": found.format,
        "taken_at": found.taken_at,
        "is_outside_time": found.is_outside_time,
        "committed_before": found.committed_before.created_at if found.committed_before else None,
        "warnings": warnings(found.warnings),
        "ignored_lines": found.ignored_lines,
        "unread": unread(found.unread),
        "blocks": [
            {
                "position": block.position,
                "source": block.source,
                "taken_at": block.taken_at,
                "zone": block.zone,
                "label": block.label,
                "points": show_points(block.points) if block.points is not None else None,
                "names": block.names,
                "is_chosen": block.is_chosen,
            }
            for block in found.blocks
        ],
        "totals": {
            "names": len(found.rows),
            "points": show_points(found.total),
            **{str(verdict): verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)},
        },
        "entries": [
            {
                "character_name": row.attendee.character_name,
                "verdict": str(row.verdict),
                "match": row.match.how,
                "matched_character": row.character.name if row.character else None,
                "character_id": row.character.pk if row.character else None,
                "user_id": row.user_id,
                "display_name": str(row.character.user) if row.character and row.character.user else None,
                "status": row.attendee.status,
                "points": show_points(row.points(found.pools)),
                "amounts": amounts(row.amounts),
                "suggestions": row.match.suggestions,
                "credited_through": row.credited_through or None,
                "is_anonymous": bool({"anonymous", "roleplaying"} & row.attendee.flags),
                "guild": row.attendee.guild,
                "flags": sorted(row.attendee.flags),
                "character_class": row.attendee.raw.get("character_class"),
                "level": row.attendee.raw.get("level"),
            }
            for row in found.rows
        ],
    }


def parsed(parse: AttendanceParse, matches: Mapping[str, Match]) -> dict[str, object]:
    """Return the body of `POST /api/points/parse-attendance/` (docs/api-contract.md): the latest roster with each name's match."""
    entries = []
    for entry in parse.entries:
        match = matches[entry.character_name]
        entries.append(
            {
                "character_name": entry.character_name,
                "character_class": entry.character_class,
                "level": entry.level,
                "guild": entry.guild,
                "flags": sorted(entry.flags),
                "user_id": match.character.user_id if match.character else None,
                "match": match.how,
                "suggestions": match.suggestions,
                "character_id": match.character.pk if match.character else None,
                "matched_character": match.character.name if match.character else None,
                "title": entry.title,
                "race": entry.race,
                "zone": entry.zone,
                "group": entry.group,
                "rank": entry.rank,
            }
        )
    latest = parse.latest()
    return {
        "format": parse.format,
        "taken_at": parse.taken_at,
        "entries": entries,
        "ignored_lines": parse.ignored_lines.count,
        "unread": unread(latest.unread),
        "ignored_reasons": parse.ignored_lines.by_reason,
        "ignored_samples": [
            {"line": line.line_number, "text": line.text, "reason": line.reason, "detail": line.detail}
            for line in parse.ignored_lines.samples[:20]
        ],
        "warnings": warnings([(warning.code, warning.detail) for warning in parse.all_warnings]),
        "blocks": [
            {
                "position": position,
                "source": block.source,
                "taken_at": block.taken_at,
                "zone": block.zone,
                "label": block.label,
                "points": show_points(block.points) if block.points is not None else None,
                "names": len(block.entries),
                "is_chosen": block is latest,
            }
            for position, block in enumerate(parse.blocks)
        ],
    }


def amendment(done: Amendment) -> dict[str, object]:
    """Return what an amendment did, or would do."""
    return {
        "digest": done.digest,
        "raid_id": done.raid.pk,
        "check": done.check.pk,
        "preview": done.is_preview,
        "changes": [
            {
                "what": change.what,
                "character_name": change.character_name,
                "user_id": change.user_id,
                "status_before": change.status_before,
                "status_after": change.status_after,
                "before": amounts(change.before),
                "after": amounts(change.after),
                "difference": amounts(change.difference),
            }
            for change in done.changes
            if change.what != "unchanged"
        ],
        "unchanged": len(done.of("unchanged")),
        "total_difference": amounts(done.total),
        "unmatched": UnmatchedSerializer(done.unmatched, many=True).data,
        "bids_at_risk": BidsAtRiskSerializer(
            bids_at_risk(done.points_by_person) if done.is_preview else BidsAtRisk()
        ).data,
    }


def explanation(user_id: int, found: Explanation) -> dict[str, object]:
    """Return why a percentage is what it is."""
    return {
        "user_id": user_id,
        "display_name": people_named([user_id]).get(user_id),
        "attended": found.figure.attended,
        "held": found.figure.held,
        "percentage": found.figure.percentage,
        "since": found.since,
        "until": found.until,
        "joined_at": found.joined_at,
        "raids": [
            {
                "raid_id": raid.raid_id,
                "name": raid.name,
                "event": raid.event,
                "started_at": raid.started_at,
                "attended": raid.attended,
                "counts": raid.counts,
                "reason": raid.reason or None,
                "characters": raid.characters,
                "statuses": raid.statuses,
            }
            for raid in found.raids
        ],
    }
