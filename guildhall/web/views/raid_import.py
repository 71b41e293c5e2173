"""The raid leader's page: paste a log or drop a file, look at every name, press once.

One form in two steps. “Preview” reads the log and shows what committing would do, and writes nothing: a raid or a check
that is to be made is made in memory alone. “Commit” does what was shown and nothing else (`core.previews`), once however often
it is pressed. The roster travels with the form (`web.signed_preview`).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import BinaryIO, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from guildhall.accounts.models import User
from guildhall.accounts.services import update_person
from guildhall.core import clock
from guildhall.core.errors import BadInput, GuildhallError
from guildhall.core.ids import PoolId
from guildhall.core.money import ZERO, show_points
from guildhall.raids import selectors as raid_selectors
from guildhall.raids import services as raid_services
from guildhall.raids.models import AttendanceCheck, AttendanceStatus, Raid
from guildhall.raids.night_log import add_events
from guildhall.raids.parsers import AttendanceParse, parse_attendance, read_in_zone
from guildhall.raids.planning import Planned, Verdict
from guildhall.raids.selectors import Preview, preview_attendance
from guildhall.raids.uploads import Decisions, attendees_of, chosen_blocks, unread_rows
from guildhall.roster.selectors import match_names
from guildhall.web.forms.imports import LOG_ZONE, ImportForm, log_zone_of
from guildhall.web.pages import Done, as_number, me, page
from guildhall.web.signed_preview import pack, unpack
from guildhall.web.undoing import offer
from guildhall.web.views.log_alone import keep_log

STATUSES = [choice for choice in AttendanceStatus.choices if choice[0] != AttendanceStatus.ABSENT]


@dataclass(frozen=True, slots=True)
class Row:
    """One name of the preview as the page shows it. `tone` is good, warn, bad or quiet."""

    number: int
    name: str
    words: str
    tone: str
    status: str
    person: str = ""
    character: str = ""
    shown: str = ""
    amounts: list[tuple[str, Decimal]] = field(default_factory=list)
    suggestions: list[str] = field(default_factory=list)
    who: str = ""
    is_left_out: bool = False
    is_forced: bool = False
    can_force: bool = False
    can_name: bool = False


@page("raids:write")
def raid_import(request: HttpRequest) -> HttpResponse:
    """Paste, preview, commit."""
    form = ImportForm(request, "import", initial=_beginning(request))
    preview: Preview | None = None
    rows: list[Row] = []
    carried = form.hidden("carried")
    if form.sent:
        valid = form.is_valid()
        try:
            parse, name = _read(form)
            carried = pack(parse, name)
            parse, name = unpack(carried)  # what is judged is what will be committed, roster by roster
            form.settle(parse)
            if form.pressed == "commit":
                response = form.run(lambda: _commit(form, parse, name, request))
                if response is not None:
                    _remember_zone(form, request)
                    return response
            if valid:
                preview, rows = _preview(form, parse)
        except GuildhallError as error:
            if valid and error.code == "no_roster" and (kept := keep_log(form, request)) is not None:
                _remember_zone(form, request)
                return kept
            if form.error is None:
                form.refuse(error)
    context = {
        "form": form,
        "no_events": not raid_selectors.events().exists(),
        "preview": preview,
        "rows": rows,
        "carried": carried,
        "unread": _unread(form, preview),
        "counts": _counts(rows),
        "total": preview.total if preview else None,
        "asks_event": _asks_event(form),
        "read": _what_was_read(form, carried),
        "paid": sum(row.tone == "good" for row in rows),
        "raids": raid_selectors.raids_list(include_reversed=False)[:12],
        "checks": form.checks(),
        "chosen": {name: form.shown(name) for name in ("target", "check", "blocks")},
        "statuses": STATUSES,
    }
    return render(request, "web/raid_import.html", context, status=form.http_status)


@dataclass(frozen=True, slots=True)
class Read:
    """What a text holds that cannot be previewed yet."""

    names: int
    taken_at: dt.datetime | None


def _asks_event(form: ImportForm) -> bool:
    """Return whether nothing is missing but the event of the raid that is to be made."""
    return form.sent and form.error is not None and form.error.code == "event_needed"


def _what_was_read(form: ImportForm, carried: str) -> Read | None:
    if not _asks_event(form):
        return None
    latest = unpack(carried)[0].latest()
    return Read(len(latest.entries), latest.taken_at)


@dataclass(frozen=True, slots=True)
class Unread:
    """A row that could not be read, as the page shows it: `who` is what was said of it."""

    text: str
    detail: str
    guess: str
    who: str


def _unread(form: ImportForm, preview: Preview | None) -> list[Unread]:
    if preview is None:
        return []
    said = form.rows_named()
    return [Unread(row.text, row.detail, row.guess, said.get(row.text, "")) for row in preview.unread]


def _beginning(request: HttpRequest) -> dict[str, object]:
    raid_id = as_number(request.GET.get("raid"), attr="raid", what="a raid")
    check_id = as_number(request.GET.get("check"), attr="check", what="a check")
    return {
        "target": f"raid:{raid_id}" if raid_id else "auto",
        "check": str(check_id) if check_id else "auto",
        "event": "",
        "blocks": "latest",
        "remember": "1",
        "time_zone": log_zone_of(me(request)),
    }


def _read(form: ImportForm) -> tuple[AttendanceParse, str]:
    """Return what was dropped or pasted, else what the form carries from the preview.

    Raises:
        BadInput: the parser's codes, in words that say what to do; ``preview_lost``.
    """
    upload, text = form.cleaned_data.get("file"), form.cleaned_data.get("text", "")
    if upload is not None and upload.file is not None:
        return _parsed(form, cast(BinaryIO, upload.file), upload.name or ""), upload.name or ""
    if text.strip():
        return _parsed(form, text, ""), ""
    if carried := form.cleaned_data.get("carried"):
        parse, name = unpack(carried)
        if parse.time_zone not in ("", form.zone):
            read_in_zone(parse, form.zone)
            form.place_anew()
        return parse, name
    raise BadInput(
        "There is nothing in it. Paste what /who printed, or choose the log or the dump.", code="empty", attr="text"
    )


def _parsed(form: ImportForm, source: BinaryIO | str, name: str) -> AttendanceParse:
    """Return the rosters of a log or dump, with what else it says of the raid that is chosen, or of its latest night."""
    zone, most = form.zone, settings.MAX_LOG_BYTES
    parse = parse_attendance(source, filename=name, time_zone=zone, max_bytes=most)
    raid_id = form.raid_id()
    raid = Raid.objects.filter(pk=raid_id).first() if raid_id is not None else None
    add_events(parse, source, filename=name, time_zone=zone, raid=raid, max_bytes=most)
    return parse


def _remember_zone(form: ImportForm, request: HttpRequest) -> None:
    """Keep the zone that was chosen, for the person's next import."""
    person, zone = me(request), form.cleaned_data.get("time_zone")
    if zone and zone != person.preferences.get(LOG_ZONE):
        update_person(user=person, actor=person, preferences={**person.preferences, LOG_ZONE: zone})


