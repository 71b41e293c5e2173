"""The whole of a list as a file: `?format=csv` or `?format=xlsx` (and JSON, as ever).

Every list can be had as a file: its rows' fields are the columns (`table_of`). A view whose file has other columns, or
whose rows can be had faster than through its serializer, says so with `ExportMixin`. A file is not cut into pages. Text
that a spreadsheet would take for a formula is written with an apostrophe before it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from openpyxl import Workbook
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.core.errors import TooLarge
from guildhall.core.text import spreadsheet_text, without_control_characters

from .renderers import OrjsonRenderer

MOST_ROWS = 200_000


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return spreadsheet_text(value)
    return value


class _TableRenderer(BaseRenderer):
    charset: str | None = None
    render_style = "binary"

    def render(self, data: object, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        context = renderer_context or {}
        if isinstance(data, Table):
            return self.write(data)
        if context["response"].status_code == 200 and (table := table_of(data, context["view"])) is not None:
            context["response"]["Content-Disposition"] = f'attachment; filename="{table.name}.{self.format}"'
            return self.write(table)
        # An error on the way here: it has the common form, whatever file was asked for.
        if renderer_context and "response" in renderer_context:
            renderer_context["response"]["Content-Type"] = OrjsonRenderer.media_type
        return OrjsonRenderer().render(data)

    def write(self, table: Table) -> bytes:
        raise NotImplementedError


class CSVRenderer(_TableRenderer):
    """Comma-separated, UTF-8 with a mark so that spreadsheets read names rightly."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def write(self, table: Table) -> bytes:
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(table.columns)
        for row in table.rows:
            values = (_cell(row[column]) for column in table.columns)
            writer.writerow([value.isoformat() if isinstance(value, dt.datetime) else value for value in values])
        return out.getvalue().encode("utf-8-sig")


class XLSXRenderer(_TableRenderer):
    """A workbook of one sheet, its first row the columns' names."""

    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    format = "xlsx"

    def write(self, table: Table) -> bytes:
        book = Workbook(write_only=True)
        sheet = book.create_sheet(table.name[:31])
        sheet.freeze_panes = "A2"
        sheet.append(list(table.columns))
        for row in table.rows:
            sheet.append([_xlsx(_cell(row[column])) for column in table.columns])
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()


def _xlsx(value: Any) -> object:
    if isinstance(value, dt.datetime):  # a workbook knows no time zones; these are UTC
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    if isinstance(value, Decimal | int | float | dt.date):
        return value
    return without_control_characters(str(value))


class Table:
    """Rows on their way into a file: `columns` in order, each row a mapping."""

    def __init__(self, name: str, columns: Sequence[str], rows: Iterable[dict[str, object]]) -> None:
        self.name, self.columns, self.rows = name, columns, rows


FILES = ("csv", "xlsx")


def wants_file(request: Request) -> bool:
    """Return whether the answer goes into a file, which is not cut into pages."""
    return getattr(getattr(request, "accepted_renderer", None), "format", "") in FILES


def table_of(data: object, view: Any) -> Table | None:
    """Return the rows of a list's answer as a table with the columns of its contract; None where `data` is not a list."""
    rows = data.get("results") if isinstance(data, Mapping) else data
    columns = view.contract("GET").columns
    if not isinstance(rows, list) or columns is None:
        return None
    path = view.request.path.removeprefix("/api/").strip("/")
    return Table(
        path.replace("/", "-") or "list", columns, ({name: _value(row, name) for name in columns} for row in rows)
    )


def _value(row: object, column: str) -> object:
    """Return the value of a column such as ``raid.name``; what is not a single value is written as text."""
    value: object = row
    for step in column.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, list | tuple) and not any(isinstance(one, Mapping | list | tuple) for one in value):
        return "; ".join(str(one) for one in value)
    if isinstance(value, Mapping | list | tuple):
        return OrjsonRenderer().render(value).decode()
    return value


class ExportMixin:
    """For a list view: `export_name`, `export_columns`, and `export_rows(queryset)` that yields mappings."""

    export_name = "export"
    export_columns: Sequence[str] = ()

    def get_renderers(self) -> list[BaseRenderer]:
        found: list[BaseRenderer] = super().get_renderers()  # type: ignore[misc]
        if getattr(self, "action", "list") in ("list", None):
            found += [CSVRenderer(), XLSXRenderer()]
        return found

    def is_export(self, request: Request) -> bool:
        """Return whether a file was asked for."""
        return wants_file(request)

    def export_rows(self, queryset: QuerySet[Any]) -> Iterable[dict[str, object]]:
        raise NotImplementedError

    def export(self, queryset: QuerySet[Any]) -> Response:
        """Return the whole list as a file.

        Raises:
            TooLarge: more than `MOST_ROWS`.
        """
        count = queryset.count()
        if count > MOST_ROWS:
            raise TooLarge(f"{count} rows are too many for one file (at most {MOST_ROWS}); filter them.")
        return self.export_table(self.export_rows(queryset))

    def export_table(self, rows: Iterable[dict[str, Any]]) -> Response:
        """Return rows that are there already as a file."""
        request: Request = self.request  # type: ignore[attr-defined]
        ending = request.accepted_renderer.format
        table = Table(self.export_name, self.export_columns, rows)
        name = f'attachment; filename="{self.export_name}.{ending}"'
        return Response(table, headers={"Content-Disposition": name})
