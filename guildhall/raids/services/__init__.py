"""Every change to events, raids and attendance: one verb each, one transaction, on the record.

`events` (events, item pools, shares of the statuses), `raids`, `checks` (their attendance checks), `awarding` (the main
job), `amending` (putting it right: only the difference, found by `differences`, is posted), `unmatched` (names that
nobody knew), `introducing` (those that become characters), `corrections` (one thing put right on the page, and that taken
back), `reversing` (a whole raid, and what follows the ledger), `leave` (who is away), `summaries` (the attendance read
model), `night` (how far a raid is: start, close, cancel), `plan` (the plan of an event and its copy), `scheduling` (a raid and its
date), `standby` (who stands by). `locking` (the raid's row, which everything waits for), `cleaning` (values) and `rows` carry them.
"""

from .amending import amend_attendance, preview_amendment, remove_attendee, take_off_rows
from .awarding import AwardResult, Credit, award_attendance, commit_parsed_attendance
from .checks import NewCheck, add_check, new_check, remove_check, update_check
from .corrections import clear_check, correct_attendee, reopen_unmatched, restore_attendee, restore_check
from .dates import make_raid_of, start_date
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
from .introducing import Introduction, introduce_unmatched, withdraw_introduction
from .leave import change_leave, end_leave, take_leave
from .locking import begin, check_of, first_check, lock_raid
from .night import (
    Closed,
    bonus_names,
    cancel_raid,
    close_raid,
    end_forgotten_raids,
    record_kill,
    reopen_raid,
    start_raid,
    what_is_missing,
    who_stayed,
)
from .plan import BossLine, PlanLine
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
    "BossLine",
    "Change",
    "Closed",
    "Credit",
    "Introduction",
    "NewCheck",
    "NewRaid",
    "PlanLine",
    "add_check",
    "amend_attendance",
    "award_attendance",
    "begin",
    "bonus_names",
    "cancel_raid",
    "change_leave",
    "check_of",
    "clear_check",
    "close_raid",
    "commit_parsed_attendance",
    "correct_attendee",
    "create_event",
    "create_raid",
    "delete_event",
    "delete_item_pool",
    "delete_raid",
    "end_forgotten_raids",
    "end_leave",
    "event_worth",
    "first_check",
    "forget_status_share",
    "introduce_unmatched",
    "lock_raid",
    "make_raid_of",
    "new_check",
    "new_raid",
    "preview_amendment",
    "record_kill",
    "refresh_attendance",
    "remove_attendee",
    "remove_check",
    "reopen_raid",
    "reopen_unmatched",
    "resolve_unmatched",
    "restore_attendee",
    "restore_check",
    "reverse_raid",
    "save_item_pool",
    "set_status_share",
    "start_date",
    "start_raid",
    "take_leave",
    "take_off_rows",
    "update_check",
    "update_event",
    "update_raid",
    "what_is_missing",
    "who_stayed",
    "withdraw_introduction",
]
