"""A small legacy database of our own making, in our own words, written out as the kinds of dumps that guilds have.

`LegacyGuild` holds rows by table; `sample_guild` fills one with every awkward thing an importer must live through;
`big_guild` a large one for benchmarks. Table and column names are facts; the structure statements are ours.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Value = Any

COLUMNS: dict[str, tuple[str, ...]] = {
    "config": ("config_name", "config_plugin", "config_value"),
    "groups_user": ("groups_user_id", "groups_user_name"),
    "groups_users": ("group_id", "user_id", "grpleader"),
    "member_ranks": ("rank_id", "rank_name", "rank_hide", "rank_sortid", "rank_default"),
    "roles": ("role_id", "role_name"),
    "groups_raid": ("groups_raid_id", "groups_raid_name", "groups_raid_color", "groups_raid_default"),
    "users": (
        "user_id", "username", "user_password", "user_email", "user_registered", "user_lastvisit", "user_active",
        "awaymode_enabled", "awaymode_enddate", "awaymode_note", "exchange_key",
    ),
    "members": (
        "member_id", "member_name", "member_status", "member_rank_id", "member_main_id", "member_creation_date",
        "notes", "profiledata", "defaultrole",
    ),
    "member_user": ("member_id", "user_id"),
    "multidkp": ("multidkp_id", "multidkp_name", "multidkp_desc", "multidkp_sortid"),
    "itempool": ("itempool_id", "itempool_name", "itempool_desc"),
    "multidkp2itempool": ("multidkp2itempool_itempool_id", "multidkp2itempool_multi_id"),
    "events": ("event_id", "event_name", "event_value", "event_added_by", "default_itempool"),
    "multidkp2event": ("multidkp2event_multi_id", "multidkp2event_event_id", "multidkp2event_no_attendance"),
    "raids": ("raid_id", "event_id", "raid_date", "raid_note", "raid_value", "raid_added_by"),
    "raid_attendees": ("raid_id", "member_id"),
    "items": (
        "item_id", "item_name", "member_id", "raid_id", "item_value", "item_date", "item_added_by", "item_group_key",
        "game_itemid", "itempool_id",
    ),
    "adjustments": (
        "adjustment_id", "adjustment_value", "adjustment_date", "member_id", "adjustment_reason",
        "adjustment_added_by", "adjustment_group_key", "event_id", "raid_id",
    ),
    "calendars": ("id", "name", "color", "type"),
    "calendar_events": (
        "id", "calendar_id", "name", "creator", "timestamp_start", "timestamp_end", "allday", "private", "closed",
        "notes", "extension",
    ),
    "calendar_raid_attendees": (
        "id", "calendar_events_id", "member_id", "member_role", "signup_status", "note", "timestamp_signup",
        "timestamp_change", "raidgroup", "signedbyadmin",
    ),
    "calendar_raid_guests": (
        "id", "calendar_events_id", "name", "note", "timestamp_signup", "class", "creator", "role", "status",
    ),
    "comments": ("id", "attach_id", "userid", "date", "text", "page", "reply_to"),
    "logs": (
        "log_id", "log_date", "log_value", "log_result", "log_tag", "log_plugin", "log_flag", "user_id", "username",
        "log_record", "log_record_id",
    ),
    "articles": ("id", "title"),
}  # fmt: skip
DAY = 86_400
START = 1_700_000_000


def php(value: Value) -> str:
    """PHP's serialised form of a value, for making test data."""
    if value is None:
        return "N;"
    if isinstance(value, bool):
        return f"b:{int(value)};"
    if isinstance(value, int):
        return f"i:{value};"
    if isinstance(value, float):
        return f"d:{value!r};"
    if isinstance(value, str):
        return f's:{len(value.encode())}:"{value}";'
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return f"a:{len(value)}:{{" + "".join(php(k) + php(v) for k, v in pairs) + "}"


