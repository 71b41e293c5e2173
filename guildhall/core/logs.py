"""What log lines look like: one line of JSON per record where a server collects its logs (`LOG_FORMAT=json`), and no link
by which somebody gets in."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
from typing import TextIO

_LINK = re.compile(r"/(join|reset)/[^/\s?'\"]+")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request", "taskName"}


def hide_link(text: str) -> str:
    """Return `text` without the secrets of the addresses `/join/…/` and `/reset/…/`."""
    return _LINK.sub(r"/\1/-", text)


class HideLinks(logging.Filter):
    """Takes those secrets out of what a record says; for the handlers, so that it holds for every logger."""

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if (hidden := hide_link(said)) != said:
            record.msg, record.args = hidden, ()
        return True


class Console(logging.StreamHandler[TextIO]):
    """Writes to the terminal or the journal, without those secrets."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self.addFilter(HideLinks())


class JSONFormatter(logging.Formatter):
    """Time, level, logger, message, the traceback where there is one, and whatever `extra` was given."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            "thread": record.threadName,
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