def _new_raid(form: ImportForm) -> raid_services.NewRaid:
    """Return what the form says of the raid that is to be made.

    Raises:
        BadInput: ``event_needed`` without an event.
    """
    given = form.cleaned_data
    if given["event"] is None:
        raise BadInput("Choose the event of the new raid.", code="event_needed", attr="event")
    return {
        "event": given["event"],
        "name": given["raid_name"],
        "started_at": given["started_at"] or clock.now(),
        "points": given["raid_points"],
    }


def _new_check(form: ImportForm, parse: AttendanceParse) -> raid_services.NewCheck:
    given = form.cleaned_data
    return {
        "kind": given["check_kind"],
        "label": given["check_label"],
        "taken_at": min(parse.taken_at or clock.now(), clock.now()),
        "points": given["check_points"] or 0,
    }


def _chosen(form: ImportForm) -> tuple[Raid | None, str]:
    """Return the raid that the form names, None for a new one, and which check: ``first``, ``new`` or its number.

    Raises:
        NotFound: ``unknown_raid``.
    """
    target, which = form.cleaned_data["target"], form.cleaned_data["check"] or "first"
    raid = raid_selectors.raid_with_id(int(target[5:])) if target.startswith("raid:") else None
    return raid, "first" if which == "auto" or (raid is None and which.isdecimal()) else which


