from __future__ import annotations

import json

from guildhall.core.api.renderers import OrjsonRenderer


def test_a_number_beyond_64_bits_is_written_as_it_is() -> None:
    assert json.loads(OrjsonRenderer().render({"n": 2**70})) == {"n": 2**70}