@dataclass
class LegacyGuild:
    """Rows by table, each a dict of column to value; what is not given is NULL."""

    tables: dict[str, list[dict[str, Value]]] = field(default_factory=lambda: {name: [] for name in COLUMNS})

    def add(self, table: str, **values: Value) -> None:
        unknown = set(values) - set(COLUMNS[table])
        assert not unknown, f"{table} has no {unknown}"
        self.tables[table].append(values)

    # -- the things a guild has, one call each -------------------------------------------------------------------
    def user(self, id: int, name: str, **more: Value) -> None:
        self.add("users", user_id=id, username=name, user_password="x", user_registered=START, user_active=1, **more)

    def rank(self, id: int, name: str, *, hide: int = 0, order: int = 0, default: int = 0) -> None:
        self.add("member_ranks", rank_id=id, rank_name=name, rank_hide=hide, rank_sortid=order, rank_default=default)

    def member(
        self, id: int, name: str, *, main: int | None = None, user: int | None = None, rank: int = 1, cls: int = 6,
        status: int = 1, level: int = 60, **more: Value,
    ) -> None:  # fmt: skip
        self.add(
            "members",
            member_id=id,
            member_name=name,
            member_status=status,
            member_rank_id=rank,
            member_main_id=id if main is None else main,
            member_creation_date=START,
            profiledata=json.dumps({"level": str(level), "race": "7", "class": str(cls), "guild": "Test"}),
            defaultrole=1,
            **more,
        )
        if user is not None:
            self.add("member_user", member_id=id, user_id=user)

    def pool(self, id: int, name: str, description: str = "") -> None:
        self.add("multidkp", multidkp_id=id, multidkp_name=name, multidkp_desc=description, multidkp_sortid=id)

    def itempool(self, id: int, name: str, *, pools: Iterable[int]) -> None:
        self.add("itempool", itempool_id=id, itempool_name=name, itempool_desc="")
        for pool in pools:
            self.add("multidkp2itempool", multidkp2itempool_itempool_id=id, multidkp2itempool_multi_id=pool)

    def event(
        self,
        id: int,
        name: str,
        value: float,
        *,
        pools: Iterable[int],
        itempool: int = 1,
        uncounted: Iterable[int] = (),
    ) -> None:
        self.add(
            "events", event_id=id, event_name=name, event_value=value, event_added_by="admin", default_itempool=itempool
        )
        for pool in pools:
            self.add(
                "multidkp2event",
                multidkp2event_multi_id=pool,
                multidkp2event_event_id=id,
                multidkp2event_no_attendance=int(pool in tuple(uncounted)),
            )

    def raid(
        self, id: int, event: int, value: float, members: Iterable[int], *, date: int | None = None, note: str = "night"
    ) -> None:
        self.add(
            "raids", raid_id=id, event_id=event, raid_date=START + id * DAY if date is None else date,
            raid_note=note, raid_value=value, raid_added_by="admin",
        )  # fmt: skip
        for member in members:
            self.add("raid_attendees", raid_id=id, member_id=member)

    def item(
        self, id: int, name: str, member: int, value: float, *, raid: int, itempool: int, game_id: str = "",
        date: int | None = None,
    ) -> None:  # fmt: skip
        self.add(
            "items", item_id=id, item_name=name, member_id=member, raid_id=raid, item_value=value,
            item_date=START + raid * DAY + 600 if date is None else date, item_added_by="admin",
            item_group_key=f"g{id}", game_itemid=game_id, itempool_id=itempool,
        )  # fmt: skip

    def adjustment(
        self, id: int, member: int, value: float, *, event: int, reason: str = "bonus", raid: int = 0,
        group: str = "", date: int | None = None,
    ) -> None:  # fmt: skip
        self.add(
            "adjustments", adjustment_id=id, adjustment_value=value,
            adjustment_date=START + id * DAY if date is None else date, member_id=member, adjustment_reason=reason,
            adjustment_added_by="admin", adjustment_group_key=group or f"k{id}", event_id=event, raid_id=raid,
        )  # fmt: skip

    # -- dumps -------------------------------------------------------------------------------------------------------
    def sql(
        self,
        *,
        prefix: str = "eqdkp20_",
        charset: str = "utf8mb4",
        style: str = "mysqldump",
        rows_per_insert: int = 200,
        leave_out: Iterable[str] = (),
    ) -> bytes:
        """The database as a dump.

        Args:
            charset: ``utf8mb4``, ``latin1`` (bytes in cp1252, said so in the header) or ``double`` (UTF-8 stored
                through a latin1 connection and dumped as utf8: every accent is two letters).
            style: ``mysqldump`` (with its closing lines) or ``phpmyadmin`` (column lists, one row an INSERT).
        """
        head, tail = _FRAMES[style]
        said = "latin1" if charset == "latin1" else "utf8mb4"
        out = [head.format(charset=said)]
        for table in sorted(COLUMNS):
            if table in leave_out:
                continue
            out.append(self._table(table, prefix, style, rows_per_insert))
        out.append(tail)
        text = "\n".join(out)
        if charset == "latin1":
            return text.encode("cp1252")
        if charset == "double":
            return text.encode("utf-8").decode("latin-1").encode("utf-8")
        return text.encode("utf-8")

    def _table(self, table: str, prefix: str, style: str, per_insert: int) -> str:
        name = f"`{prefix}{table}`"
        columns = COLUMNS[table]
        out = [f"DROP TABLE IF EXISTS {name};"]
        out.append(f"CREATE TABLE {name} (\n" + ",\n".join(f"  `{c}` {_type(c)}" for c in columns) + "\n);")
        rows = [
            "(" + ",".join(_literal(row.get(column), column) for column in columns) + ")" for row in self.tables[table]
        ]
        if style == "phpmyadmin":
            listed = ", ".join(f"`{c}`" for c in columns)
            out += [f"INSERT INTO {name} ({listed}) VALUES\n{row};" for row in rows]
        else:
            for start in range(0, len(rows), per_insert):
                out.append(f"INSERT INTO {name} VALUES " + ",".join(rows[start : start + per_insert]) + ";")
        return "\n".join(out)

    def write(self, path: Path, **options: Value) -> Path:
        """Write :meth:`sql` to a file, compressed where it is called ``.gz``."""
        data = self.sql(**options)
        path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)
        return path


