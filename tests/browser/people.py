"""Somebody in front of a browser of their own, who signs in as people do."""

from __future__ import annotations

import time
from typing import Any

PASSWORD = "a long password"


def watch(page: Any) -> list[str]:
    """What goes wrong in `page` from now on: accidents in scripts, and all that the page's own policy refuses."""
    problems: list[str] = []

    def heard(message: Any) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            problems.append(message.text)

    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", heard)
    return problems


def until(page: Any, true: str, arg: Any = None, seconds: float = 20) -> None:
    """Wait until an expression of JavaScript is true. (Playwright's own way needs `eval`, which our pages forbid.)"""
    deadline = time.monotonic() + seconds
    while not page.evaluate(true, arg):
        assert time.monotonic() < deadline, f"never came true: {true}"
        page.wait_for_timeout(50)


class Visitor:
    """Somebody in front of a browser of their own."""

    def __init__(self, browser: Any, server: str, width: int = 390) -> None:
        self.server = server
        self.context = browser.new_context(viewport={"width": width, "height": 844})
        self.page = self.context.new_page()
        self.problems = watch(self.page)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.server}{path}")

    def ask_discord(self, path: str = "/sign-in/") -> None:
        """Press our button; afterwards Discord's consent page is open."""
        self.go(path)
        self.page.get_by_role("button", name="Continue with Discord").click()
        self.page.get_by_role("heading", name="Pretend Discord").wait_for()

    def agree(self, as_whom: str) -> None:
        self.page.locator("button", has_text=as_whom).click()
        self.page.wait_for_url(f"{self.server}/**", timeout=15000)

    def sign_in(self, as_whom: str, path: str = "/sign-in/") -> None:
        self.ask_discord(path)
        self.agree(as_whom)

    def tamper(self, name: str, value: str) -> None:
        """Change what Discord's page was told."""
        self.page.evaluate("([n, v]) => { document.querySelector(`[name=${n}]`).value = v }", [name, value])

    def with_password(self, username: str) -> None:
        self.go("/sign-in/")
        self.page.get_by_label("Name").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url(f"{self.server}/")

    @property
    def told(self) -> str:
        """The messages at the head of the page."""
        return str(self.page.locator("#messages").inner_text())

    @property
    def is_in(self) -> bool:
        return any(cookie["name"] == "sessionid" for cookie in self.context.cookies()) and bool(
            self.page.locator("[data-menu-button]").count()
        )
