# ruff: noqa: E501
"""Good inputs of every kind, to begin with: small ones of our own, and what somebody has in a folder of samples."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

from guildhall.eqdkp.tests import maker
from tests.hostile import inputs

STAMP = "[Sun Mar 01 20:15:00 2026] "

_WHO = (
    f"{STAMP}Players on EverQuest:\n{STAMP}---------------------------\n{STAMP}[60 Warder] Tannik (Wood Elf) <Lanternwatch>\n"
    f"{STAMP} AFK [ANONYMOUS] Brisla  <Lanternwatch> ZONE: vexthal\n{STAMP}Orla tells the raid,  'hello'\n"
    f"{STAMP}There are 2 players in Vex Thal.\n"
)
_RAID = "1\tTannik\t60\tCleric\tRaid Leader\t\t\tYes\n0\tBrisla\t60\tShadow Knight\t\t\t\tYes\n3\t\t\t\n"
_TICK = (
    "RaidTick\nPlayer\tLevel\tClass\tTimestamp\tPoints\nTannik\t60\tCleric\t2024-03-22_09-47-32\t2\nBrisla\t59\tBard\n"
)
_ZEAL = "Vex Thal|vexthal|Time\n1|Kassia|Bard|60|Raid Leader\n2|Brisla|Monk|60|\n"
_GUILD = "Tannik\t60\tCleric\tLeader\t\t03/01/26\tVex Thal\tBrisla is main\t\t\t\t\t\t\t\nBrisla\t60\tBard\tMember\tA\t01/02/99\t\tx\n"
_LIST = "Alice, bob;CAROL\n4) Dave - Cleric 60\n• Erin (box)\nthe quick fox and the dog\n---\n[afk] Fenn\n"
_XML = (
    "<?xml version='1.0'?><raidlog><head><gameinfo><game>EverQuest</game></gameinfo></head><raiddata><zones><zone>"
    "<enter>1300000000</enter><leave>1300009000</leave><name>Vex Thal</name></zone></zones><bosskills><bosskill><name>Aten</name>"
    "<time>1300001000</time></bosskill></bosskills><members><member><name>Tannik</name><class>Cleric</class><level>60</level><times>"
    "<time type='join'>1300000000</time><time type='leave' extra='standby'>1300008000</time></times></member></members><items><item>"
    "<name>Cloak of Flames</name><time>1300002000</time><member>Tannik</member><cost>45.5</cost></item></items></raiddata></raidlog>"
)
_CTRT = (
    "<RaidInfo><key>03/01/26 20:15:00</key><start>03/01/26 20:15:00</start><end>03/01/26 23:15:00</end><zone>Vex Thal</zone>"
    "<PlayerInfos><key1><name>Tannik</name><class>Cleric</class></key1></PlayerInfos><BossKills><key1><name>Aten</name><time>1</time>"
    "</key1></BossKills><Join><key1><player>Tannik</player><time>03/01/26 20:15:00</time></key1></Join><Leave><key1><player>Tannik"
    "</player><time>03/01/26 22:15:00</time></key1></Leave><Loot><key1><ItemName>Belt</ItemName><Player>Tannik</Player><Costs>5</Costs>"
    "<Note>5 dkp</Note></key1></Loot></RaidInfo>"
)
_EVENTS = "".join(
    f"{STAMP}{line}\n"
    for line in (
        "Tannik joined the raid.", "You have left the raid.", "--Tannik has looted a Cloak of Flames from Aten's corpse.--",
        "--You have looted 2 Belt.--", "Fenn won the need roll on 1 item(s): Belt with a roll of 77.", "A Belt was given to Fenn.",
        "--A Belt was left on Aten's corpse.--", "You tell your raid, ':::Raid Attendance Taken:::Attendance:::First:::'",
        "You tell your raid, ':::Raid Attendance Taken:::Kill:::Aten:::UNDO'", "Fenn tells the raid,  ':::AFK:::'",
        "Fenn tells the raid,  '+AFKEND+'", "Fenn tells you, 'creditt Fenn'", "Fenn tells the guild, 'RAIDTICK'",
        "Druzzil Ro tells the guild, 'Fenn of <L> has killed Aten in Vex Thal!'", "Outputfile Complete: RaidRoster-20260301-201500.txt",
        "Orla tells the raid,  ':::Cloak of Flames::: Fenn 45 SPENT'", "Orla tells the raid,  'LOOT: Belt (main) 5 dkp'",
        "Orla tells the raid,  'Belt-Fenn@45'", "Orla tells the raid,  '!grats Belt Fenn 5'", "Orla tells the raid,  'Grats Fenn on [Belt] (5 DKP)'",
    )
)  # fmt: skip
_CHAT = "".join(
    f"{STAMP}{line}\n"
    for line in (
        "Orla tells the raid,  ':::Cloak of Flames x2|Belt::: OPEN'", "Fenn tells you, 'Cloak of Flames 45 alt'", "You told Orla, 'Belt +5'",
        "Fenn tells the raid,  'all in Eye of Xygoz -- mine'", "Orla tells the raid,  '~[Belt] Bids OPEN MIN 5. Closing in 2m'",
        "Orla tells the raid,  'Belt GOING ONCE at 45'", "Orla tells the raid,  'Bidding is now CLOSED'", "Orla tells the raid,  '!start Belt 5 5m x2'",
        "Fenn tells you, '!bid Belt 1,000'", "Fenn tells you, 'cancel Belt'", "Orla tells the raid,  'x: Belt'", "Fenn tells the raid,  'x'",
        "**A Magic Die is rolled by Fenn.", "**It could have been any number from 0 to 333, but this time it turned up a 5.",
        "Orla tells the raid,  'Belt 333 ROLL'", "Orla tells the raid,  'grats Fenn Belt 5 DKP'", "Fenn -> Me: Belt 50", "Fenn tells you, 'Belt 50",
        "Fenn tells you, '\x12" + "0" * 56 + "Belt\x12 50'",
    )
) + "Fenn — Today at 20:15\nCloak of Flames 50\n<Orla> Belt 5\n**Fenn:** Belt 7k\n[20:15] Quaff: Left Eye of Xygoz 22nd 50.5\n"  # fmt: skip
_CODES = f"{STAMP}Fenn says out of character, 'GH-ABCDEF'\n{STAMP}Orla tells you, 'gh abcdef GHABCDEF'\n"


def _sql() -> bytes:
    tables = {name: maker.COLUMNS[name] for name in maker.COLUMNS}
    parts = [
        "-- MySQL dump 10.13\nSET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO';\n/*!40101 SET NAMES utf8 */;\n"
    ]
    for name, columns in tables.items():
        listed = ",\n".join(f"  `{column}` varchar(255) DEFAULT NULL" for column in columns)
        parts.append(f"CREATE TABLE `eqdkp20_{name}` (\n{listed},\n  PRIMARY KEY (`{columns[0]}`)\n) ENGINE=InnoDB;\n")
        row = ",".join(
            "'plus_version'" if column == "config_name" else "'2.3.39'" if column == "config_value" else "1"
            for column in columns
        )
        parts.append(f"INSERT INTO `eqdkp20_{name}` VALUES ({row}),({row});\n")
    parts.append("SET SQL_MODE=@OLD_SQL_MODE;\n-- Dump completed on 2026-03-01\n")
    return "".join(parts).encode()


_EXPORT = json.dumps(
    {
        "eqdkp": {"name": "x", "guild": "L", "dkp_name": "DKP", "version": "2.3.39"},
        "info": {"timestamp": 1300000000},
        "players": {"player:1": {"id": 1, "name": "Tannik", "active": 1, "hidden": 0, "main_id": 1, "class_id": 2,
                    "points": {"multidkp_points:1": {"multidkp_id": 1, "points_earned": "5", "points_spent": "2", "points_adjustment": "0"}},
                    "items": {"item:7": {"game_id": "", "name": "Belt", "value": "2", "itempool_id": 1}}, "adjustments": {}}},
        "multidkp_pools": {"multidkp_pool:1": {"id": 1, "name": "Main", "desc": "", "events": {"event:1": {"id": 1, "name": "Vex Thal", "value": 5}},
                           "mdkp_itempools": {"itempool_id:1": 1}}},
        "itempools": {"itempool:1": {"id": 1, "name": "Items", "desc": ""}},
        "status": 1,
    }
).encode()  # fmt: skip


def _zipped(content: bytes, name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def _all() -> dict[str, list[bytes]]:
    rosters = [one.encode() for one in (_WHO, _RAID, _TICK, _ZEAL, _GUILD, _LIST, _XML, _CTRT)]
    bodies = [
        b'{"a": [1, 2.5e3, true, null, "x\\u00e9"], "b": {"c": -0}}',
        b"<request><a>1</a><a>2</a><b><c>x</c></b></request>",
    ]
    dump = _sql()
    return {
        "attendance-auto": [*rosters, _WHO.encode("utf-16"), _zipped(_RAID.encode(), "a.txt")],
        "attendance-who": [_WHO.encode(), _WHO.replace(STAMP, "").encode()],
        "attendance-raid-dump": [_RAID.encode(), _RAID.replace("\t", "  ").encode()],
        "attendance-raid-tick": [_TICK.encode()],
        "attendance-zeal": [_ZEAL.encode()],
        "attendance-guild-dump": [_GUILD.encode()],
        "attendance-list": [_LIST.encode()],
        "attendance-xml": [_XML.encode(), _CTRT.encode()],
        "attendance-zip": [b"\n=\n".join(rosters[:4])],
        "guild-dump": [_GUILD.encode()],
        "lines": [b"\x03a\r\nb\rc\n\n" + b"x" * 60 + b"\r\n\xef\xbb\xbfd\x00"],
        "log-events": [_EVENTS.encode(), _CHAT.encode()],
        "chat": [_CHAT.encode(), _EVENTS.encode()],
        "claim-codes": [_CODES.encode()],
        "json-body": bodies[:1],
        "old-api-body": bodies,
        "xml": [_XML.encode(), _CTRT.encode(), bodies[1]],
        "eqdkp-upload": [dump, gzip.compress(dump), _zipped(dump, "dump.sql"), _EXPORT],
        "eqdkp-values": [b"a:2:{i:0;s:1:\"x\";i:1;d:0.5;}", b'{"class": "2", "level": 60}', b"12.345", b"1300000000", b"1.5e1000000", b"1e-9999999", "Ã©&amp;&#65;".encode()],
        "backup": [b'{"format": 1, "migrations": [], "made_at": "2026-03-01T20:15:00Z"}'],
        "single-values": [b"12.50", b"Tannik", b"2026-03-01T20:15:00+01:00", b"true", b"[::1]:80", b"1m30s", b"12345678901234567", b"Shadow Knight"],
    }  # fmt: skip


SEEDS = _all()


def hostile(size: int = 400) -> list[bytes]:
    """The beginnings of what `tests/hostile` makes, for whichever parser."""
    return [make(size).encode("utf-8", "surrogatepass") for _name, make in inputs.every()]


def samples(folder: Path, longest: int = 20_000) -> list[bytes]:
    """The beginning of every file in a folder."""
    return [path.read_bytes()[:longest] for path in sorted(folder.rglob("*")) if path.is_file()]
