"""What a dump may look like, and which ones are refused."""

from __future__ import annotations

import gzip
import re
import tracemalloc
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest

from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.legacy.dump import parse_row, read_dump
from guildhall.eqdkp.legacy.errors import LegacyRefused, NotEqdkp, TruncatedDump, UnreadableSource, UnsupportedVersion
from guildhall.eqdkp.legacy.source import open_source

from .maker import LegacyGuild, big_guild, sample_guild


def members(path: Path) -> dict[int, str]:
    with read_dump(path) as snapshot:
        return {member.id: member.name for member in snapshot.rows(r.MEMBERS)}


EXPECTED = {1: "Árni", 2: "Bëtti", 3: "Zed", 4: "Cora", 5: "Dain", 6: "O`Malley"}


@pytest.mark.parametrize("style", ["mysqldump", "phpmyadmin"])
@pytest.mark.parametrize("suffix", [".sql", ".sql.gz"])
def test_it_reads_what_mysqldump_and_phpmyadmin_write(tmp_path: Path, style: str, suffix: str) -> None:
    assert members(sample_guild().write(tmp_path / f"d{suffix}", style=style)) == EXPECTED


def test_it_reads_a_zip_with_one_dump_in_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("backup.sql", sample_guild().sql())
    assert members(tmp_path / "d.zip") == EXPECTED


@pytest.mark.parametrize("charset", ["utf8mb4", "latin1", "double"])
def test_accents_survive_every_way_they_were_stored(tmp_path: Path, charset: str) -> None:
    guild = sample_guild()
    if charset == "latin1":
        for row in guild.tables["members"]:
            row.pop("notes", None)  # an emoji does not exist there
    with read_dump(guild.write(tmp_path / "d.sql", charset=charset)) as snapshot:
        assert {m.id: m.name for m in snapshot.rows(r.MEMBERS)} == EXPECTED
        assert next(raid.note for raid in snapshot.rows(r.RAIDS)) == "Café — “on time”"
        if charset != "latin1":
            assert next(m.notes for m in snapshot.rows(r.MEMBERS) if m.id == 4) == "likes <swords> & 😀"


