"""Chromium, and people in front of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake_discord.fixtures import fake_discord

from .people import Visitor

__all__ = ["fake_discord"]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


@pytest.fixture
def chromium(monkeypatch: Any) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        pytest.skip("needs Chromium (CHROMIUM)")
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in this thread
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visitor(live_server: Any, chromium: Any) -> Iterator[Any]:
    made: list[Visitor] = []

    def come(width: int = 390) -> Visitor:
        made.append(Visitor(chromium, live_server.url, width))
        return made[-1]

    yield come
    for one in made:
        assert one.problems == []
        one.context.close()
