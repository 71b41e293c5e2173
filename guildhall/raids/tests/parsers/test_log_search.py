"""The search for the lines of a log that matter gives what reading every line gives."""

from __future__ import annotations

import random
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from guildhall.raids.parsers import who
from guildhall.raids.parsers.results import IgnoredLines
from guildhall.raids.parsers.source import Source
from guildhall.raids.parsers.stamps import LocalClock

if TYPE_CHECKING:
    from collections.abc import Iterator

STAMPS = [
    b"[Sun Mar 01 20:15:00 2026] ",
    b"[Sun Mar 01 20:15:11 2026] ",
    b"[Sun Feb 30 25:15:11 2026] ",
    b"> [Sun Mar 01 20:15:00 2026] ",
]
PIECES = [
    b"Players on EverQuest:",
    b"Players in EverQuest:",
    b"---------------------------",
    b"--",
    b"",
    b" ",
    b"\t",
    b"\x0b",
    b"\x1c",
    b"[60 Warder] Tannik (Wood Elf) <Lanternwatch>",
    b"[ANONYMOUS] Brisla  <Lanternwatch>",
    b"AFK [1 Bard] Orla (Bard)",
    b" [ANON (60 Bard)] Dorn",
    b"*GM* [ROLEPLAYING] Fenn",
    b"<LINKDEAD>[12 Rogue] Aelric (Halfling)",
    "[\u0663 Bard] Xeno (Elf)".encode(),
    b"[\xe9 Bard] Xeno",
    b"There are 2 players in Vex Thal.",
    b"There is 1 player in EverQuest.",
    b"There are no players in EverQuest that match those who filters.",
    b"Friends currently on EverQuest:",
    b"Your who request was cut short..too many players.",
    b"Baron says, 'selling [Fungi Tunic] [5 pp]'",
    b"A goblin hits YOU for 5 points of damage.",
    b"Orla tells the raid,  'players, --- look'",
    b"]",
    b"[",
    b"[Sun Mar 01 20:15:00 2026]",
    b">",
    b"\xff\xfe",
]


def read(data: bytes) -> tuple[object, ...]:
    ignored = IgnoredLines()
    reader = who.WhoReader(LocalClock("UTC"), ignored)
    reader.read(Source(data).blocks())
    return [asdict(block) for block in reader.blocks], reader.line_count, asdict(ignored), reader.warnings


def every_line(block: bytes) -> Iterator[int]:
    begin = 0
    while begin < len(block):
        yield begin
        begin = block.index(b"\n", begin) + 1


def logs() -> Iterator[bytes]:
    for seed in range(400):
        draw = random.Random(seed)
        ends = draw.choice([[b"\n"], [b"\r\n"], [b"\r"], [b"\n", b"\r\n", b"\r", b"\n\n"]])
        lines = (
            draw.choice([*STAMPS, STAMPS[0], b""]) + b"".join(draw.choices(PIECES, k=draw.choice([1, 1, 1, 2])))
            for _ in range(draw.randint(1, 60))
        )
        yield (
            b"x" + b"".join(line + draw.choice(ends) for line in lines) + draw.choice([b"", b"[60 Warder] Last (Elf)"])
        )
    row = b"[Sun Mar 01 20:15:00 2026] [60 Warder] Tannik (Wood Elf)"
    yield (row + b" layer" * 30_000 + b"\n" + row + b"\n") * 2  # cut, across chunks
    yield (b"[Sun Mar 01 20:15:00 2026] x" + b"y" * 70_000 + b"\n[60 Warder] Late (Elf)\n" + row + b"\n") * 40


def test_the_lines_that_matter_are_all_found(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [read(data) for data in logs()]
    monkeypatch.setattr(who, "_may_matter", every_line)
    for data, answer in zip(logs(), found, strict=True):
        assert answer == read(data), data[:3000]
    assert sum(len(answer[0]) for answer in found) > 400  # type: ignore[arg-type]
