"""On a phone no page hides what is pressed or chosen: columns that are for wide pages alone hold nothing of that kind."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import Guild

TEMPLATES = Path(__file__).parent.parent / "templates"
CELL = re.compile(r'<t[dh][^>]*class="[^"]*\bwide\b[^"]*"[^>]*>(.*?)</t[dh]>', re.S)
CONTROL = re.compile(r"<(?:select|textarea|button|form|input(?![^>]*type=\"hidden\"))\b")
ACTIONS = re.compile(r"\{% url 'web:(reverse-entry|award|undo-run|attendance|raid-edit|raid-reverse)'[^%]*%\}")


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_no_column_that_a_phone_does_not_show_holds_a_control(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for cell in CELL.findall(text):
        assert not CONTROL.search(cell), cell
        for link in ACTIONS.finditer(cell):
            narrow = "".join(re.findall(r'<span class="narrow">.*?</span></td>', text, re.S))
            assert link.group(0) in narrow, f"{link.group(0)} is for wide pages alone"


def test_a_statement_over_several_pools_says_whose_balance_it_is(sign_in, guild: Guild) -> None:
    from guildhall.points.services import adjust_points, create_pool

    other = create_pool(name="Kunark", actor=guild.officer)
    adjust_points(user_ids=[guild.member.pk], pool=other, amount="7", reason="Other", actor=guild.officer)
    client = sign_in("officer")
    path = f"/people/{guild.member.pk}/"
    text = client.get(path).content.decode()
    assert "Balance<br>in its pool" in text
    for amount, pool in (("7.00", "Kunark"), ("25.50", "Velious")):
        assert f'<td class="num">{amount}<br><span class="quiet small">{pool}</span></td>' in text
    assert "Balance<br>in its pool" not in client.get(f"{path}?pool={other.pk}").content.decode()


def test_the_only_pool_is_ticked(sign_in, guild: Guild) -> None:
    text = sign_in("officer").get("/officers/events/").content.decode()
    assert re.search(r'name="pools" value="\d+"[^>]* checked', text), text[-3000:]
