"""The comments and the log."""

from __future__ import annotations

from typing import Any

from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import LegacyComment, LegacyLog

from .context import Context, Kind
from .tables import import_table


def import_comments(ctx: Context) -> None:
    """Import comments, tied to their planned raid where they were written on one."""
    usernames = {user.id: user.username for user in ctx.snapshot.rows(r.USERS)}

    def comment(row: r.LegacyComment) -> dict[str, Any]:
        if row.user_id and row.user_id not in usernames:
            ctx.problem(
                "comments", row.id, "user_missing",
                f"comment {row.id} is by account {row.user_id}, which does not exist; it was brought without its author",
            )  # fmt: skip
        on_date = row.page == "viewcalraid" and row.attach_id.isdecimal()
        return {
            "page": row.page[:120],
            "attach_id": row.attach_id[:120],
            "calendar_event_id": ctx.object_id(Kind.CALENDAR_EVENT, int(row.attach_id)) if on_date else None,
            "author_id": ctx.object_id(Kind.USER, row.user_id),
            "author_name": usernames.get(row.user_id, f"user {row.user_id}")[:120],
            "text": row.text,
            "reply_to": row.reply_to,
            "written_at": row.date,
        }

    import_table(ctx, r.COMMENTS, Kind.COMMENT, comment, LegacyComment)


def import_logs(ctx: Context) -> None:
    """Import the old site's log, as read-only history."""

    def line(row: r.LegacyLog) -> dict[str, Any]:
        return {
            "at": row.date,
            "tag": row.tag[:120],
            "plugin": row.plugin[:60],
            "username": row.username[:120],
            "record": row.record[:255],
            "record_id": row.record_id[:120],
            "result": row.result,
            "data": {str(k): v for k, v in row.value.items()} if isinstance(row.value, dict) else
            ({"text": row.value} if row.value is not None else {}),
        }  # fmt: skip

    import_table(ctx, r.LOGS, Kind.LOG, line, LegacyLog)
