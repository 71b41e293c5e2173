"""Raid-log XML (edge case 76)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from guildhall.core.errors import BadInput
from guildhall.raids.parsers import RaidLog, Stay, parse_attendance

from .support import utc

PLUS = """<?xml version="1.0"?><raidlog><head><gameinfo><language>en</language></gameinfo></head><raiddata>
<zones><zone><enter>1772395200</enter><leave>1772402400</leave><name>Vex Thal</name></zone></zones>
<bosskills><bosskill><name>Aten Ha Ra</name><time>1772400000</time></bosskill></bosskills>
<members>
 <member><name>Tannik</name><race>Wood Elf</race><class>Ranger</class><level>60</level><note>early</note><times>
  <time type="join">1772395200</time><time type="leave">1772398000</time>
  <time type="join">1772397000</time><time type="leave">1772402400</time></times></member>
 <member><name>BRISLA</name><class>High Priest</class><times>
  <time type="join" extra="standby">1772395200</time>
  <time type="leave" extra="standby">1772402400</time></times></member>
 <member><name>Bad Name!</name><times/></member>
</members>
<items>
 <item><name>Cloak of Flames</name><time>1772400100</time><member>Tannik</member>
  <itemid>123</itemid><cost>50.5</cost></item>
 <item><name>Rusty Dagger</name><time>1772400200</time><member>Stranger</member><note>12 dkp</note></item>
</items></raiddata></raidlog>"""

CTRT = """<RaidInfo><start>03/01/26 20:00:00</start><end>03/01/26 22:00:00</end><zone>Vex Thal</zone>
<PlayerInfos><key1><name>Tannik</name><class>Ranger</class><level>60</level></key1></PlayerInfos>
<BossKills><key1><name>Aten Ha Ra</name><time>03/01/26 21:00:00</time></key1></BossKills>
<Join><key1><player>Tannik</player><time>03/01/26 20:00:00</time></key1>
<key2><player>Brisla</player><time>1772397000</time></key2></Join>
<Leave><key1><player>Tannik</player><time>03/01/26 22:00:00</time></key1></Leave>
<Loot><key1>
<ItemName>Cloak of Flames</ItemName><Player>Tannik</Player><Time>03/01/26 21:01:00</Time><Note>30</Note></key1>
</Loot></RaidInfo>"""


def raid(text: str, **options: str) -> RaidLog:
    log = parse_attendance(text, **options).raid_log  # type: ignore[arg-type]
    assert log is not None
    return log


def test_an_eqdkp_plus_log_gives_the_whole_raid() -> None:
    log = raid(PLUS)
    assert log.dialect == "eqdkpplus"
    assert (log.started_at, log.ended_at) == (utc(2026, 3, 1, 20), utc(2026, 3, 1, 22))
    assert [(kill.name, kill.killed_at) for kill in log.kills] == [("Aten Ha Ra", utc(2026, 3, 1, 21, 20))]
    assert [zone.name for zone in log.zones] == ["Vex Thal"]


def test_a_join_before_the_leave_merges_the_two_stays() -> None:
    member = raid(PLUS).members[0]
    assert member.stays == [Stay(utc(2026, 3, 1, 20), utc(2026, 3, 1, 22))]


def test_two_stays_with_a_gap_stay_two() -> None:
    gap = PLUS.replace('"join">1772397000', '"join">1772399000')
    assert len(raid(gap).members[0].stays) == 2


def test_standby_is_kept_as_a_flag_and_on_the_stay() -> None:
    member = raid(PLUS).members[1]
    assert (member.entry.character_name, member.entry.character_class) == ("Brisla", "Cleric")
    assert member.entry.flags == {"standby"}
    assert member.stays[0].standby


def test_without_a_cost_the_number_in_the_note_is_the_price() -> None:
    cloak, dagger = raid(PLUS).items
    assert (cloak.cost, cloak.item_id, cloak.is_known_member) == (Decimal("50.5"), "123", True)
    assert (dagger.cost, dagger.is_known_member) == (Decimal(12), False)


def test_people_outside_the_raid_and_bad_names_are_shown() -> None:
    parse = parse_attendance(PLUS)
    assert parse.format == "xml"
    assert parse.latest().has_warning("unknown_member")
    assert parse.ignored_lines.by_reason == {"bad_name": 1}
    assert [entry.character_name for entry in parse.entries] == ["Tannik", "Brisla"]


def test_a_ctrt_log_is_read_with_american_times_in_the_zone_of_the_upload() -> None:
    log = raid(CTRT, time_zone="America/New_York")
    assert log.dialect == "ctrt"
    assert log.started_at == utc(2026, 3, 2, 1)
    tannik, brisla = log.members
    assert tannik.stays == [Stay(utc(2026, 3, 2, 1), utc(2026, 3, 2, 3))]
    assert brisla.stays == [Stay(utc(2026, 3, 1, 20, 30), None)]
    assert log.items[0].cost == Decimal(30)


def test_a_magicdkp_log_has_no_player_infos() -> None:
    start, end = CTRT.index("<PlayerInfos>"), CTRT.index("</PlayerInfos>") + len("</PlayerInfos>")
    log = raid(CTRT[:start] + CTRT[end:])
    assert log.dialect == "magicdkp"
    assert [member.entry.character_name for member in log.members] == ["Tannik", "Brisla"]


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><raidlog><raiddata>&x;</raiddata></raidlog>',
        '<!DOCTYPE r [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><raidlog>&b;</raidlog>',
        '<!DOCTYPE raidlog SYSTEM "http://localhost/x.dtd"><raidlog><raiddata/></raidlog>',
        "<raidlog><raiddata>",
        "<html><body>hello</body></html>",
        '<?xml version="1.0" encoding="no-such"?><raidlog/>',
        "<a>" * 50_000,
    ],
)
def test_what_is_no_raid_log_or_reaches_outside_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_attendance(text)
    assert caught.value.code == "bad_xml"


@pytest.mark.parametrize("time", ["99999999999", "9" * 40, "-1", "13/45/26 99:00:00", "soon", ""])
def test_a_time_that_is_none_is_none(time: str) -> None:
    log = raid(PLUS.replace("<time>1772400000</time>", f"<time>{time}</time>"))
    assert log.kills[0].killed_at is None or log.kills[0].killed_at.year > 3000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_xml_in_any_usual_encoding_is_read(encoding: str) -> None:
    data = PLUS.replace('<?xml version="1.0"?>', "").encode(encoding)
    assert parse_attendance(data).format == "xml"  # type: ignore[arg-type]
