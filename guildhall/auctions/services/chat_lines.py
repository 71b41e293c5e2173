"""Which thing said a line of chat is, and what is kept of it: the guard that nothing said counts twice.

Invariant: one thing said is one `ChatLine`, in however many logs it stands, under whichever clocks, however often and in
whatever pieces they are sent. What is the same is decided by `chat.same_line`, under the lock of the words
(`ChatWords`), so that two logs sent at once are judged one after the other.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.points.models import DKPPool
from guildhall.raids.models import Raid

from .. import chat
from ..chat.same_line import (
    MOST_APART,
    Hearing,
    KeptLine,
    Offsets,
    clock_offsets,
    one_quarter,
    said_elsewhere,
    same_line,
)
from ..models import BidSession, ChatLine, ChatWords, Status

#: The same announcement in another channel within this time may be one announcement: a person looks.
ELSEWHERE = dt.timedelta(minutes=2)
#: A doubt without a time that was decided longer ago than this is another one when its words come again.
SAME_EVENING = dt.timedelta(hours=12)
#: So many lines are compared to find out under which clock a log was written.
_MOST_COMPARED = 3_000
_RECENT = 300
#: Where a wrong guess that two lines are one, or two, costs more than asking: a bid is judged by its auction anyhow.
WEIGHTY = (chat.Opened, chat.Closed, chat.Awarded, chat.Cancelled)


class Skip(Exception):
    """A line that is understood and yet not applied; `is_doubt` where a person has to decide. `result` is kept with it."""

    def __init__(self, code: str, detail: str, *, is_doubt: bool = False, **result: object) -> None:
        self.code = code
        self.detail = detail
        self.is_doubt = is_doubt
        self.result = result


@dataclass(slots=True)
class Call:
    """One call that applies chat: by whom, where to, and under which clocks its logs were written.

    Attributes:
        log: whose log it is; a log that names nobody is its own in every call.
        trusted: characters who run auctions though their owner is not an officer, in lower case.
        offsets: per log of the call, how far its clock may be from that of the lines kept.
    """

    actor: User | None
    raid: Raid | None
    pool: DKPPool | None
    trusted: set[str]
    sees_sealed: bool
    log: str
    offsets: dict[str, Offsets] = field(default_factory=dict)

    def log_of(self, event: chat.ChatEvent) -> str:
        """Return which log of the call a line stands in."""
        return self.log if event.log_part == 0 else f"{self.log}#{event.log_part}"


@dataclass(frozen=True, slots=True)
class Known:
    """The row of a thing said. `is_new` where nothing was done for it yet; `doubt` is why it may be another's, or ""."""

    row: ChatLine
    is_new: bool
    doubt: str = ""
    detail: str = ""


def log_name(logger: str | None) -> str:
    """Return what a log is called: its character, or a name that no other has."""
    return (logger or "").strip().casefold()[:120] or f"?{uuid.uuid4().hex}"


def said_at(event: chat.ChatEvent) -> dt.datetime | None:
    """Return when it was said by the clock of its log, as if that were UTC."""
    return event.local_time.replace(tzinfo=dt.UTC) if event.local_time else None


def learn_clocks(call: Call, events: Sequence[chat.ChatEvent]) -> None:
    """Find out how far the clocks of the call's logs may be from those of the lines kept. Two queries."""
    timed = [(event, at) for event in events if (at := said_at(event)) is not None]
    if not timed:
        return
    first, last = min(at for _event, at in timed), max(at for _event, at in timed)
    near = ChatLine.objects.filter(said_at__gte=first - MOST_APART, said_at__lte=last + MOST_APART)
    words = sorted({event.text_key for event, _at in timed})[:_MOST_COMPARED]
    kept = {row.pk: row for row in near.filter(text_key__in=words).order_by("-pk")[:_MOST_COMPARED]}
    kept |= {row.pk: row for row in near.order_by("-pk")[:_RECENT]}
    lines = [kept_line(row) for row in kept.values()]
    for log in dict.fromkeys(call.log_of(event) for event, _at in timed):
        mine = [(event.text_key, at) for event, at in timed if call.log_of(event) == log]
        earlier = [(one.words, had.at) for one in lines for had in one.heard if had.log == log]
        call.offsets[log] = clock_offsets([*mine, *earlier], lines, log)
        lines += [
            KeptLine(0, event.text_key, at, (Hearing(log, event.channel, at, event.fingerprint),))
            for event, at in timed
            if call.log_of(event) == log
        ]


def kept_line(row: ChatLine) -> KeptLine:
    """Return a row as the rules of `chat.same_line` see it."""
    heard = tuple(Hearing(log, channel, dt.datetime.fromisoformat(at), line) for log, channel, at, line in row.heard)
    return KeptLine(row.pk, row.text_key, row.said_at or row.applied_at, heard)


