from __future__ import annotations

import json

from guildhall.core.api.renderers import OrjsonRenderer


def test_a_number_beyond_64_bits_is_written_as_it_is() -> None:
    assert json.loads(OrjsonRenderer().render({"n": 2**70})) == {"n": 2**70}


def test_half_a_character_is_written_as_it_came() -> None:
    assert OrjsonRenderer().render({"detail": "\ud800 é"}) == b'{"detail":"\\ud800 \\u00e9"}'
