"""A list as a file: CSV, XLSX or JSON, with the same columns."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import orjson
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from openpyxl import Workbook

from guildhall.core.errors import NotFound
from guildhall.core.text import spreadsheet_text

FORMATS = ("csv", "xlsx", "json")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def table(*, name: str, file_format: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> HttpResponseBase:
    """Return `rows` as a download called `name`. Amounts are numbers in XLSX and text with two places elsewhere.

    Raises:
        NotFound: ``unknown_format``.
    """
    if file_format not in FORMATS:
        raise NotFound(f"Exports are {', '.join(FORMATS)}.", code="unknown_format")
    response: HttpResponseBase
    if file_format == "csv":
        response = StreamingHttpResponse(_csv(columns, rows), content_type="text/csv; charset=utf-8")
    elif file_format == "json":
        body = orjson.dumps([dict(zip(columns, map(_plain, row), strict=True)) for row in rows])
        response = HttpResponse(body, content_type="application/json")
    else:
        response = HttpResponse(_xlsx(name, columns, rows), content_type=XLSX)
    response["Content-Disposition"] = f'attachment; filename="{name}.{file_format}"'
    return response


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="seconds")
    return value


def _harmless(value: object) -> object:
    return spreadsheet_text(value) if isinstance(value, str) else value


class _Echo:
    def write(self, value: str) -> str:
        return value


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff"
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([_plain(_harmless(value)) for value in row])


def _xlsx(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(name[:31])
    sheet.append(list(columns))
    for row in rows:
        sheet.append(
            [value.replace(tzinfo=None) if isinstance(value, dt.datetime) else _harmless(value) for value in row]
        )
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