_FRAMES = {
    "mysqldump": (
        "-- MySQL dump of a test\n/*!40101 SET NAMES {charset} */;\n/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES */;\n",
        "/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;\n-- Dump completed\n",
    ),
    "phpmyadmin": ("-- phpMyAdmin of a test\nSET NAMES {charset};\n", "COMMIT;\n"),
}


def _type(column: str) -> str:
    if column.endswith("_value") and column not in ("config_value", "log_value"):
        return "float"
    if column.endswith(("_name", "_desc", "_by", "_key", "note", "notes", "text", "reason", "data", "name", "title")):
        return "longtext"
    texts = {
        "username", "user_password", "user_email", "config_plugin", "config_value", "log_value", "page", "attach_id",
        "extension", "signup_status", "log_tag", "log_plugin", "log_record", "log_record_id", "color", "game_itemid",
        "groups_raid_color", "event_id_text",
    }  # fmt: skip
    return "longtext" if column in texts else "bigint"


def _literal(value: Value, column: str) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float) or (column.endswith("_value") and isinstance(value, int)):
        return f"{value:.2f}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return "0x" + value.hex() if value else "''"
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def sample_guild() -> LegacyGuild:
    """A guild with two pools, twinks, shared events and item pools, accents, entities, orphans and old sins.

    Characters: Árni (1) with twinks Bëtti (2) and Zed (3), account 10; Cora (4), account 11; Dain (5) without an
    account; O`Malley (6), hidden rank, account 11 as well but a main of its own.
    """
    g = LegacyGuild()
    g.add("config", config_name="plus_version", config_plugin="core", config_value="2.3.39.0")
    g.add("config", config_name="guildtag", config_plugin="core", config_value="Knights &amp; Knaves")
    g.add("config", config_name="default_game", config_plugin="core", config_value="eq")
    g.add("groups_user", groups_user_id=2, groups_user_name="Super administrators")
    g.add("groups_users", group_id=2, user_id=10, grpleader=1)
    g.rank(0, "Default", default=1)
    g.rank(1, "Raider", order=1)
    g.rank(2, "Retired", hide=1, order=2)
    g.add("roles", role_id=1, role_name="Healer")
    g.add(
        "groups_raid", groups_raid_id=1, groups_raid_name="Default", groups_raid_color="#000000", groups_raid_default=1
    )
    g.user(10, "arni", user_email="arni@example.com")
    g.user(11, "cora", user_email="bm90IHJlYWRhYmxl==")
    g.user(12, "lurker", awaymode_enabled=1, awaymode_enddate=START + 900 * DAY, awaymode_note="at sea")
    g.member(1, "Árni", user=10, cls=2)
    g.member(2, "Bëtti", main=1, user=10)
    g.member(3, "Zed", main=1)
    g.member(4, "Cora", user=11, notes="likes &lt;swords&gt; &amp; 😀")
    g.member(5, "Dain", status=0)
    g.member(6, "O`Malley", rank=2, user=11)
    g.pool(1, "Main &amp; Only", "the main one")
    g.pool(2, "Farm")
    g.itempool(1, "Main loot", pools=[1])
    g.itempool(2, "Shared loot", pools=[1, 2])
    g.event(1, "Fear &amp; Hate", 5.5, pools=[1])
    g.event(2, "Farming", 1, pools=[2], itempool=2)
    g.event(3, "Meeting", 0.33, pools=[1, 2], uncounted=[1])
    g.raid(1, 1, 5.5, [1, 2, 4], note="Café — “on time”")
    g.raid(2, 1, 5.5, [1, 4, 5])
    g.raid(3, 2, 1, [3, 4, 6])
    g.raid(4, 3, 0.33, [1, 2, 3, 4, 5, 6])
    g.raid(5, 3, -2.5, [4])
    g.raid(6, 1, 0, [1, 5])
    g.item(1, "Cloak of Flames &#39;n Ash", 1, 10.25, raid=1, itempool=1, game_id="20489")
    g.item(2, "Shared Ring", 2, 3, raid=3, itempool=2)
    g.item(3, "Very Dear Blade", 5, 999.99, raid=2, itempool=1)
    g.adjustment(1, 1, 2.5, event=1, group="kA")
    g.adjustment(2, 4, 2.5, event=1, group="kA")
    g.adjustment(3, 3, -0.33, event=3, reason="late &amp; drunk", raid=4)
    _add_calendar(g)
    return g


