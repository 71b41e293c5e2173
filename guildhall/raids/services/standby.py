"""The standby list of a raid: who checks in, who is taken off, and attendance for those on it (`standby_models`).

Invariants (`tests/test_standby.py`): everything is decided under the raid's lock, so one person stands by once; checking in twice
changes nothing but the character; the list itself moves no points, and a mark of it is an ordinary award with the status
standby, so it is paid once a check and undone like any other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed, NotFound
from guildhall.core.transactions import use_case
from guildhall.points.hooks import on_merge
from guildhall.raids.attendees import Attendee
from guildhall.raids.models import AttendanceCheck, AttendanceStatus, Raid, Standby
from guildhall.raids.versions import require_standby
from guildhall.roster.models import Character

from .awarding import AwardResult, award_attendance
from .locking import lock_raid

Source = Standby.Source
#: Who may be put down after the raid is over: a log is read the next morning, and officers write down what was.
AFTERWARDS = frozenset((Source.OFFICER, Source.CHAT))


def takes_check_ins(raid: Raid) -> bool:
    """Return whether members may check themselves in: the raid is planned or running, and not undone."""
    return raid.reversed_at is None and raid.state in (Raid.State.PLANNED, Raid.State.RUNNING)


def _key(character: Character) -> str:
    return f"character:{character.pk}" if character.user_id is None else f"person:{character.user_id}"


def _standing(raid: Raid, character: Character) -> Standby | None:
    """Return the row of whoever plays `character`, also where it was put down before the character had an owner."""
    keys = {_key(character), f"character:{character.pk}"}
    if character.user_id is not None:
        others = Character.objects.filter(user=character.user_id).values_list("pk", flat=True)
        keys |= {f"character:{pk}" for pk in others}
    return Standby.objects.filter(raid=raid, standing_key__in=keys).order_by("pk").first()


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """What a check-in did: the entry, whether it is new, and with which character they stood by where that was changed."""

    row: Standby
    is_new: bool = False
    before: Character | None = None


@use_case
def check_in(
    *,
    raid: Raid,
    character: Character | None = None,
    person: User | None = None,
    source: str = Source.SELF,
    at: dt.datetime | None = None,
    actor: User | None,
) -> Standby:
    """Return the entry of `put_on_standby`, which has the arguments and the refusals."""
    return put_on_standby(raid=raid, character=character, person=person, source=source, at=at, actor=actor).row


@use_case
def put_on_standby(
    *,
    raid: Raid,
    character: Character | None = None,
    person: User | None = None,
    source: str = Source.SELF,
    at: dt.datetime | None = None,
    actor: User | None,
) -> CheckedIn:
    """Put somebody on the standby list of a raid. Who is on it stays on it since when they were; naming another character
    changes the character.

    Args:
        character: with which one; the main of `person` where none is named.
        source: who says so (`Standby.Source`): for ``self`` the character must be the actor's.
        at: since when; now unless told, and never later than now. The time of the line where a log says so.

    Raises:
        BadInput: ``no_character``, ``required``, ``invalid_choice``.
        NotAllowed: ``not_yours``.
        Conflict: ``raid_over`` for members once the raid is done; ``raid_cancelled``, ``raid_reversed``.
        NotFound: ``unknown_raid``.
    """
    if source not in Source.values:
        raise BadInput("Say who says so: self, officer or chat.", code="invalid_choice", attr="source")
    locked = lock_raid(raid.pk)
    if source not in AFTERWARDS and not takes_check_ins(locked):
        raise Conflict(f"{locked} is over. Ask an officer to put you down.", code="raid_over")
    chosen = _character(character, person)
    if source == Source.SELF and (chosen.user_id is None or actor is None or chosen.user_id != actor.pk):
        raise NotAllowed(f"{chosen} is not yours.", code="not_yours")
    now = clock.now()
    row = _standing(locked, chosen)
    if row is not None:
        before = row.character if row.character_id != chosen.pk else None
        if row.character_id != chosen.pk or row.standing_key != _key(chosen):
            row.character, row.character_name, row.user_id = chosen, chosen.name, chosen.user_id
            row.standing_key = _key(chosen)
            row.save(update_fields=["character", "character_name", "user", "standing_key"])
            _record("standby_changed", row, actor, f"{chosen} on standby for {locked}, another character")
        return CheckedIn(row, before=before)
    row = Standby.objects.create(
        raid=locked, user_id=chosen.user_id, character=chosen, character_name=chosen.name, source=source,
        standing_key=_key(chosen), since=min(at, now) if at is not None else now, created_by=actor,
    )  # fmt: skip
    _record("standby_check_in", row, actor, f"{row} ({row.get_source_display()})")
    return CheckedIn(row, is_new=True)


def _character(character: Character | None, person: User | None) -> Character:
    if character is not None:
        return Character.objects.get(pk=character.pk)
    if person is None:
        raise BadInput("Say who stands by.", code="required", attr="character")
    found = Character.objects.filter(user=person.pk).exclude(status=Character.Status.REMOVED)
    main = found.order_by("-is_main", "name").first()
    if main is None:
        raise BadInput(f"{person} has no character.", code="no_character", attr="character")
    return main


def _record(action: str, row: Standby, actor: User | None, summary: str) -> None:
    audit.record(action=f"raids.{action}", summary=summary, actor=actor, target=row, data={"raid_id": row.raid_id})


def _locked(standby: Standby) -> Standby:
    lock_raid(standby.raid_id)
    row = Standby.objects.select_related("raid", "character").filter(pk=standby.pk).first()
    if row is None:
        raise NotFound(f"There is no entry {standby.pk} on a standby list.", code="unknown_standby")
    return row


@use_case
def take_off(*, standby: Standby, actor: User | None, for_others: bool = False, version: str | None = None) -> Standby:
    """Take somebody off the standby list; the row stays on record. Twice changes nothing.

    Args:
        for_others: the actor may take off anybody, not themselves alone.
        version: of the entry as it was shown (`raids.versions`).

    Raises:
        NotAllowed: ``not_yours``.
        StaleEdit: ``stale_edit``.
        Conflict: ``raid_cancelled``, ``raid_reversed``.
        NotFound: ``unknown_standby``.
    """
    row = _locked(standby)
    if not for_others and (row.user_id is None or actor is None or row.user_id != actor.pk):
        raise NotAllowed("Only officers take somebody else off the standby list.", code="not_yours")
    require_standby(version, row)
    if row.ended_at is None:
        row.ended_at, row.ended_by, row.standing_key = clock.now(), actor, None
        row.save(update_fields=["ended_at", "ended_by", "standing_key"])
        _record("standby_taken_off", row, actor, f"{row.character_name} off standby for {row.raid}")
    return row


@use_case
def put_back(*, standby: Standby, actor: User | None, for_others: bool = False) -> Standby:
    """Put somebody who was taken off on the list again, since when they stood there: the undo of `take_off`.

    Raises:
        NotAllowed: ``not_yours``.
        Conflict: ``on_standby`` where they checked in anew meanwhile; ``raid_cancelled``, ``raid_reversed``; ``no_character``.
        NotFound: ``unknown_standby``.
    """
    row = _locked(standby)
    if not for_others and (row.user_id is None or actor is None or row.user_id != actor.pk):
        raise NotAllowed("Only officers put somebody else on the standby list.", code="not_yours")
    if row.ended_at is None:
        return row
    if row.character is None:
        raise Conflict(f"{row.character_name} is no character any more.", code="no_character")
    if _standing(row.raid, row.character) is not None:
        raise Conflict(f"{row.character_name} is on standby again already.", code="on_standby")
    row.ended_at, row.ended_by = None, None
    row.standing_key, row.user_id = _key(row.character), row.character.user_id
    row.save(update_fields=["ended_at", "ended_by", "standing_key", "user"])
    _record("standby_put_back", row, actor, f"{row} again")
    return row


@use_case
def mark_standby(
    *,
    raid: Raid,
    check: AttendanceCheck | int,
    standby_ids: Collection[int] | None = None,
    version: str | None = None,
    actor: User | None,
) -> AwardResult:
    """Write down whoever stands by (or some of them) as on standby at a check; they earn the share of that status.

    Who is at the check already keeps what they have there.

    Args:
        standby_ids: of the rows of the list; all of it for None.
        version: of those of them that were shown (`raids.versions.standby_version`).

    Raises:
        BadInput: ``nobody_on_standby``; those of `award_attendance`.
        StaleEdit: ``stale_edit`` where somebody came or went since.
        Conflict: as `award_attendance`.
    """
    locked = lock_raid(raid.pk)
    rows = Standby.objects.filter(raid=locked, ended_at=None).order_by("since", "pk")
    if standby_ids is not None:
        rows = rows.filter(pk__in=standby_ids)
    if version is not None:
        require_standby(version, *(rows if standby_ids is None else _asked_for(locked, standby_ids)))
    attendees = [
        Attendee(row.character_name, AttendanceStatus.STANDBY, character_id=row.character_id, note="standby list")
        for row in rows
    ]
    if not attendees:
        raise BadInput("Nobody of these stands by any more.", code="nobody_on_standby")
    return award_attendance(raid=locked, check=check, attendees=attendees, actor=actor)


def _asked_for(raid: Raid, standby_ids: Collection[int]) -> list[Standby]:
    """Return these entries of a raid's list, those too that were taken off."""
    return list(Standby.objects.filter(raid=raid, pk__in=standby_ids).order_by("since", "pk"))


@on_merge
def follow_merge(source_id: int, target_id: int) -> dict[str, int]:
    """Whoever stood by as the one person stands by as the other, once in a raid: since the earlier of the two."""
    moved = 0
    for row in Standby.objects.select_for_update().filter(user=source_id).order_by("pk"):
        row.user_id = target_id
        if row.standing_key is not None:
            row.standing_key = f"person:{target_id}"
            other = Standby.objects.filter(raid=row.raid_id, standing_key=row.standing_key).first()
            if other is not None:
                if row.since < other.since:
                    other.since = row.since
                    other.save(update_fields=["since"])
                row.standing_key, row.ended_at = None, clock.now()
        row.save()
        moved += 1
    return {"standby": moved}
