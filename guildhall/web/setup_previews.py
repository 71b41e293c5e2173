"""What each step of setting up would make of given values, in words: shown before anything is made, for its defaults too."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from guildhall.core import clock
from guildhall.core.money import show_points
from guildhall.points.models import DKPPool
from guildhall.points.selectors import pools
from guildhall.web.forms.setup import chosen_events, rank_names

Values = Mapping[str, object]


def guild(given: Values) -> list[str]:
    """Return how the guild is headed, and what its clock says."""
    now = clock.now().astimezone(ZoneInfo(str(given["time_zone"])))
    return [f"Every page is headed “{given['name']}”.", f"By the guild’s clock it is {now:%A %H:%M} now."]


def pool(given: Values) -> list[str]:
    """Return what the pool would be."""
    first = " It is the default, which counts where nobody says another." if not pools() else ""
    return [
        f"A pool “{given['name']}” with two decimals.{first}",
        "An alt earns as much as a main, and nobody spends more than they have.",
        "Standings are there at once, with everybody at 0.00.",
    ]


def ranks(given: Values) -> list[str]:
    """Return each rank in its order, and what it is for."""
    found = []
    for number, name in enumerate(rank_names(str(given["names"])), start=1):
        marks = [
            words
            for key, words in (("default", "whoever comes without a rank"), ("trial", "on trial"))
            if name.casefold() == str(given[key] or "").casefold()
        ]
        found.append(f"{number}. {name}" + (f" ({', '.join(marks)})" if marks else ""))
    return found


def events(given: Values) -> list[str]:
    """Return each event with what a raid of it is worth, and where it pays."""
    chosen = given.get("pool")
    named = (
        chosen if isinstance(chosen, DKPPool) else next((one for one in pools() if str(one.pk) == str(chosen)), None)
    )
    where = f" in {named}" if named is not None else ""
    return [f"{name}: a raid is worth {show_points(worth)}{where}" for name, worth in chosen_events(given)]


def recruitment(given: Values) -> list[str]:
    """Return who could apply."""
    if not given["is_open"]:
        return ["Nobody can apply; the form says so."]
    strangers = "Strangers see the form and can apply." if given["strangers"] else "Whoever has an account can apply."
    return [strangers, "Recruiters find applications under Recruitment, and decide on a trial and a vote."]


def backups(given: Values) -> list[str]:
    """Return how often a backup is made, and how far back they reach."""
    days, keep = int(str(given["days"] or 0)), int(str(given["keep"] or 0))
    if not days:
        return ["No backup is made by itself. Whoever runs the server makes them: manage.py backup."]
    every = "every day" if days == 1 else f"every {days} days"
    return [f"A backup {every}; the newest {keep} are kept, which reach {days * keep} days back."]
