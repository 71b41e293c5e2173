"""Work that one call may cost, counted in steps.

A parser charges what it is about to do (a line read, two names compared) before it does it. Steps are counted, not
timed, so that the same input is read or refused alike on every machine and at every hour.
"""

from __future__ import annotations

from .errors import TooLarge


class Budget:
    """The steps that one call may still take.

    Args:
        steps: how many there are.
        advice: what the person should do instead, as the refusal says it: one or two sentences.
    """

    def __init__(self, steps: int, advice: str) -> None:
        self.steps = steps
        self.left = steps
        self._advice = advice

    @property
    def spent(self) -> int:
        """Return the steps taken so far."""
        return self.steps - self.left

    def charge(self, steps: int) -> None:
        """Take `steps` off the budget.

        Raises:
            TooLarge: ``too_much_work`` where it does not have them any more.
        """
        self.left -= steps
        if self.left < 0:
            raise TooLarge(self._advice, code="too_much_work", figures={"max_steps": self.steps})
