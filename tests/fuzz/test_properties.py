"""Every parser, on good inputs that were damaged and on pieces of its grammar in any order: `targets.py` says what holds.

`FUZZ_EXAMPLES=5000 pytest tests/fuzz` looks longer, and elsewhere each time; in the suite the same few are tried.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.hostile.inputs import PIECES, STAMP

from .seeds import SEEDS
from .targets import TARGETS

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
_PIECE = st.sampled_from(
    [piece.encode("utf-8", "surrogatepass") for piece in (*PIECES, STAMP, "\r\n", "9" * 40, "x" * 300)]
)
_RUBBISH = st.one_of(
    _PIECE, st.binary(max_size=6), st.text(max_size=6).map(lambda text: text.encode("utf-8", "surrogatepass"))
)


@st.composite
def damaged(draw: st.DrawFn, name: str) -> bytes:
    """A good input with up to four pieces taken out, doubled or replaced."""
    data = draw(st.sampled_from(SEEDS[name]))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        how = draw(st.sampled_from(["replace", "double", "swap"]))
        middle = {"replace": draw(_RUBBISH), "double": data[start:end] * 2, "swap": data[start:end][::-1]}[how]
        data = data[:start] + middle + data[end:]
    return data


def test_every_target_has_seeds_that_are_read_or_refused() -> None:
    assert set(SEEDS) == set(TARGETS)
    for name, seeds in SEEDS.items():
        for seed in seeds:
            TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
def test_what_holds_of_a_parser_holds_for_any_input(name: str) -> None:
    @settings(
        max_examples=EXAMPLES or 40,
        derandomize=not EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(damaged(name), st.lists(_RUBBISH, max_size=25).map(b"".join), st.binary(max_size=200)))
    def holds(data: bytes) -> None:
        note(f"TARGETS[{name!r}]({data!r})")
        TARGETS[name](data)

    holds()
