"""How somebody works a page: with a mouse or a finger, or by the keyboard alone."""

from __future__ import annotations

from typing import Any

from .people import until

#: What a focused element looks like when one can see that it is focused.
IS_SEEN = """(element) => {
  const style = getComputedStyle(element);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return element.matches(":focus-visible") && (outlined || style.boxShadow !== "none");
}"""
FOCUS_IS_LOST = "() => Boolean(window.pressedHere) && document.activeElement === document.body"
MOST_TABS = 250


class Mouse:
    """Clicks, and types into what was clicked."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def press(self, where: Any) -> None:
        where.click()

    def fill(self, where: Any, text: str) -> None:
        where.fill(text)

    def type(self, where: Any, text: str) -> None:
        """Type it letter by letter, as suggestions need it."""
        where.click()
        where.press_sequentially(text)

    def tick(self, where: Any) -> None:
        where.check()

    def choose(self, where: Any, label: str) -> None:
        where.select_option(label=label)

    def done(self) -> None:
        """Say that nothing is pressed any more."""


class Keyboard(Mouse):
    """Tab, Enter, Space and letters. The focus must be seen wherever it stops, and must not be lost by a press."""

    def reach(self, where: Any) -> None:
        self.done()
        where.wait_for()
        for _ in range(MOST_TABS):
            if where.evaluate("(element) => element === document.activeElement"):
                break
            self.page.keyboard.press("Tab")
        else:
            raise AssertionError(f"no Tab leads to {where}")
        assert where.evaluate(IS_SEEN), f"one cannot see that {where} has the focus"

    def done(self) -> None:
        """See that the last press left the focus somewhere."""
        until(self.page, f"!({FOCUS_IS_LOST})()", seconds=3)

    def press(self, where: Any) -> None:
        self.reach(where)
        self.page.evaluate("window.pressedHere = true")
        self.page.keyboard.press("Enter")

    def fill(self, where: Any, text: str) -> None:
        self.type(where, text)

    def type(self, where: Any, text: str) -> None:
        self.reach(where)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def tick(self, where: Any) -> None:
        self.reach(where)
        if not where.is_checked():
            self.page.keyboard.press("Space")
        assert where.is_checked()

    def choose(self, where: Any, label: str) -> None:
        self.reach(where)
        self.page.keyboard.type(label)
        assert where.evaluate("(list) => list.selectedOptions[0].label") == label
