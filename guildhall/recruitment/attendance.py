"""A voter's attendance, from the raids room (PRD 3.1.2, 3.10.3)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from guildhall.accounts.models import User

WINDOW_DAYS = 30


@dataclass(frozen=True, slots=True)
class Snapshot:
    """30-day attendance at one moment: per cent with two places, raids attended, raids held since the person joined."""

    percentage: Decimal
    attended: int
    held: int

    def reaches(self, minimum: Decimal) -> bool:
        """Whether it counts: judged on the exact fraction, so that 14.996 % is not rounded up to 15."""
        if self.held == 0:
            return minimum <= 0
        return Decimal(self.attended) * 100 >= minimum * self.held


def snapshot(user: User, at: dt.datetime) -> Snapshot:
    """The person's attendance over the 30 days up to `at`, computed from the raids themselves."""
    from guildhall.raids import attendance as raids

    found = raids.attendance_of(user_id=user.pk, days=WINDOW_DAYS, at=at)
    return Snapshot(percentage=found.percentage, attended=found.attended, held=found.held)
