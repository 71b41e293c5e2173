"""One log in every set of characters and with every line end: uploaded on the page, pasted and sent over the API, the same attendance;
what is not text is refused in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from guildhall.accounts.services import create_api_key
from guildhall.core import clock
from guildhall.raids.models import Raid
from guildhall.raids.services import create_event, create_raid

from .conftest import Guild, token

PATH = "/raids/import/"
NIGHT = dt.datetime(2026, 11, 22, 20, 30, tzinfo=dt.UTC)
NAMES = {"Brakkus", "Sorrel", "Nimwe"}
#: The game's own letters are English; guild tags, chat and titles hold the others.
LINES = [
    f"[{NIGHT:%a %b %d %H:%M:%S %Y}] {words}"
    for words in (
        "Xantik says, 'Déjà vu — «naïve» Größe, 12 €'",
        "Players on EverQuest:",
        "---------------------------",
        "[60 Warlord] Brakkus (Barbarian) <Les Épées>",
        "[60 High Priest] Sorrel (Human) <Les Épées>",
        "[ANONYMOUS] Nimwe",
        "There are 3 players in Kael.",
    )
]
LOG = "".join(line + "\r\n" for line in LINES)
#: With a byte of 0 here and there, as a crash of the game leaves them.
HOLED = LOG.replace("[60", "\x00\x00[60").replace("Players", "Pl\x00ayers") + "\x00" * 64
ENDS = {"lf": "\n", "crlf": "\r\n", "old mac": "\r"}
FILES: dict[str, bytes] = {
    **{name: LOG.encode(name) for name in ("utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be")},
    **{name: (end.join(LINES) + end).encode() for name, end in ENDS.items()},
    "mixed ends": "".join(line + "\n\r\n\r"[at % 3 : at % 3 + 2] for at, line in enumerate(LINES)).encode(),
    "utf-16-be marked": b"\xfe\xff" + LOG.encode("utf-16-be"),
    "utf-16 old mac": "\r".join(LINES).encode("utf-16"),
    "nul": HOLED.encode("cp1252"),
    "half a character at the end": LOG.encode("utf-16-le") + b"\x5b",
}
PASTES: dict[str, str] = {
    **{name: end.join(LINES) for name, end in ENDS.items()},
    "mark": "\ufeff" + LOG,
    "nul": HOLED,
    "wide": LOG.encode("utf-16-le").decode("latin-1"),
}
NOT_TEXT = {
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "This is not a text file."),
    "noise": (bytes(range(1, 32)) * 200, "This is not a text file."),
    "nothing": (b"\x00" * 500, "There is nothing in it."),
}


@pytest.fixture
def raid(guild: Guild) -> Iterator[Raid]:
    event = create_event(name="Siege", pools=[guild.pool], default_points="10", actor=guild.officer)
    with clock.frozen(NIGHT + dt.timedelta(minutes=5)):
        yield create_raid(event=event, started_at=NIGHT - dt.timedelta(minutes=20), actor=guild.officer)


def on_page(client: Client, raid: Raid, **sent: object) -> set[tuple[str, str]]:
    once = token(client.get(PATH))
    form = {"form": "import", "once": once, "target": f"raid:{raid.pk}", "check": "first", "step": "preview", **sent}
    page = client.post(PATH, form)
    assert page.context["preview"] is not None, page.text
    return {(row.name, row.tone) for row in page.context["rows"]}


def by_api(guild: Guild, raid: Raid) -> Callable[..., tuple[int, dict[str, object]]]:
    _, key = create_api_key(user=guild.officer, name="letters")
    client = Client(headers={"Authorization": f"Token {key}"})

    def send(**sent: object) -> tuple[int, dict[str, object]]:
        answer = client.post(f"/api/raids/{raid.pk}/preview/", sent)
        return answer.status_code, answer.json()

    return send


def test_a_file_is_the_same_attendance_in_every_set_of_characters(sign_in, guild: Guild, raid: Raid) -> None:
    client, send = sign_in("officer"), by_api(guild, raid)
    for name, data in FILES.items():
        page = on_page(client, raid, file=SimpleUploadedFile("eqlog_Brakkus_x.txt", data))
        assert page == {(one, "good") for one in NAMES}, name
        status, answer = send(file=SimpleUploadedFile("eqlog_Brakkus_x.txt", data))
        assert status == 200, (name, answer)
        assert {row["character_name"] for row in answer["entries"]} == NAMES, name


def test_a_paste_is_the_same_attendance_whatever_the_clipboard_made_of_it(sign_in, guild: Guild, raid: Raid) -> None:
    client, send = sign_in("officer"), by_api(guild, raid)
    for name, text in PASTES.items():
        assert on_page(client, raid, text=text) == {(one, "good") for one in NAMES}, name
        status, answer = send(text=text)
        assert status == 200, (name, answer)
        assert {row["character_name"] for row in answer["entries"]} == NAMES, name


@pytest.mark.parametrize(("data", "words"), NOT_TEXT.values(), ids=NOT_TEXT.keys())
def test_what_is_no_text_is_refused_in_words(sign_in, guild: Guild, raid: Raid, data: bytes, words: str) -> None:
    client = sign_in("officer")
    form = {"form": "import", "once": token(client.get(PATH)), "target": f"raid:{raid.pk}", "step": "preview"}
    page = client.post(PATH, {**form, "file": SimpleUploadedFile("eqlog_Brakkus_x.txt", data)})
    assert page.status_code == 400
    assert words in page.text
    status, answer = by_api(guild, raid)(file=SimpleUploadedFile("eqlog_Brakkus_x.txt", data))
    assert status == 400
    assert words in str(answer)


def test_chat_is_the_same_with_every_line_end_and_nul(guild: Guild) -> None:
    _, key = create_api_key(user=guild.officer, name="letters")
    client = Client(headers={"Authorization": f"Token {key}"})
    said = [
        f"[{NIGHT:%a %b %d %H:%M:%S %Y}] {words}"
        for words in (
            "Brakkus tells the raid,  ':::Épée of Dawn::: OPEN'",
            "Sorrel tells the raid,  'Épée of Dawn 12'",
            "Brakkus tells the raid,  ':::Épée of Dawn::: Sorrel 12 SPENT'",
        )
    ]
    seen = []
    for text in (
        *(end.join(said) for end in ENDS.values()),
        "\n".join(said).replace(" ", "\x00 "),
        "\ufeff" + "\n".join(said),
    ):
        answer = client.post("/api/bidding/parse-chat/", {"text": text}, content_type="application/json")
        assert answer.status_code == 200, answer.text
        events = [dict(one, line_number=None, raw=None, line=None, text=None) for one in answer.json()["events"]]
        seen.append(events)
    assert len(seen[0]) == 3
    assert [events for events in seen if events != seen[0]] == []
