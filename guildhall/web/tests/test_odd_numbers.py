"""Numbers that are none, in what a form or an address says of a row: "²" is a digit to Python and no number to `int`."""

from __future__ import annotations

import pytest

from .conftest import Guild, token

NUMBERS = ["²", "9" * 5000, "-1", "1.5", "٣", "99999999999999999999"]


@pytest.mark.parametrize("number", NUMBERS)
def test_no_page_breaks_on_a_number_that_is_none(sign_in, guild: Guild, number: str) -> None:
    officer = sign_in("officer")
    short = number[:200]
    raid_import, discord = "/raids/import/", "/officers/discord/"
    answers = [
        officer.get(f"/officers/adjust/?user={short}"),
        officer.get(f"{raid_import}?raid={short}"),
        officer.get(f"/people/{guild.guest.pk}/?pool={short}"),
        officer.get(f"/admin/points/pointadjustment/add/?people={short}"),
    ]
    for target, check in ((f"raid:{number}", "first"), ("auto", number)):
        data = {
            "form": "import",
            "once": token(officer.get(raid_import)),
            "text": "x",
            "target": target,
            "check": check,
        }
        answers += [officer.post(raid_import, {**data, "step": step}) for step in ("preview", "award")]
    meaning = {"form": "add", "once": token(officer.get(discord)), "role_id": "123456", "meaning": f"rank:{number}"}
    answers.append(officer.post(discord, meaning))
    assert {answer.status_code for answer in answers} <= {200, 302, 400, 404, 409}


@pytest.mark.parametrize("length", NUMBERS)
def test_the_old_api_reads_no_length_that_is_none(client, db, length: str) -> None:
    answer = client.generic("GET", "/api.php?function=points&format=json", CONTENT_LENGTH=length)
    assert answer.status_code < 500
