"""`python -m benchmarks.parsers`: the CPU seconds of each hostile input of 5 MB, for each parser that a user reaches.

Two seconds on one core is the budget. Without arguments the inputs that were made for a parser are read by it; with
`--every` the repeated pieces too, in every wrapper and line length (hours at 5 MB: give a smaller `--size`).
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Iterator

from .case import Result, at_most

BUDGET = 2.0
SIZE = 5_000_000


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parsers", description=__doc__)
    parser.add_argument("--size", type=int, default=SIZE, help="characters of each input; the budget goes with it")
    parser.add_argument("--only", default="", help="parsers whose name contains this")
    parser.add_argument("--input", default="", help="inputs whose name contains this")
    parser.add_argument("--every", action="store_true", help="also the repeated pieces")
    parser.add_argument("--most", type=int, default=3, help="how many of the slowest are shown for each parser")
    return parser.parse_args()


def main() -> int:
    """Time everything; 1 where something is over the budget."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from guildhall.auctions.chat.reader import MAX_LINES
    from tests.hostile import inputs, parsers
    from tests.hostile.test_linear import MADE_FOR

    asked = arguments()
    budget = BUDGET * asked.size / SIZE
    named = dict(inputs.every())
    over = 0

    def inputs_of(parser: str) -> Iterator[tuple[str, inputs.Maker]]:
        yield from ((name, named[name]) for name in MADE_FOR[parser])
        if asked.every:
            yield from inputs.every_repeat()

    if "real chat".startswith(asked.only or "real"):
        over += real_evenings()
    for parser, parse in parsers.PARSERS.items():
        if asked.only not in parser:
            continue
        rows = []
        for name, make in inputs_of(parser):
            if asked.input not in name:
                continue
            text = make(asked.size)
            if parser == "chat":  # more lines than this are refused unread
                text = "".join(text.splitlines(keepends=True)[: MAX_LINES * asked.size // SIZE])
            began = time.process_time()
            outcome = parsers.run(parse, text)
            rows.append((time.process_time() - began, name, outcome, len(text)))
        rows.sort(reverse=True)
        late = [row for row in rows if row[0] > budget * max(1, row[3] / asked.size)]
        over += len(late)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{parser}: {len(rows)} inputs, {len(late)} over {budget:.1f} s, process at {peak} MB", flush=True)
        for took, name, outcome, size in rows[: max(asked.most, len(late))]:
            print(f"    {took:6.2f} s  {name} ({size:,} characters): {outcome}")
    return 1 if over else 0


def real_evenings() -> int:
    """Time the largest real logs, in a guild with 30,000 items; how many of them were refused."""
    from guildhall.auctions.chat import parse_chat
    from tests.hostile import parsers, realistic

    refused = 0
    for name, arguments in realistic.EVENINGS.items():
        log = realistic.evening(**arguments)

        def read(text: str, log: realistic.Evening = log) -> object:
            return parse_chat(
                text, active_items=log.open_items, known_items=log.items, known_characters=log.characters, logger="Fenn"
            )

        began = time.process_time()
        outcome = parsers.run(read, log.text)
        refused += outcome != "read"
        print(f"real chat, {name}: {time.process_time() - began:.2f} s, {len(log.text):,} characters: {outcome}")
    return refused


RUN_SIZE = 250_000
"""Characters of each hostile input in `make bench`. The goal is twice this share of the budget,
because a parse has a cost of its own, whatever its size."""
LOG_SIZE, LOG_SECONDS = 40_000_000, 2.0


def run() -> list[Result]:
    """Measure the slowest hostile input of 250 kB for each parser, and a log of 40 MB with one roster in it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from guildhall.auctions.chat.reader import MAX_LINES
    from guildhall.raids.parsers import parse_attendance
    from tests.hostile import inputs, parsers
    from tests.hostile.test_linear import MADE_FOR

    named = dict(inputs.every())
    found: list[Result] = []
    for parser, parse in parsers.PARSERS.items():
        slowest, of = 0.0, ""
        for name in MADE_FOR[parser]:
            text = named[name](RUN_SIZE)
            if parser == "chat":  # more lines than this are refused unread
                text = "".join(text.splitlines(keepends=True)[: MAX_LINES * RUN_SIZE // SIZE])
            began = time.process_time()
            parsers.run(parse, text)
            slowest, of = max(
                (slowest, of), ((time.process_time() - began) * RUN_SIZE / max(RUN_SIZE, len(text)), name)
            )
        found.append(at_most(f"{parser}: slowest of 250 kB", slowest, 2 * BUDGET * RUN_SIZE / SIZE, "s of CPU", of))
    fight = "[Sat Nov 28 19:%02d:%02d 2026] Taelis slashes a frost giant for %d points of damage.\r\n"
    block = "".join(fight % (number // 60 % 60, number % 60, number) for number in range(3600))
    roster = "[Sat Nov 28 20:00:01 2026] Players on EverQuest:\r\n[Sat Nov 28 20:00:01 2026] [60 Warlord] Taelis (Ogre) <Us>\r\n"
    text = (
        block * (LOG_SIZE // len(block)) + roster + "[Sat Nov 28 20:00:01 2026] There is 1 player in Kael Drakkel.\r\n"
    )
    began = time.process_time()
    parse_attendance(text, filename="eqlog_Taelis_test.txt")
    found.append(at_most("a log of 40 MB is read", time.process_time() - began, LOG_SECONDS, "s of CPU"))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