def _planned(form: ImportForm, parse: AttendanceParse) -> tuple[Raid, AttendanceCheck | None]:
    """Return the raid and the check that committing would award at; nothing is written, so new ones are not stored.

    Raises:
        NotFound: ``unknown_raid``, ``unknown_check``; BadInput: ``event_needed`` without an event, those of a raid's and a
            check's fields.
    """
    raid, which = _chosen(form)
    check: AttendanceCheck | None = None
    if raid is None:
        check = raid_services.new_raid(**_new_raid(form))
        raid = check.raid
    elif which.isdecimal():
        check = raid_services.check_of(raid, int(which))
    if which == "new":
        check = raid_services.new_check(raid, **_new_check(form, parse))
    return raid, check


def _made(form: ImportForm, parse: AttendanceParse, actor: User) -> tuple[Raid, AttendanceCheck | None]:
    """Return the raid and the check to award at, made where the form asks for new ones. Joins the caller's transaction.

    Raises:
        as `_planned`.
    """
    raid, which = _chosen(form)
    if raid is None:
        raid = raid_services.create_raid(leader=actor, actor=actor, **_new_raid(form))
    if which == "new":
        return raid, raid_services.add_check(raid=raid, actor=actor, **_new_check(form, parse))
    return raid, raid_services.check_of(raid, int(which)) if which.isdecimal() else None


def _decisions(form: ImportForm, parse: AttendanceParse) -> Decisions:
    """Return what the leader decided about the names of this roster.

    What is decided of somebody who is left out, or who is in another text that was previewed before, counts for nothing:
    the page does not show it any more, so that it would be missing from the next form.

    Raises:
        BadInput: those of `attendees_of`; ``unknown_character`` where a name that was typed for somebody is nobody's.
    """
    given = form.cleaned_data
    wanted = given["blocks"] or "latest"
    blocks = wanted if wanted in ("latest", "all") else [int(wanted)]
    texts = {row.text for row in unread_rows(chosen_blocks(parse, blocks))}
    rows = {text: name for text, name in form.rows_named().items() if text in texts}
    usual = {one.character_name: one.status for one in attendees_of(parse, Decisions(blocks=blocks, rows=rows))}
    left_out = frozenset(given["skip"]) & usual.keys()
    decided_of = usual.keys() - left_out
    meant = {name: typed for name, typed in form.meant().items() if typed and name in decided_of}
    return Decisions(
        exclude=left_out,
        force=frozenset(given["force"]) & decided_of,
        characters=dict(zip(meant, _matches(list(meant.values())), strict=True)),
        statuses={
            name: status
            for name, status in zip(given["name"], given["status"], strict=False)
            if name in decided_of and status in AttendanceStatus.values and status != usual[name]
        },
        remember=given["remember"],
        blocks=blocks,
        rows=rows,
        not_attendance_is_fine=given["guild_dump"],
    )


def _matches(typed: list[str]) -> list[int]:
    found = match_names(typed) if typed else {}
    ids = []
    for name in typed:
        match = found[name]
        if match.character is None:
            hint = f" Did you mean {', '.join(match.suggestions)}?" if match.suggestions else ""
            raise BadInput(f"Nobody is called {name[:40]}.{hint}", code="unknown_character", attr="who")
        ids.append(match.character.pk)
    return ids


def _preview(form: ImportForm, parse: AttendanceParse) -> tuple[Preview, list[Row]]:
    decided = _decisions(form, parse)
    raid, check = _planned(form, parse)
    preview = preview_attendance(raid=raid, parse=parse, check=check, decisions=decided, asked=form.asked())
    who = form.meant()
    rows = [_row(number, row, preview, decided, who) for number, row in enumerate(preview.rows)]
    # Whoever is left out is still shown, so that the tick can be taken away again.
    rows += [
        Row(
            len(rows) + number,
            name,
            "left out",
            "quiet",
            AttendanceStatus.PRESENT,
            who=who.get(name, ""),
            is_left_out=True,
        )
        for number, name in enumerate(sorted(decided.exclude))
    ]
    order = {"bad": 0, "warn": 1, "quiet": 2, "good": 3}
    rows.sort(key=lambda row: (order[row.tone], row.name.casefold()))
    return preview, rows


