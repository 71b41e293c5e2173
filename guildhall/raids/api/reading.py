"""An upload out of a request: pasted text or a file, read by the parsers without holding a large file in memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from django.conf import settings
from rest_framework.request import Request

from guildhall.core.errors import BadInput, TooLarge
from guildhall.core.generics import UploadedFile
from guildhall.core.guild import guild_time_zone
from guildhall.raids.models import Raid
from guildhall.raids.night_log import add_events
from guildhall.raids.parsers import AttendanceParse, parse_attendance


def refuse_large_body(request: Request) -> None:
    """Refuse a body that is too large to be held in memory; files are streamed from disk and have a larger one.

    Raises:
        TooLarge: ``too_large``.
    """
    try:
        size = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        size = 0
    is_form = (request.content_type or "").startswith("multipart/")
    limit = settings.MAX_LOG_BYTES + 1024 * 1024 if is_form else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if size > limit:
        raise TooLarge(
            f"That is {size / 1048576:.0f} MB; at most {limit / 1048576:.0f} MB are read this way. Send the log as a file "
            "(multipart, field “file”), or cut it to the night of the raid.",
            figures={"bytes": size, "limit": limit},
        )


def read_upload(data: dict[str, Any], *, raid_id: int | None = None) -> tuple[AttendanceParse, str]:
    """Parse what `RosterInput` took: `text` or `file`. Returns the parse and the file's name.

    Args:
        raid_id: the raid whose events are read too, where the log is to be committed to it.

    Raises:
        BadInput: ``required`` where there is neither, ``both_given``, and the codes of `parse_attendance`.
        TooLarge: ``too_large``.
    """
    source, name = given_log(data)
    time_zone = data.get("time_zone") or guild_time_zone()
    parse = parse_attendance(
        source,
        format=data.get("format") or "auto",
        filename=name,
        time_zone=time_zone,
        since=_moment(data.get("since")),
        until=_moment(data.get("until")),
        max_bytes=settings.MAX_LOG_BYTES,
    )
    raid = Raid.objects.filter(pk=raid_id).first() if raid_id is not None else None
    if raid is not None:
        add_events(
            parse, source, filename=name, time_zone=time_zone, raid=raid, max_bytes=settings.MAX_LOG_BYTES
        )  # fmt: skip
    return parse, name


def given_log(data: Mapping[str, object]) -> tuple[BinaryIO | str, str]:
    """Return the `text` or `file` that was sent, and the file's name.

    Raises:
        BadInput: ``empty`` where there is neither, ``both_given``.
    """
    text, upload = str(data.get("text") or ""), cast("UploadedFile | None", data.get("file"))
    if upload is not None and text:
        raise BadInput("Send either text or a file, not both.", code="both_given", attr="file")
    if upload is None and not text.strip():
        raise BadInput(
            "There is nothing in it. Paste what /who printed, or send the log or the dump as a file.",
            code="empty",
            attr="text",
        )
    name = str(getattr(upload, "name", "") or "") if upload is not None else str(data.get("file_name") or "")
    return (cast(BinaryIO, upload.file) if upload is not None else text), name


def _moment(value: object) -> dt.datetime | None:
    return value if isinstance(value, dt.datetime) else None
