"""Log lines that a collector can read."""

from __future__ import annotations

import json
import logging
import sys

from guildhall.core.logs import JSONFormatter


def test_a_record_is_one_line_of_json_with_its_extras_and_its_traceback() -> None:
    try:
        raise ValueError("torn\npage")
    except ValueError:
        record = logging.getLogger("guildhall.raids").makeRecord(
            "guildhall.raids", logging.ERROR, __file__, 1, "raid %s failed", (7,), sys.exc_info(), extra={"raid_id": 7}
        )
    line = JSONFormatter().format(record)
    assert "\n" not in line
    read = json.loads(line)
    assert (read["level"], read["logger"], read["message"], read["raid_id"]) == (
        *("ERROR", "guildhall.raids", "raid 7 failed", 7),
    )
    assert "torn" in read["traceback"]
