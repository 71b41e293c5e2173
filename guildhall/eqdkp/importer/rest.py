"""The comments and the log, as history that nobody changes here. What was deleted there stays."""

from __future__ import annotations

from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import LegacyComment, LegacyLog

from .context import Context, Kind
from .loop import bring
from .named import Values
from .tables import TableKind


def import_comments(ctx: Context) -> None:
    """Import comments, tied to their planned raid where they were written on one."""
    bring(Comments(ctx))


def import_logs(ctx: Context) -> None:
    """Import the old site's log, as read-only history."""
    bring(LogLines(ctx))


class Comments(TableKind[r.LegacyComment]):
    """Comments of the old site."""

    kind = Kind.COMMENT
    spec = r.COMMENTS
    model = LegacyComment

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self.follows_deletions = False
        self.usernames = {user.id: user.username for user in ctx.snapshot.rows(r.USERS)}

    def values(self, row: r.LegacyComment) -> Values:
        """Return the values of a comment."""
        if row.user_id and row.user_id not in self.usernames:
            self.ctx.problem(
                "comments", row.id, "user_missing",
                f"comment {row.id} is by account {row.user_id}, which does not exist; it was brought without its author",
            )  # fmt: skip
        on_date = row.page == "viewcalraid" and row.attach_id.isdecimal()
        return {
            "page": row.page[:120],
            "attach_id": row.attach_id[:120],
            "calendar_event_id": self.ctx.object_id(Kind.CALENDAR_EVENT, int(row.attach_id)) if on_date else None,
            "author_id": self.ctx.object_id(Kind.USER, row.user_id),
            "author_name": self.usernames.get(row.user_id, f"user {row.user_id}")[:120],
            "text": row.text,
            "reply_to": row.reply_to,
            "written_at": row.date,
        }


class LogLines(TableKind[r.LegacyLog]):
    """Lines of the old site's log."""

    kind = Kind.LOG
    spec = r.LOGS
    model = LegacyLog

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self.follows_deletions = False

    def values(self, row: r.LegacyLog) -> Values:
        """Return the values of a line."""
        if isinstance(row.value, dict):
            data = {str(key): value for key, value in row.value.items()}
        else:
            data = {"text": row.value} if row.value is not None else {}
        return {
            "at": row.date,
            "tag": row.tag[:120],
            "plugin": row.plugin[:60],
            "username": row.username[:120],
            "record": row.record[:255],
            "record_id": row.record_id[:120],
            "result": row.result,
            "data": data,
        }
