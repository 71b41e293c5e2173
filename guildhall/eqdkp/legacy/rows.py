"""The rows of an EQdkp Plus 2.x database, typed, one dataclass a table.

Column names are EQdkp's; the classes hold what Guildhall makes use of. ``SPECS`` says of each table which columns must
exist (an installation without them is of another generation), which may be missing, and how a row is built.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from guildhall.eqdkp.legacy import values as v

RowT = TypeVar("RowT")
Raw = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class LegacyUser:
    id: int
    username: str
    email: str  # empty where EQdkp kept it encrypted with a key that is not in the database
    registered: datetime | None
    last_visit: datetime | None
    active: bool
    away_until: datetime | None
    away_note: str


@dataclass(frozen=True, slots=True)
class LegacyGroup:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class LegacyGroupMember:
    group_id: int
    user_id: int
    leader: bool


@dataclass(frozen=True, slots=True)
class LegacyRank:
    id: int
    name: str
    hidden: bool
    order: int
    default: bool


@dataclass(frozen=True, slots=True)
class LegacyMember:
    id: int
    name: str
    active: bool
    rank_id: int
    main_id: int  # 0 where the column holds NULL or 0
    created: datetime | None
    notes: str
    default_role: int
    profile: dict[str, str] = field(default_factory=dict)
    hidden_by_api: bool = False  # only the API exports say this; a database says it by its rank

    @property
    def class_id(self) -> int:
        return v.integer(self.profile.get("class"))

    @property
    def race_id(self) -> int:
        return v.integer(self.profile.get("race"))

    @property
    def level(self) -> int:
        return v.integer(self.profile.get("level"))


@dataclass(frozen=True, slots=True)
class LegacyMemberUser:
    member_id: int
    user_id: int


@dataclass(frozen=True, slots=True)
class LegacyPool:
    id: int
    name: str
    description: str
    order: int


@dataclass(frozen=True, slots=True)
class LegacyEvent:
    id: int
    name: str
    value: Decimal
    default_itempool: int
    added_by: str


@dataclass(frozen=True, slots=True)
class LegacyPoolEvent:
    pool_id: int
    event_id: int
    no_attendance: bool


@dataclass(frozen=True, slots=True)
class LegacyItemPool:
    id: int
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class LegacyPoolItemPool:
    itempool_id: int
    pool_id: int


@dataclass(frozen=True, slots=True)
class LegacyRaid:
    id: int
    event_id: int
    date: datetime | None
    note: str
    value: Decimal
    added_by: str


@dataclass(frozen=True, slots=True)
class LegacyAttendee:
    raid_id: int
    member_id: int


@dataclass(frozen=True, slots=True)
class LegacyItem:
    id: int
    name: str
    member_id: int
    raid_id: int
    value: Decimal
    date: datetime | None
    game_id: str
    itempool_id: int
    added_by: str
    group_key: str


@dataclass(frozen=True, slots=True)
class LegacyAdjustment:
    id: int
    member_id: int
    value: Decimal
    date: datetime | None
    reason: str
    event_id: int
    raid_id: int
    added_by: str
    group_key: str


@dataclass(frozen=True, slots=True)
class LegacyCalendar:
    id: int
    name: str
    color: str
    kind: int  # 1: raids, 2: events, 3: feeds


@dataclass(frozen=True, slots=True)
class LegacyCalendarEvent:
    id: int
    calendar_id: int
    name: str
    creator: int
    start: datetime | None
    end: datetime | None
    all_day: bool
    private: bool
    closed: bool
    notes: str
    extension: v.PhpValue


@dataclass(frozen=True, slots=True)
class LegacySignup:
    id: int
    calendar_event_id: int
    member_id: int
    role_id: int
    status: int  # 0 confirmed, 1 signed in, 2 signed off, 3 backup, 4 not signed
    note: str
    signed_at: datetime | None
    changed_at: datetime | None
    raidgroup: int
    signed_by_admin: bool


@dataclass(frozen=True, slots=True)
class LegacyGuest:
    id: int
    calendar_event_id: int
    name: str
    note: str
    signed_at: datetime | None
    class_id: int
    creator: int
    role_id: int
    status: int


@dataclass(frozen=True, slots=True)
class LegacyComment:
    id: int
    attach_id: str
    page: str
    user_id: int
    date: datetime | None
    text: str
    reply_to: int


@dataclass(frozen=True, slots=True)
class LegacyLog:
    id: int
    date: datetime | None
    tag: str
    plugin: str
    flag: int
    result: int
    user_id: int
    username: str
    record: str
    record_id: str
    value: v.PhpValue


@dataclass(frozen=True, slots=True)
class LegacyConfig:
    name: str
    plugin: str
    value: str


@dataclass(frozen=True, slots=True)
class LegacyRole:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class LegacyRaidGroup:
    id: int
    name: str
    color: str
    default: bool


@dataclass(frozen=True)
class TableSpec(Generic[RowT]):
    """How one table is read: ``build`` gets the values of ``columns`` in that order, missing optional ones as None."""

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    build: Callable[[Raw], RowT]
    needed: bool = False  # a database without this table is not an EQdkp Plus 2.x

    @property
    def columns(self) -> tuple[str, ...]:
        return self.required + self.optional


def _email(value: str | None) -> str:
    plain = v.text(value)
    return plain if "@" in plain and " " not in plain else ""


def _php(value: str | None) -> v.PhpValue:
    """Return a serialised field as a PHP value; plain text where it is not serialised."""
    if not value:
        return None
    parsed = v.unserialize(value)
    return v.text(value) if parsed is None and value != "N;" else parsed


USERS = TableSpec(
    "users",
    ("user_id", "username"),
    (
        "user_email", "user_registered", "user_lastvisit", "user_active", "awaymode_enabled", "awaymode_enddate",
        "awaymode_note",
    ),
    lambda r: LegacyUser(
        v.integer(r[0]), v.text(r[1]), _email(r[2]), v.moment(r[3]), v.moment(r[4]), v.integer(r[5], 1) > 0,
        v.moment(r[7]) if v.integer(r[6]) else None, v.text(r[8]),
    ),
    needed=True,
)  # fmt: skip
GROUPS = TableSpec(
    "groups_user",
    ("groups_user_id", "groups_user_name"),
    (),
    lambda r: LegacyGroup(v.integer(r[0]), v.text(r[1])),
)
GROUP_MEMBERS = TableSpec(
    "groups_users",
    ("group_id", "user_id"),
    ("grpleader",),
    lambda r: LegacyGroupMember(v.integer(r[0]), v.integer(r[1]), v.integer(r[2]) > 0),
)
RANKS = TableSpec(
    "member_ranks",
    ("rank_id", "rank_name"),
    ("rank_hide", "rank_sortid", "rank_default"),
    lambda r: LegacyRank(v.integer(r[0]), v.text(r[1]), v.integer(r[2]) > 0, v.integer(r[3]), v.integer(r[4]) > 0),
    needed=True,
)
MEMBERS = TableSpec(
    "members",
    ("member_id", "member_name", "member_rank_id", "member_main_id"),
    ("member_status", "member_creation_date", "notes", "defaultrole", "profiledata", "api_hidden"),
    lambda r: LegacyMember(
        v.integer(r[0]), v.text(r[1]), v.integer(r[4], 1) > 0, v.integer(r[2]), v.integer(r[3]), v.moment(r[5]),
        v.text(r[6]), v.integer(r[7]), v.profile(r[8]), v.integer(r[9]) > 0,
    ),
    needed=True,
)  # fmt: skip
MEMBER_USER = TableSpec(
    "member_user", ("member_id", "user_id"), (), lambda r: LegacyMemberUser(v.integer(r[0]), v.integer(r[1]))
)
POOLS = TableSpec(
    "multidkp",
    ("multidkp_id", "multidkp_name"),
    ("multidkp_desc", "multidkp_sortid"),
    lambda r: LegacyPool(v.integer(r[0]), v.text(r[1]), v.text(r[2]), v.integer(r[3])),
    needed=True,
)
EVENTS = TableSpec(
    "events",
    ("event_id", "event_name", "event_value"),
    ("default_itempool", "event_added_by"),
    lambda r: LegacyEvent(v.integer(r[0]), v.text(r[1]), v.money(r[2]), v.integer(r[3]), v.text(r[4])),
    needed=True,
)
POOL_EVENTS = TableSpec(
    "multidkp2event",
    ("multidkp2event_multi_id", "multidkp2event_event_id"),
    ("multidkp2event_no_attendance",),
    lambda r: LegacyPoolEvent(v.integer(r[0]), v.integer(r[1]), v.integer(r[2]) > 0),
    needed=True,
)
ITEM_POOLS = TableSpec(
    "itempool",
    ("itempool_id", "itempool_name"),
    ("itempool_desc",),
    lambda r: LegacyItemPool(v.integer(r[0]), v.text(r[1]), v.text(r[2])),
    needed=True,
)
POOL_ITEM_POOLS = TableSpec(
    "multidkp2itempool",
    ("multidkp2itempool_itempool_id", "multidkp2itempool_multi_id"),
    (),
    lambda r: LegacyPoolItemPool(v.integer(r[0]), v.integer(r[1])),
    needed=True,
)
RAIDS = TableSpec(
    "raids",
    ("raid_id", "event_id", "raid_date", "raid_value"),
    ("raid_note", "raid_added_by"),
    lambda r: LegacyRaid(v.integer(r[0]), v.integer(r[1]), v.moment(r[2]), v.text(r[4]), v.money(r[3]), v.text(r[5])),
    needed=True,
)
ATTENDEES = TableSpec(
    "raid_attendees",
    ("raid_id", "member_id"),
    (),
    lambda r: LegacyAttendee(v.integer(r[0]), v.integer(r[1])),
    needed=True,
)
ITEMS = TableSpec(
    "items",
    ("item_id", "item_name", "member_id", "raid_id", "item_value", "itempool_id"),
    ("item_date", "game_itemid", "item_added_by", "item_group_key"),
    lambda r: LegacyItem(
        v.integer(r[0]), v.text(r[1]), v.integer(r[2]), v.integer(r[3]), v.money(r[4]), v.moment(r[6]), v.text(r[7]),
        v.integer(r[5]), v.text(r[8]), v.text(r[9]),
    ),
    needed=True,
)  # fmt: skip
ADJUSTMENTS = TableSpec(
    "adjustments",
    ("adjustment_id", "member_id", "adjustment_value", "event_id"),
    ("adjustment_date", "adjustment_reason", "raid_id", "adjustment_added_by", "adjustment_group_key"),
    lambda r: LegacyAdjustment(
        v.integer(r[0]), v.integer(r[1]), v.money(r[2]), v.moment(r[4]), v.text(r[5]), v.integer(r[3]),
        v.integer(r[6]), v.text(r[7]), v.text(r[8]),
    ),
    needed=True,
)  # fmt: skip
CALENDARS = TableSpec(
    "calendars",
    ("id", "name"),
    ("color", "type"),
    lambda r: LegacyCalendar(v.integer(r[0]), v.text(r[1]), v.text(r[2]), v.integer(r[3])),
)
CALENDAR_EVENTS = TableSpec(
    "calendar_events",
    ("id", "name", "timestamp_start"),
    ("calendar_id", "creator", "timestamp_end", "allday", "private", "closed", "notes", "extension"),
    lambda r: LegacyCalendarEvent(
        v.integer(r[0]), v.integer(r[3]), v.text(r[1]), v.integer(r[4]), v.moment(r[2]), v.moment(r[5]),
        v.integer(r[6]) > 0, v.integer(r[7]) > 0, v.integer(r[8]) > 0, v.text(r[9]), _php(r[10]),
    ),
)  # fmt: skip
SIGNUPS = TableSpec(
    "calendar_raid_attendees",
    ("id", "calendar_events_id", "member_id", "signup_status"),
    ("member_role", "note", "timestamp_signup", "timestamp_change", "raidgroup", "signedbyadmin"),
    lambda r: LegacySignup(
        v.integer(r[0]), v.integer(r[1]), v.integer(r[2]), v.integer(r[4]), v.integer(r[3], 4), v.text(r[5]),
        v.moment(r[6]), v.moment(r[7]), v.integer(r[8]), v.integer(r[9]) > 0,
    ),
)  # fmt: skip
GUESTS = TableSpec(
    "calendar_raid_guests",
    ("id", "calendar_events_id", "name"),
    ("note", "timestamp_signup", "class", "creator", "role", "status"),
    lambda r: LegacyGuest(
        v.integer(r[0]), v.integer(r[1]), v.text(r[2]), v.text(r[3]), v.moment(r[4]), v.integer(r[5]),
        v.integer(r[6]), v.integer(r[7]), v.integer(r[8], 1),
    ),
)  # fmt: skip
COMMENTS = TableSpec(
    "comments",
    ("id", "userid", "text"),
    ("attach_id", "page", "date", "reply_to"),
    lambda r: LegacyComment(
        v.integer(r[0]), v.text(r[3]), v.text(r[4]), v.integer(r[1]), v.moment(r[5]), v.text(r[2]), v.integer(r[6])
    ),
)
LOGS = TableSpec(
    "logs",
    ("log_id", "log_date"),
    (
        "log_tag", "log_plugin", "log_flag", "log_result", "user_id", "username", "log_record", "log_record_id",
        "log_value",
    ),
    lambda r: LegacyLog(
        v.integer(r[0]), v.moment(r[1]), v.text(r[2]), v.text(r[3]), v.integer(r[4]), v.integer(r[5], 1),
        v.integer(r[6]), v.text(r[7]), v.text(r[8]), v.text(r[9]), _php(r[10]),
    ),
)  # fmt: skip
CONFIG = TableSpec(
    "config",
    ("config_name", "config_value"),
    ("config_plugin",),
    lambda r: LegacyConfig(v.text(r[0]), v.text(r[2]) or "core", r[1] or ""),
)
ROLES = TableSpec("roles", ("role_id", "role_name"), (), lambda r: LegacyRole(v.integer(r[0]), v.text(r[1])))
RAID_GROUPS = TableSpec(
    "groups_raid",
    ("groups_raid_id", "groups_raid_name"),
    ("groups_raid_color", "groups_raid_default"),
    lambda r: LegacyRaidGroup(v.integer(r[0]), v.text(r[1]), v.text(r[2]), v.integer(r[3]) > 0),
)

#: Every table that is read, in the order in which an import must bring them.
SPECS: tuple[TableSpec[Any], ...] = (
    CONFIG, GROUPS, RANKS, ROLES, RAID_GROUPS, USERS, GROUP_MEMBERS, MEMBERS, MEMBER_USER,
    POOLS, ITEM_POOLS, POOL_ITEM_POOLS, EVENTS, POOL_EVENTS, RAIDS, ATTENDEES, ITEMS, ADJUSTMENTS,
    CALENDARS, CALENDAR_EVENTS, SIGNUPS, GUESTS, COMMENTS, LOGS,
)  # fmt: skip
SPEC_BY_NAME: dict[str, TableSpec[object]] = {spec.name: spec for spec in SPECS}
