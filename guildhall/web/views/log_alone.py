"""A log without a roster, brought to the import: what it says of a raid is kept, and nobody is paid."""

from __future__ import annotations

from typing import BinaryIO, cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from guildhall.raids.models import Raid
from guildhall.raids.parsers import log_character, read_night
from guildhall.raids.services.log_findings import record_log, time_of
from guildhall.web.forms.imports import ImportForm
from guildhall.web.pages import me


def keep_log(form: ImportForm, request: HttpRequest) -> HttpResponse | None:
    """Keep the loot, check-ins and comings and goings of a log that has no roster, for the raid that the form names, and go to
    that raid's console; None where it names none, or the log says nothing of its time.

    Raises:
        those of `record_log`.
    """
    raid = Raid.objects.filter(pk=form.raid_id() or 0).first()
    upload = form.cleaned_data.get("file")
    source = (
        cast(BinaryIO, upload.file) if upload is not None and upload.file is not None else form.cleaned_data["text"]
    )
    if raid is None or not source:
        return None
    name = (upload.name or "") if upload is not None else ""
    since, until = time_of(raid)
    logger = log_character(name)
    events = read_night(
        source, since=since, until=until, filename=name, time_zone=form.zone, character=logger,
        max_bytes=settings.MAX_LOG_BYTES,
    )  # fmt: skip
    if not events:
        return None
    done = record_log(raid=raid, events=events, logger=logger or "", actor=me(request))
    known = f" {done.known} {'was' if done.known == 1 else 'were'} kept before." if done.known else ""
    lines = "1 line of it is" if done.new == 1 else f"{done.new} lines of it are"
    messages.success(request, f"There is no roster in this log, so nobody is paid. {lines} kept below.{known}")
    return HttpResponseRedirect(reverse("web:console", args=[raid.pk]) + "#night-log-loot")