def _add_calendar(g: LegacyGuild) -> None:
    """Add a planned raid with a sign-up, a guest and a comment, and a line of the log."""
    g.add("calendars", id=1, name="Raids", color="#00628c", type=1)
    extension = {"raid_eventid": 1, "raid_value": "5.5", "attendee_count": 40, "deadlinedate": 1, "raidmode": "role"}
    g.add(
        "calendar_events", id=1, calendar_id=1, name="1", creator=10, timestamp_start=START + 2000 * DAY,
        timestamp_end=START + 2000 * DAY + 7200, allday=0, private=0, closed=0, notes="bring &amp; share",
        extension=php(extension),
    )  # fmt: skip
    g.add(
        "calendar_raid_attendees", id=1, calendar_events_id=1, member_id=1, member_role=1, signup_status="0",
        note="on &quot;time&quot;", timestamp_signup=START, timestamp_change=START, raidgroup=1, signedbyadmin=0,
    )  # fmt: skip
    g.add("calendar_raid_guests", id=1, calendar_events_id=1, name="Guesty", timestamp_signup=START, status=1)
    g.add(
        "comments",
        id=1,
        attach_id="1",
        userid=10,
        date=str(START),
        text="Nice &amp; quick",
        page="viewcalraid",
        reply_to=0,
    )
    g.add(
        "logs", log_id=1, log_date=START, log_value=php({"{L_NAME}": "Zed"}), log_result=1, log_tag="member_added",
        log_plugin="core", log_flag=0, user_id=10, username="arni", log_record="Zed", log_record_id="3",
    )  # fmt: skip


def big_guild(
    *, members: int = 450, raids: int = 5000, attendances: int = 200_000, items: int = 30_000, seed: int = 20
) -> LegacyGuild:
    """A large invented guild: the size of the issue's benchmark, the same for the same seed."""
    rng = random.Random(seed)
    g = LegacyGuild()
    g.add("config", config_name="plus_version", config_plugin="core", config_value="2.3.39.0")
    for index, name in enumerate(("Leader", "Officer", "Raider", "Member", "Retired")):
        g.rank(index, name, order=index, hide=int(name == "Retired"), default=int(name == "Member"))
    syllables = ["ka", "lo", "ri", "ven", "thul", "mar", "ix", "bel", "dor", "ae"]
    names: set[str] = set()
    while len(names) < members:
        names.add("".join(rng.choices(syllables, k=4)).capitalize())
    mains = int(members * 0.6)
    for user in range(1, mains // 2 + 1):
        g.user(user, f"user{user}")
    for index, name in enumerate(sorted(names), start=1):
        main = index if index <= mains else rng.randint(1, mains)
        g.member(
            index,
            name,
            main=main,
            user=main if main <= mains // 2 else None,
            rank=rng.randint(0, 4),
            cls=rng.randint(1, 16),
        )
    for pool in (1, 2, 3):
        g.pool(pool, f"Pool {pool}")
    for itempool, pools in ((1, [1]), (2, [2]), (3, [1, 2]), (4, [3])):
        g.itempool(itempool, f"Loot {itempool}", pools=pools)
    for event in range(1, 13):
        g.event(event, f"Zone {event}", event / 2, pools=[1 + event % 3] if event < 11 else [1, 2])
    per_raid, extra = divmod(attendances, raids)
    everybody = range(1, members + 1)
    for raid in range(1, raids + 1):
        there = sorted(rng.sample(everybody, per_raid + (1 if raid <= extra else 0)))
        event = rng.randint(1, 12)
        g.raid(raid, event, rng.choice([1, 2.5, event / 2, 10]), there, date=START + raid * 14_400)
    for item in range(1, items + 1):
        raid = rng.randint(1, raids)
        g.item(
            item, f"Item {rng.randint(1, 2500)}", rng.randint(1, members), rng.choice([1, 5, 12.5, 37.75]), raid=raid,
            itempool=rng.randint(1, 4), game_id=str(rng.randint(1000, 30000)), date=START + raid * 14_400 + 900,
        )  # fmt: skip
    for adjustment in range(1, members * 2):
        g.adjustment(adjustment, rng.randint(1, members), rng.choice([-5, 0.33, 2, 10]), event=rng.randint(1, 12))
    return g
