"""Reading right after a raid was added and while raids are added; and the same figures beside those of EQdkp Plus."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from collections.abc import Mapping
from contextlib import closing

from .case import Result, at_least, at_most, without_goal
from .cases.roster import character_name
from .endpoints import Site
from .load import Answer, Client, Load, request_bytes

RAIDERS = 72
RAIDS = 9
AFTER = 1.5
AWARD = 150.0
KEPT_READING = 2 / 3
#: Seconds of EQdkp Plus 2.3.39 on PHP, with 450 characters and 207,000 attendances: from the text of issue 18.
EQDKP = {"points after a raid": 8.9, "points": 0.056, "points page": 0.043, "raids page": 0.023}
AHEAD = 0.8
"""“Clearly ahead”: at most so much of EQdkp's time."""
OLD_POINTS = "/api.php?function=points&format=json"
STANDINGS = {"leaderboard": "/api/points/leaderboard/1/?page_size=100", "standings page": "/standings/"}


class Writer:
    """Adds raids through the API, as a raid leader's tool does."""

    def __init__(self, site: Site) -> None:
        self._client = Client(site.server.port)
        self._headers = {"Authorization": f"Token {site.known['key']}", "Content-Type": "application/json"}
        self._people = min(RAIDERS, site.size.people)
        self._turn = 0

    def _post(self, path: str, body: Mapping[str, object]) -> Answer:
        answer = self._client.send(request_bytes(path, self._headers, "POST", json.dumps(body).encode()))
        if answer.status not in (200, 201):
            raise SystemExit(f"{path} answered {answer.status}: {answer.body[:300]!r}")
        return answer

    def _moment(self) -> dt.datetime:
        self._turn += 1
        return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=3600 - self._turn % 3600)

    def add_raid(self) -> float:
        """Add a raid and award it to 72 people; returns the milliseconds of the award."""
        raid = self._post("/api/raids/", {"event": 1, "name": "Bench", "started_at": self._moment().isoformat()})
        attendees = [{"character_name": character_name(number)} for number in range(1, self._people + 1)]
        number = json.loads(raid.body)["id"]
        return self._post(f"/api/raids/{number}/attendance/", {"attendees": attendees}).seconds * 1000

    def add_by_old_api(self) -> None:
        """Add a raid of as many by `/api.php`."""
        numbers = [100_000_000 + number for number in range(1, self._people + 1)]
        body = {
            "raid_date": self._moment().strftime("%Y-%m-%d %H:%M"),
            "raid_attendees": {"member": numbers},
            "raid_value": 10,
            "raid_event_id": 100_000_001,
            "raid_note": f"Bench {time.time_ns()}",  # the same once more would be a repeat, which changes nothing
        }
        answer = self._post("/api.php?function=add_raid&format=json", body)
        if json.loads(answer.body).get("status") != 1:
            raise SystemExit(f"add_raid answered {answer.body[:300]!r}")

    def close(self) -> None:
        """Close its connection."""
        self._client.close()


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _request(path: str, known: Mapping[str, str]) -> bytes:
    if path.startswith("/api"):
        return request_bytes(path, {"Authorization": f"Token {known['key']}"})
    return request_bytes(path, {"Cookie": f"sessionid={known['session']}", "Accept": "text/html"})


def _times(site: Site, client: Client, path: str) -> float:
    answer = client.send(_request(path, site.known))
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}")
    return answer.seconds * 1000


def after_a_raid(site: Site) -> list[Result]:
    """Measure standings right after a raid beside the same made anew when nothing happened, and the raid's award."""
    awards: list[float] = []
    at_rest: dict[str, list[float]] = {name: [] for name in STANDINGS}
    after: dict[str, list[float]] = {name: [] for name in STANDINGS}
    with closing(Writer(site)) as writer, closing(Client(site.server.port)) as client:
        for _ in range(RAIDS):
            for name, path in STANDINGS.items():
                site.changer.change()
                at_rest[name].append(_times(site, client, path))
                awards.append(writer.add_raid())
                after[name].append(_times(site, client, path))
    found = [at_most(f"award of a raid of {RAIDERS}", _median(awards), AWARD, "ms")]
    for name in STANDINGS:
        late, rest = _median(after[name]), _median(at_rest[name])
        note = f"{late:.1f} ms; made anew at rest {rest:.1f} ms"
        found.append(at_most(f"{name} right after a raid", late / rest, AFTER, "times at rest", note))
    return found


def while_raids_are_added(site: Site, *, clients: int, seconds: float) -> list[Result]:
    """Measure how much readers lose while a raid is added every second."""
    requests = {
        path: _request(path, site.known) for path in (*STANDINGS.values(), "/api/raids/?page_size=50", "/raids/")
    }
    alone = Load(port=site.server.port, requests=requests, clients=clients)
    beside = Load(port=site.server.port, requests=requests, clients=clients)
    for _ in range(2):
        alone.run(seconds / 2)
        over = threading.Event()
        writer = threading.Thread(target=_write, args=(site, over))
        writer.start()
        beside.run(seconds / 2)
        over.set()
        writer.join()
    note = f"{beside.measured.rate:.0f} answers a second, {alone.measured.rate:.0f} alone"
    share = beside.measured.rate / alone.measured.rate
    return [
        at_least("reading while a raid is added every second", share, round(KEPT_READING, 3), "of reading alone", note)
    ]


def _write(site: Site, over: threading.Event) -> None:
    with closing(Writer(site)) as writer:
        while True:
            begun = time.monotonic()
            writer.add_raid()
            if over.wait(max(0.0, 1 - (time.monotonic() - begun))):
                return


def beside_eqdkp(site: Site) -> list[Result]:
    """Measure with one client what was measured of EQdkp Plus; medians."""
    found: list[Result] = []

    def compare(name: str, ours: float, theirs: str) -> None:
        goal = EQDKP[theirs] * 1000
        note = f"{theirs} in EQdkp Plus {goal:.0f} ms"
        found.append(at_most(f"{name}, one client", ours, goal * AHEAD, "ms", note))

    with closing(Writer(site)) as writer, closing(Client(site.server.port)) as client:
        late: dict[str, list[float]] = {OLD_POINTS: [], STANDINGS["leaderboard"]: []}
        for _ in range(RAIDS):
            for path, times in late.items():
                writer.add_by_old_api()
                times.append(_times(site, client, path))
        compare("points by the old API right after a raid", _median(late[OLD_POINTS]), "points after a raid")
        compare("leaderboard right after a raid", _median(late[STANDINGS["leaderboard"]]), "points after a raid")
        for name, path, theirs in (
            ("points by the old API", OLD_POINTS, "points"),
            ("standings page", "/standings/", "points page"),
            ("raids page", "/raids/", "raids page"),
        ):
            compare(name, _median([_times(site, client, path) for _ in range(31)]), theirs)
        warm = _median([_times(site, client, STANDINGS["leaderboard"]) for _ in range(31)])
        found.append(without_goal("leaderboard, one client", warm, "ms"))
    return found
