"""The static files that test clients share (tests/static_files.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.test.utils import override_settings

from . import static_files

PATH = "/static/probe.txt"


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """How often all files were looked up, in a process that has looked up none."""
    counted: list[Any] = []
    get_finders = finders.get_finders
    monkeypatch.setattr(static_files, "_found", {})
    monkeypatch.setattr(finders, "get_finders", lambda: (counted.append(1), get_finders())[1])
    return counted


def _body(path: str) -> bytes:
    response = Client().get(path)
    assert response.status_code == 200
    return b"".join(response)  # type: ignore[call-overload]


def test_each_client_serves_them_and_the_first_alone_looks_them_up(searches: list[Any]) -> None:
    first, second = _body("/static/admin/css/base.css"), _body("/static/admin/css/base.css")
    assert first == second != b""
    assert len(searches) == 1


def test_under_other_settings_they_are_looked_up_again(searches: list[Any], tmp_path: Path) -> None:
    (tmp_path / "probe.txt").write_text("ours")
    _body("/static/admin/css/base.css")
    finders.get_finder.cache_clear()
    with override_settings(STATICFILES_DIRS=[tmp_path]):
        assert _body(PATH) == b"ours"
    finders.get_finder.cache_clear()
    assert len(searches) == 2
    assert _body("/static/admin/css/base.css")
    assert len(searches) == 2
