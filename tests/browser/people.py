"""Somebody in front of a browser of their own, who signs in as people do."""

from __future__ import annotations

from typing import Any

PASSWORD = "a long password"


class Visitor:
    """Somebody in front of a browser of their own."""

    def __init__(self, browser: Any, server: str, width: int = 390) -> None:
        self.server = server
        self.context = browser.new_context(viewport={"width": width, "height": 844})
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

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
