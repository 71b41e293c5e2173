"""The whole of a list as a file: `?format=csv` or `?format=xlsx` on lists that offer it (and JSON, as ever).

A file is not cut into pages. Text that a spreadsheet would take for a formula is written with an apostrophe before it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.core.errors import TooLarge

from .renderers import OrjsonRenderer

MOST_ROWS = 200_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).isdecimal()


class _TableRenderer(BaseRenderer):
    charset: str | None = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if isinstance(data, Table):
            return self.write(data)
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


def _xlsx(value: Any) -> Any:
    if isinstance(value, dt.datetime):  # a workbook knows no time zones; these are UTC
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    if isinstance(value, Decimal | int | float | dt.date):
        return value
    return ILLEGAL_CHARACTERS_RE.sub("", str(value))


class Table:
    """Rows on their way into a file: `columns` in order, each row a mapping."""

    def __init__(self, name: str, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
        self.name, self.columns, self.rows = name, columns, rows


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
        """Whether a file was asked for."""
        return getattr(request.accepted_renderer, "format", "") in ("csv", "xlsx")

    def export_rows(self, queryset: QuerySet[Any]) -> Iterable[dict[str, Any]]:
        raise NotImplementedError

    def export(self, queryset: QuerySet[Any]) -> Response:
        """The whole list as a file.

        Raises:
            TooLarge: more than `MOST_ROWS`.
        """
        count = queryset.count()
        if count > MOST_ROWS:
            raise TooLarge(f"{count} rows are too many for one file (at most {MOST_ROWS}); filter them.")
        return self.export_table(self.export_rows(queryset))

    def export_table(self, rows: Iterable[dict[str, Any]]) -> Response:
        """Rows that are there already as a file."""
        request: Request = self.request  # type: ignore[attr-defined]
        ending = request.accepted_renderer.format
        table = Table(self.export_name, self.export_columns, rows)
        name = f'attachment; filename="{self.export_name}.{ending}"'
        return Response(table, headers={"Content-Disposition": name})
