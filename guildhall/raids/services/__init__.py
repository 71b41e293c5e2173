"""Every change to events, raids and attendance: one verb each, one transaction, on the record.

`events` (events, item pools, shares of the statuses), `raids`, `checks` (their attendance checks), `awarding` (the main
job), `amending` (putting it right: only the difference, found by `differences`, is posted), `unmatched` (names that
nobody knew), `reversing` (a whole raid, and what follows the ledger), `leave` (who is away), `summaries` (the attendance
read model). `locking` (the raid's row, which everything waits for), `cleaning` (values) and `rows` carry them.
"""

from .amending import amend_attendance, preview_amendment, remove_attendee, take_off_rows
from .awarding import AwardResult, Credit, award_attendance, commit_parsed_attendance
from .checks import NewCheck, add_check, new_check, remove_check, update_check
from .differences import Amendment, Change
from .events import (
    create_event,
    delete_event,
    delete_item_pool,
    event_worth,
    forget_status_share,
    save_item_pool,
    set_status_share,
    update_event,
)
from .leave import change_leave, end_leave, take_leave
from .locking import check_of, first_check, lock_raid
from .raids import NewRaid, create_raid, delete_raid, new_raid, update_raid
from .reversing import reverse_raid
from .standing import RAID_AMENDED, RAID_AWARDED, RAID_REVERSED
from .summaries import refresh_attendance
from .unmatched import resolve_unmatched

__all__ = [
    "RAID_AMENDED",
    "RAID_AWARDED",
    "RAID_REVERSED",
    "Amendment",
    "AwardResult",
    "Change",
    "Credit",
    "NewCheck",
    "NewRaid",
    "add_check",
    "amend_attendance",
    "award_attendance",
    "change_leave",
    "check_of",
    "commit_parsed_attendance",
    "create_event",
    "create_raid",
    "delete_event",
    "delete_item_pool",
    "delete_raid",
    "end_leave",
    "event_worth",
    "first_check",
    "forget_status_share",
    "lock_raid",
    "new_check",
    "new_raid",
    "preview_amendment",
    "refresh_attendance",
    "remove_attendee",
    "remove_check",
    "resolve_unmatched",
    "reverse_raid",
    "save_item_pool",
    "set_status_share",
    "take_leave",
    "take_off_rows",
    "update_check",
    "update_event",
    "update_raid",
]
