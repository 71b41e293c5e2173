"""`python -m tests.fuzz`: each parser under atheris, guided by coverage. Needs requirements/fuzz.txt (`make fuzz`).

Each target runs in a process of its own for `--seconds`. What was found to reach new code is kept in `var/fuzz/TARGET/`
and is begun with the next time; an input that fails is written to `var/fuzz/failed/`, and shown. It goes into the
tests of its parser: `python -m tests.fuzz --target chat --file var/fuzz/failed/chat-crash-…` runs it again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

_FOLDER = Path(__file__).resolve().parents[2] / "var" / "fuzz"
#: What is watched for new paths. Django and the standard library are taken to be tested.
_WATCHED = ["guildhall.raids.parsers", "guildhall.auctions.chat", "guildhall.eqdkp", "guildhall.core.xml", "guildhall.core.budget",
            "guildhall.core.money", "guildhall.core.api.parsers", "guildhall.core.api.params", "guildhall.core.addresses",
            "guildhall.discord.linking.claims", "guildhall.loot.names", "guildhall.roster", "guildhall.ops.restoring"]  # fmt: skip


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "--target", action="append", default=[], help="only these parsers (may be given more than once)"
    )
    parser.add_argument("--seconds", type=int, default=120, help="how long each parser is fuzzed")
    parser.add_argument("--samples", type=Path, help="a folder of real logs and dumps to begin with as well")
    parser.add_argument("--file", type=Path, help="run one target on one input, without atheris")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Fuzz each target; 1 where one failed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    asked = arguments()
    if asked.here:
        fuzz(asked.target[0], asked.seconds)
    import django

    django.setup()
    from . import seeds
    from .targets import TARGETS

    if asked.file:
        TARGETS[asked.target[0]](asked.file.read_bytes())
        return 0
    extra = [*seeds.hostile(), *(seeds.samples(asked.samples) if asked.samples else [])]
    failed = []
    for name in asked.target or TARGETS:
        corpus = _FOLDER / name
        corpus.mkdir(parents=True, exist_ok=True)
        (_FOLDER / "failed").mkdir(exist_ok=True)
        for seed in [*seeds.SEEDS[name], *extra]:
            (corpus / hashlib.sha256(seed).hexdigest()[:20]).write_bytes(seed)
        command = [sys.executable, "-m", "tests.fuzz", "--here", "--target", name, "--seconds", str(asked.seconds)]
        ended = subprocess.run(command, capture_output=True, text=True)
        done = [
            line
            for line in ended.stderr.splitlines()
            if line.startswith(("Done ", "#")) and "NEW" not in line and "REDUCE" not in line
        ]
        print(f"{name}: {'ok' if ended.returncode == 0 else 'FAILED'}; {done[-1] if done else ''}", flush=True)
        if ended.returncode:
            failed.append(name)
            print(ended.stdout[-3000:], ended.stderr[-3000:], flush=True)
    return 1 if failed else 0


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=_WATCHED):
        import django

        django.setup()
        from .targets import TARGETS
    options = [f"-max_total_time={seconds}", "-max_len=8000", "-timeout=10", "-rss_limit_mb=1500", "-print_final_stats=1",
               f"-artifact_prefix={_FOLDER / 'failed' / name}-"]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(_FOLDER / name)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    raise SystemExit(main())
