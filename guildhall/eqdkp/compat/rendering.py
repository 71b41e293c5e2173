"""How an answer of the old API is written: in the format that was asked for."""

from __future__ import annotations

from collections.abc import Mapping

from guildhall.eqdkp.api_format import render


def rendered(answer: Mapping[str, object], params: Mapping[str, str]) -> tuple[bytes, str]:
    """Return the body and its content type."""
    return render(answer, params.get("format", "xml"), one_table=params.get("one_table") != "false")