def hear(event: chat.ChatEvent, session: BidSession | None, kind: str, call: Call) -> Known:
    """Return the row of what was said, kept now where it is new. Takes the lock of its words.

    Args:
        session: the auction that it is about, if any.
        kind: of a new row.
    """
    words, _made = ChatWords.objects.get_or_create(text_key=event.text_key)
    ChatWords.objects.select_for_update().get(pk=words.pk)
    at = said_at(event)
    if at is None:
        return _undated(event, session, kind, call)
    log = call.log_of(event)
    hearing = Hearing(log, event.channel, at, event.fingerprint)
    offsets = call.offsets.get(log, Offsets())
    rows = {row.pk: row for row in _candidates(event.text_key, at)}
    kept = [kept_line(row) for row in rows.values()]
    same = same_line(hearing, kept, offsets.sure)
    if same is not None:
        row = rows[same.key]
        if hearing not in same.heard:
            row.heard = [*row.heard, _entry(hearing)]
            row.save(update_fields=["heard"])
        return Known(row, is_new=False)
    doubt, detail = "", ""
    if isinstance(event, WEIGHTY):
        if other := same_line(hearing, kept, offsets.possible):
            doubt = "other_clock"
            detail = (
                f"Another log has the same words at {other.said_at:%H:%M:%S}; this one may be the same line, written under "
                "the clock of another time zone."
            )
        elif other := said_elsewhere(hearing, kept, ELSEWHERE):
            doubt = "other_channel"
            detail = (
                f"The same words were said in another channel at {other.said_at:%H:%M:%S}; it may be one announcement."
            )
    row = _keep(event, session, kind, call, event.fingerprint, heard=[_entry(hearing)])
    return Known(row, is_new=True, doubt=doubt, detail=detail)


def _candidates(words: str, at: dt.datetime) -> list[ChatLine]:
    """Return the kept lines of the same words that may be this one under the clock of any time zone. A log that came
    before is among them whatever is known of its clock now."""
    same = ChatLine.objects.filter(text_key=words)
    times = same.filter(said_at__gte=at - MOST_APART - ELSEWHERE, said_at__lte=at + MOST_APART + ELSEWHERE)
    near = [
        pk
        for pk, then in times.values_list("pk", "said_at")
        if then and abs(at - then - one_quarter(at - then)) <= ELSEWHERE
    ]
    return list(same.filter(pk__in=near).order_by("said_at", "pk"))


def _entry(hearing: Hearing) -> list[str]:
    return [hearing.log, hearing.channel, hearing.at.isoformat(), hearing.line]


def _undated(event: chat.ChatEvent, session: BidSession | None, kind: str, call: Call) -> Known:
    """Return the row of what has no time, as in Discord: the same until there is another auction that it can be about."""
    heard = [[call.log_of(event), event.channel, clock.now().isoformat(), event.fingerprint]]
    if event.is_numbered:  # a message of Discord, by its id
        row = ChatLine.objects.filter(fingerprint=event.fingerprint).first()
        if row is not None:
            return Known(row, is_new=False)
        return Known(_keep(event, session, kind, call, event.fingerprint, heard=heard), is_new=True)
    if isinstance(event, chat.Awarded | chat.Ambiguous):
        before = ChatLine.objects.filter(text_key=event.text_key, said_at=None).order_by("-pk")
        same = next((row for row in before[:50] if row.heard and row.heard[0][3] == event.fingerprint), None)
        if same is not None and not _is_another(event, same, session):
            return Known(same, is_new=False)
        return Known(_keep(event, session, kind, call, event.fingerprint, heard=heard), is_new=True)
    where = str(session.pk) if session is not None else ""
    key = hashlib.sha256("|".join([type(event).__name__, event.fingerprint, where]).encode()).hexdigest()
    row = ChatLine.objects.filter(fingerprint=key).first()
    if row is not None:
        return Known(row, is_new=False)
    return Known(_keep(event, session, kind, call, key, heard=heard), is_new=True)


def _is_another(event: chat.ChatEvent, before: ChatLine, session: BidSession | None) -> bool:
    if isinstance(event, chat.Ambiguous):
        return before.state != ChatLine.State.OPEN and clock.now() - before.applied_at > SAME_EVENING
    is_on = session is not None and session.status in (Status.OPEN, Status.CLOSED)
    return is_on and session is not None and session.pk != before.session_id and session.started_at > before.applied_at


def _keep(
    event: chat.ChatEvent, session: BidSession | None, kind: str, call: Call, key: str, *, heard: list[list[str]]
) -> ChatLine:
    """Keep a thing said. Another one may have its fingerprint: a log whose clock is off has the second of two equal lines
    at the time of the first."""
    row = ChatLine(
        text_key=event.text_key,
        line=event.raw[:500],
        speaker=event.speaker[:120],
        kind=kind,
        session=session,
        raid=call.raid,
        pool=call.pool,
        said_at=said_at(event),
        applied_by=call.actor,
        heard=heard,
    )
    for number in range(1, 1000):
        row.fingerprint = key if number == 1 else hashlib.sha256(f"{key}|{number}".encode()).hexdigest()
        if ChatLine.objects.filter(fingerprint=row.fingerprint).exists():
            continue
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            continue
        return row
    raise AssertionError("a thousand things said have one fingerprint")
