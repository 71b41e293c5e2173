"""The roster follows a guild dump: the difference first, one press after."""

from __future__ import annotations

import pytest

from guildhall.roster.models import Character

from .conftest import confirmed, token

pytestmark = pytest.mark.django_db
URL = "/officers/roster-import/"
DUMP = (
    "Brakkus\t61\tWarrior\tLeader\t\t11/20/26\tThe Nexus\t\t\toff\toff\t0\t\t\t\n"
    "Newling\t12\tCleric\tMember\t\t11/20/26\tThe Nexus\t\t\toff\toff\t0\t\t\t\n"
)


def test_the_difference_is_shown_and_then_made(sign_in, guild):
    client = sign_in("officer")
    page = client.post(URL, {"form": "dump", "once": token(client.get(URL)), "do": "preview", "text": DUMP})
    text = page.content.decode()
    assert page.status_code == 200, text
    assert "Newling" in text
    assert "level: 60 → 61" in text
    assert not Character.objects.filter(name="Newling").exists()
    done = client.post(
        URL,
        {
            "form": "dump", **confirmed(page), "do": "apply", "seen": "1", "text": DUMP,
            "choice": ["add", "update"],
        },
        follow=True,
    )  # fmt: skip
    assert "1 new name" in done.content.decode()
    assert Character.objects.get(name="Newling").user is None
    assert Character.objects.get(name="Brakkus").level == 61
    assert Character.objects.get(name="Sorrel").status == "active"


@pytest.mark.parametrize("text", ["", "nonsense\n", "\x00\x01"])
def test_what_is_no_dump_is_said(sign_in, text):
    client = sign_in("officer")
    page = client.post(URL, {"form": "dump", "once": "x", "do": "preview", "text": text})
    assert page.status_code == 400
    assert 'role="alert"' in page.content.decode()


@pytest.mark.parametrize("role", ["recruiter", "member", "applicant", "guest"])
def test_it_is_for_officers(sign_in, role):
    assert sign_in(role).get(URL).status_code == 403