def _row(number: int, row: Planned, preview: Preview, decided: Decisions, who: dict[str, str]) -> Row:
    name = row.attendee.character_name
    words, tone = _words(row)
    raw = row.attendee.raw
    shown = " ".join(str(raw[key]) for key in ("level", "character_class") if raw.get(key))
    if row.attendee.guild:
        shown += f" <{row.attendee.guild}>"
    return Row(
        number=number,
        name=name,
        words=words,
        tone=tone,
        status=row.attendee.status,
        person=str(row.character.user) if row.character and row.character.user else "",
        character=row.character.name if row.character else "",
        shown=shown.strip(),
        amounts=[
            (pool.name, row.amounts[pool_id] - row.paid.get(pool_id, ZERO))
            for pool in preview.pools
            if (pool_id := PoolId(pool.pk)) in row.amounts
        ],
        suggestions=row.match.suggestions if row.verdict == Verdict.UNKNOWN else [],
        who=who.get(name, ""),
        is_forced=name in decided.force,
        can_force=row.verdict in (Verdict.WRONG_GUILD, Verdict.OFFLINE) or name in decided.force,
        can_name=row.verdict in (Verdict.UNKNOWN, Verdict.NO_OWNER) or bool(who.get(name)),
    )


def _words(row: Planned) -> tuple[str, str]:
    """Return what becomes of a name, for a person in a hurry, and how it is coloured."""
    verdict, match = row.verdict, row.match
    if row.is_amended:
        return f"an officer put {row.credited_through} right at this check: left as it is", "quiet"
    if verdict == Verdict.AWARD:
        if match.how == "alias":
            return f"alias of {row.character}", "good"
        if match.how == "chosen":
            return f"is {row.character}, you said", "good"
        return "matched", "good"
    if verdict == Verdict.RAISED:
        than = "before" if row.own is row.row else row.credited_through
        return f"earns more than {than}: the difference is paid", "good"
    if verdict == Verdict.SECOND_CHARACTER:
        return f"second character: paid through {row.credited_through}", "quiet"
    if verdict == Verdict.ALREADY_PRESENT:
        return "already paid at this check", "quiet"
    if verdict == Verdict.WRONG_GUILD:
        return f"wears another guild’s tag: {row.attendee.guild}", "warn"
    if verdict == Verdict.OFFLINE:
        return "was offline", "warn"
    if verdict == Verdict.NO_OWNER:
        return f"{row.character} belongs to nobody", "bad"
    return ("probably meant", "warn") if match.suggestions else ("unknown: kept until somebody says who", "bad")


def _counts(rows: list[Row]) -> list[tuple[str, str, int]]:
    labels = (("good", "will be paid"), ("warn", "to look at"), ("bad", "unknown"), ("quiet", "nothing to do"))
    found = [(tone, label, sum(row.tone == tone for row in rows)) for tone, label in labels]
    return [row for row in found if row[2]]


def not_paid(credits: list[raid_services.Credit]) -> str:
    """Return how many earned nothing for each reason, to stand after how many were paid; nothing where there are none."""
    reasons = Counter(str(credit.reason) for credit in credits)
    seconds, amended = reasons.pop(Verdict.SECOND_CHARACTER, 0), reasons.pop("amended", 0)
    counts = (
        (reasons.total(), "was paid already", "were paid already"),
        (seconds, "is a second character of somebody who is paid", "are second characters of people who are paid"),
        (amended, "was put right by an officer and is left so", "were put right by an officer and are left so"),
    )
    return "".join(f"; {count} {one if count == 1 else more}" for count, one, more in counts if count)


def _commit(form: ImportForm, parse: AttendanceParse, name: str, request: HttpRequest) -> Done:
    actor = me(request)
    raid, check = _made(form, parse, actor)
    result = raid_services.commit_parsed_attendance(
        raid=raid,
        parse=parse,
        check=check,
        decisions=_decisions(form, parse),
        file_name=name,
        digest=form.digest,
        asked=form.asked(),
        actor=actor,
    )
    url = reverse("web:console" if "console" in request.GET else "web:raid", args=[raid.pk])
    if "console" in request.GET:
        url += f"?check={result.check.pk}"
    if result.is_repeat:
        return Done(url, "This roster was committed to this check before; nothing was paid again.", "info")
    paid = sum(bool(credit.points) for credit in [*result.awarded, *result.raised])
    words = f"{paid} {'person' if paid == 1 else 'people'} paid, {show_points(result.total)} points in all"
    words += not_paid(result.already_present)
    if result.unmatched:
        kept = len(result.unmatched)
        words += f"; {kept} name{' is' if kept == 1 else 's are'} kept until somebody says who {'it is' if kept == 1 else 'they are'}"
    undo = offer(request, "batch", back=url, batch=str(result.batch_id)) if result.batch_id else ""
    return Done(url, words + ".", undo=undo)