def test_entities_are_unescaped_exactly_once(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.event(9, "AT&amp;amp;T &copy2 &unknown; R&D", 1, pools=[1])
    with read_dump(guild.write(tmp_path / "d.sql")) as snapshot:
        names = {event.id: event.name for event in snapshot.rows(r.EVENTS)}
    assert names[1] == "Fear & Hate"
    assert names[9] == "AT&amp;T &copy2 &unknown; R&D"


def test_amounts_are_exact_to_the_cent_and_times_are_utc(tmp_path: Path) -> None:
    with read_dump(sample_guild().write(tmp_path / "d.sql")) as snapshot:
        assert [raid.value for raid in snapshot.rows(r.RAIDS)] == [
            Decimal(v) for v in ("5.50", "5.50", "1.00", "0.33", "-2.50", "0.00")
        ]
        first = next(snapshot.rows(r.RAIDS))
    assert first.date is not None
    assert first.date.isoformat() == "2023-11-15T22:13:20+00:00"


def test_serialised_fields_are_read(tmp_path: Path) -> None:
    with read_dump(sample_guild().write(tmp_path / "d.sql")) as snapshot:
        event = next(snapshot.rows(r.CALENDAR_EVENTS))
        log = next(snapshot.rows(r.LOGS))
        member = next(snapshot.rows(r.MEMBERS))
    assert isinstance(event.extension, dict)
    assert event.extension["attendee_count"] == 40
    assert log.value == {"{L_NAME}": "Zed"}
    assert (member.level, member.class_id, member.race_id) == (60, 2, 7)


@pytest.mark.parametrize("prefix", ["", "x_", "eqdkp20_", "wéird-"])
def test_any_prefix_is_found(tmp_path: Path, prefix: str) -> None:
    with read_dump(sample_guild().write(tmp_path / "d.sql", prefix=prefix)) as snapshot:
        assert snapshot.prefix == prefix
        assert snapshot.count(r.RAIDS) == 6


def test_two_installations_in_one_dump_must_be_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "d.sql"
    path.write_bytes(sample_guild().sql(prefix="a_") + LegacyGuild().sql(prefix="b_"))
    with pytest.raises(NotEqdkp, match="say which with --prefix"):
        read_dump(path)
    with read_dump(path, prefix="a_") as snapshot:
        assert snapshot.count(r.RAIDS) == 6
    with pytest.raises(NotEqdkp, match="no complete EQdkp Plus under the prefix “c_”"):
        read_dump(path, prefix="c_")


def test_literals_of_every_kind_are_read() -> None:
    body = rb"1,-2.50,NULL,'it''s \'q\'\\ \n',_binary 'abc',0x4142,x'43',b'101',''"
    assert parse_row(body, 9) == ["1", "-2.50", None, "it's 'q'\\ \n", "abc", "AB", "C", "5", ""]
    with pytest.raises(UnreadableSource, match="1 values where the table has 2"):
        parse_row(b"1", 2)


def test_semicolons_comments_and_brackets_inside_texts_do_not_confuse_it(tmp_path: Path) -> None:
    guild = sample_guild()
    nasty = "a); DROP TABLE x; -- /* ' \" \\ `"
    guild.raid(7, 1, 1, [1], note=nasty)
    with read_dump(guild.write(tmp_path / "d.sql", rows_per_insert=1)) as snapshot:
        assert [raid.note for raid in snapshot.rows(r.RAIDS)][-1] == nasty


def test_every_cut_of_a_dump_is_refused(tmp_path: Path) -> None:
    data = sample_guild().sql()
    whole = len(data.rstrip())
    for size in {*range(0, whole - 60, 97), whole - 45, whole - 41}:
        path = tmp_path / "cut.sql"
        path.write_bytes(data[:size])
        with pytest.raises(LegacyRefused):
            read_dump(path)


def test_a_dump_cut_between_two_statements_is_refused(tmp_path: Path) -> None:
    data = sample_guild().sql()
    path = tmp_path / "cut.sql"
    path.write_bytes(data[: data.rindex(b"/*!40111")])
    with pytest.raises(TruncatedDump, match="cut off between two statements"):
        read_dump(path)


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(sample_guild().sql())
    path = tmp_path / "cut.sql.gz"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(TruncatedDump, match="damaged or was cut off"):
        read_dump(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"hello world, I am a letter", "not an SQL dump"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "binary data"),
        (b"<html><body>Not found</body></html>", "not an SQL dump"),
        (
            b"CREATE TABLE `wp_posts` (\n `id` int\n);\nINSERT INTO `wp_posts` VALUES (1);\n",
            "not an EQdkp Plus database",
        ),
        ("CREATE TABLE x (id int);".encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_no_eqdkp_dump_is_refused_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "d.sql"
    path.write_bytes(content)
    with pytest.raises(LegacyRefused, match=said):
        read_dump(path)


def test_a_table_that_is_missing_is_named(tmp_path: Path) -> None:
    path = sample_guild().write(tmp_path / "d.sql", leave_out=["raid_attendees"])
    with pytest.raises(NotEqdkp, match="without eqdkp20_raid_attendees"):
        read_dump(path)


def test_eqdkp_1_is_refused_with_the_way_out(tmp_path: Path) -> None:
    tables = ["members", "raids", "raid_attendees", "items", "adjustments", "events", "users", "config"]
    path = tmp_path / "old.sql"
    path.write_text(
        "".join(f"CREATE TABLE `eqdkp_{t}` (\n `x` int\n);\nINSERT INTO `eqdkp_{t}` VALUES (1);\n" for t in tables)
    )
    with pytest.raises(UnsupportedVersion, match=r"Update the old installation to EQdkp Plus 2\.3 first"):
        read_dump(path)


def test_an_installation_that_says_it_is_older_is_refused(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.tables["config"][0]["config_value"] = "1.0.14"
    with pytest.raises(UnsupportedVersion, match=r"says it is EQdkp Plus 1\.0\.14"):
        read_dump(guild.write(tmp_path / "d.sql"))


def test_rows_without_structure_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.sql"
    path.write_bytes(b"INSERT INTO `eqdkp20_members` VALUES (1,'A');\n")
    with pytest.raises(UnreadableSource, match="not its structure"):
        read_dump(path)


def test_refusing_leaves_no_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = tmp_path / "d.sql"
    path.write_bytes(sample_guild().sql()[:-60])
    with pytest.raises(TruncatedDump):
        read_dump(path)
    assert [found.name for found in tmp_path.iterdir()] == ["d.sql"]


def test_memory_does_not_grow_with_the_guild(tmp_path: Path) -> None:
    def peak(raids: int) -> int:
        path = big_guild(members=60, raids=raids, attendances=raids * 40, items=raids).write(tmp_path / f"{raids}.sql")
        tracemalloc.start()
        with read_dump(path) as snapshot:
            count = sum(1 for _ in snapshot.rows(r.ATTENDEES))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == raids * 40
        return used

    small, large = peak(250), peak(2500)
    assert large < small + 8_000_000


def test_names_in_double_quotes_or_in_none_are_read(tmp_path: Path) -> None:
    data = sample_guild().sql()
    for name, content in (
        ("ansi.sql", data.replace(b"`", b'"')),
        # Without quotes mysqldump still quotes what is a word of SQL, such as `type`.
        ("bare.sql", re.sub(rb"`(?!type`|text`|end`)(\w+)`", rb"\1", data)),
    ):
        path = tmp_path / name
        path.write_bytes(content.replace(b'O"Malley', b"O`Malley").replace(b"'OMalley'", b"'O`Malley'"))
        assert members(path) == EXPECTED


def test_backslashes_are_letters_where_the_dump_says_so(tmp_path: Path) -> None:
    guild = sample_guild()
    guild.raid(7, 1, 1, [1], note="kept in C:\\dkp\\")
    guild.raid(8, 1, 1, [1], note="after")
    data = re.sub(rb"\\(.)", lambda m: b"''" if m.group(1) == b"'" else m.group(1), guild.sql())
    path = tmp_path / "d.sql"
    path.write_bytes(b"/*!40101 SET SQL_MODE='NO_AUTO_VALUE_ON_ZERO,NO_BACKSLASH_ESCAPES' */;\n" + data)
    with read_dump(path) as snapshot:
        assert [raid.note for raid in snapshot.rows(r.RAIDS)][-2:] == ["kept in C:\\dkp\\", "after"]


def test_what_a_trigger_or_procedure_would_write_is_no_row(tmp_path: Path) -> None:
    trigger = (
        b"DELIMITER ;;\n/*!50003 CREATE TRIGGER t BEFORE INSERT ON `eqdkp20_raids` FOR EACH ROW BEGIN\n"
        b"INSERT INTO `eqdkp20_logs` (log_id) VALUES (NEW.raid_id);\nEND */;;\nDELIMITER ;\n"
    )
    data = sample_guild().sql()
    at = data.index(b"DROP TABLE IF EXISTS `eqdkp20_roles`")
    path = tmp_path / "d.sql"
    path.write_bytes(data[:at] + trigger + data[at:])
    with read_dump(path) as snapshot:
        assert (snapshot.count(r.LOGS), snapshot.count(r.ROLES)) == (1, 1)


def test_rows_written_in_a_way_it_does_not_know_are_never_left_out_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "d.sql"
    path.write_bytes(
        sample_guild().sql().replace(b"INSERT INTO `eqdkp20_raids`", b"INSERT /* fast */ INTO `eqdkp20_raids`")
    )
    with pytest.raises(UnreadableSource, match="writes rows in a way that is not understood"):
        read_dump(path)


def test_a_structure_without_rows_is_refused(tmp_path: Path) -> None:
    """Taken for the guild, it would reverse everything that an earlier import brought."""
    with pytest.raises(NotEqdkp, match="structure without the rows"):
        read_dump(LegacyGuild().write(tmp_path / "d.sql"))


def test_a_transaction_that_was_begun_and_never_ended_was_cut_off(tmp_path: Path) -> None:
    data = sample_guild().sql(style="phpmyadmin").replace(b"SET NAMES utf8mb4;", b"START TRANSACTION;")
    path = tmp_path / "d.sql"
    path.write_bytes(data)
    assert members(path) == EXPECTED
    path.write_bytes(data[: data.rindex(b"COMMIT")])
    with pytest.raises(TruncatedDump, match="cut off between two statements"):
        read_dump(path)


def test_a_dump_made_in_latin1_says_what_was_lost(tmp_path: Path) -> None:
    guild = sample_guild()
    for row in guild.tables["members"]:
        row.pop("notes", None)
    with read_dump(guild.write(tmp_path / "d.sql", charset="latin1")) as snapshot:
        assert any("made in latin1" in note for note in snapshot.notes)


def test_windows_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "d.sql"
    path.write_bytes(b"\xef\xbb\xbf" + sample_guild().sql().replace(b"\n", b"\r\n"))
    assert members(path) == EXPECTED


def test_an_archive_cut_anywhere_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(sample_guild().sql())
    path = tmp_path / "cut.sql.gz"
    for size in range(1, len(packed), 61):
        path.write_bytes(packed[:size])
        with pytest.raises(LegacyRefused):
            read_dump(path)


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guildhall.eqdkp.legacy.dump._RATIO_FROM", 8 << 20)
    head = sample_guild().sql()
    path = tmp_path / "bomb.sql.gz"
    path.write_bytes(gzip.compress(head + b"INSERT INTO `eqdkp20_raids` VALUES (1,1,1,'x',1,'x');\n" * 400_000))
    with pytest.raises(UnreadableSource, match="far more than its size gives"):
        read_dump(path)
    export = tmp_path / "points.json.gz"
    monkeypatch.setattr("guildhall.eqdkp.legacy.apiexport._MAX_EXPORT", 1 << 20)
    export.write_bytes(gzip.compress(b'{"a":"' + b"x" * (2 << 20) + b'"}'))
    with pytest.raises(UnreadableSource, match="no API export is"):
        open_source([str(export)])


def test_damaged_and_foreign_exports_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "points.json.gz"
    whole = gzip.compress(b'{"players":{},"multidkp_pools":{}}' * 50)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    for content in (whole[:-9], bytes(damaged), gzip.compress(b'{"a":' * 100_000)):
        path.write_bytes(content)
        with pytest.raises(LegacyRefused):
            open_source([str(path)])


def test_a_folder_and_a_file_that_may_not_be_read_are_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableSource, match="is a folder"):
        open_source([str(tmp_path)])
    path = sample_guild().write(tmp_path / "d.sql")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UnreadableSource, match="may not be read"):
        open_source([str(path)])


@pytest.mark.parametrize("left_out", ["multidkp2event", "multidkp2itempool", "items"])
def test_a_table_that_was_left_out_is_named_and_no_1x_is_seen_in_it(tmp_path: Path, left_out: str) -> None:
    path = sample_guild().write(tmp_path / "guild.sql", leave_out=[left_out])
    with pytest.raises(NotEqdkp, match=f"without eqdkp20_{left_out}"):
        read_dump(path)


def test_characters_without_a_column_of_mains_are_refused(tmp_path: Path) -> None:
    """Else every twink would come as a person of its own, and look proven."""
    path = tmp_path / "guild.sql"
    path.write_bytes(sample_guild().sql().replace(b"`member_main_id`", b"`something_else`"))
    with pytest.raises(LegacyRefused, match="member_main_id"):
        read_dump(path)
