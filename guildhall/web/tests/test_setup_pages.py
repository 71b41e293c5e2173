"""Setting up a guild on its pages: the founding, and the steps after it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from guildhall.accounts.models import User
from guildhall.accounts.services import make_setup_code
from guildhall.accounts.visitors import visitor_access
from guildhall.core import guild as settings_of_guild
from guildhall.core.models import AuditEvent, GuildSettings
from guildhall.discord.connection import Check
from guildhall.points.models import DKPPool
from guildhall.raids.models import Event
from guildhall.recruitment.services.transitions import policy
from guildhall.roster.models import Rank
from guildhall.web.tests.conftest import Guild, confirmed, token, version

pytestmark = pytest.mark.django_db
PASSWORD = "torch of the hall"
GIVEN = {
    "form": "found", "guild_name": "Ember Watch", "time_zone": "Europe/Berlin", "username": "brak",
    "password": PASSWORD, "again": PASSWORD,
}  # fmt: skip


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, path
    return response.content.decode()


def found(client: Client, **more: str) -> Any:
    response = client.post("/setup/", {**GIVEN, "code": make_setup_code(), **more})
    settings_of_guild.forget()  # as after the commit
    return response


def take(client: Client, step: str, **values: Any) -> Any:
    path = f"/officers/setup/{step}/"
    page = client.get(path)
    name = page.content.decode().split('name="form" value="')[1].split('"')[0]
    response = client.post(path, {"form": name, "once": token(page), **version(page, name), **values})
    assert response.status_code == 302, response.content.decode()
    settings_of_guild.forget()
    return response


def test_whoever_has_the_code_founds_the_guild_and_is_signed_in(client: Client) -> None:
    assert "/setup/" in text(client, "/")
    assert 'value="ABC"' in text(client, "/setup/?code=ABC")
    assert found(client).url == "/officers/setup/"
    page = text(client, "/officers/setup/")
    assert "Ember Watch" in page
    assert "times are Europe/Berlin" in page
    assert client.get("/setup/").status_code == 404
    assert "/setup/" not in text(Client(), "/")


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(client: Client) -> None:
    for more, words in (
        ({"again": "another"}, "not the same password"),
        ({"password": "abc", "again": "abc"}, "too short"),
        ({"time_zone": "Norrath"}, "not a time zone"),
        ({"code": "WRONG"}, "does not open the setup"),
    ):
        response = client.post("/setup/", {**GIVEN, "code": make_setup_code(), **more})
        page = response.content.decode()
        assert response.status_code in (400, 403), more
        assert words in page, more
        assert 'value="Ember Watch"' in page, more
        assert PASSWORD not in page
    assert not User.objects.exists()


def test_every_step_is_done_left_out_or_open_and_the_list_goes_when_none_is_open(client: Client) -> None:
    found(client)
    assert "The guild is being set up" in text(client, "/")
    take(client, "pools", name="Velious")
    take(client, "ranks", names="Leader\r\nRaider\r\n\r\nraider\r\nTrial", default="Raider", trial="Trial")
    pool = DKPPool.objects.get()
    page = text(client, "/officers/setup/events/")
    assert f'<option value="{pool.pk}" selected>' in page, "the only pool is chosen by itself"
    take(client, "events", **{"pool": pool.pk, "make-lady-vox": "1", "worth-lady-vox": "3.5"})
    take(client, "recruitment", is_open="1", strangers="1")
    take(client, "backups", days="7", keep="4")
    assert list(Rank.objects.values_list("name", "is_default", "is_trial")) == [
        ("Leader", False, False), ("Raider", True, False), ("Trial", False, True),
    ]  # fmt: skip
    event = Event.objects.get()
    assert (event.name, str(event.default_points), event.event_pools.get().pool) == ("Lady Vox", "3.50", pool)
    assert policy().is_open
    assert visitor_access().recruitment
    assert GuildSettings.objects.get().backup_every_days == 7
    home = text(client, "/")
    assert "What strangers see" in home
    assert "Backups" not in home
    for step in ("visitors", "roster", "people", "discord"):
        page = client.get("/officers/setup/")
        client.post("/officers/setup/", {"form": "leave", "once": token(page), "step": step})
        settings_of_guild.forget()
    assert "The guild is being set up" not in text(client, "/")
    page = client.get("/officers/setup/")
    client.post("/officers/setup/", {"form": "resume", "once": token(page), "step": "discord"})
    assert "The guild is being set up" in text(client, "/")


def test_the_list_can_be_put_away(client: Client) -> None:
    found(client)
    page = client.get("/officers/setup/")
    client.post("/officers/setup/", {"form": "away", "once": token(page)})
    settings_of_guild.forget()
    assert "The guild is being set up" not in text(client, "/")


def test_a_guild_that_was_there_before_is_asked_nothing(sign_in: Any, guild: Guild) -> None:
    assert "The guild is being set up" not in text(sign_in("officer"), "/")
    assert sign_in("member").get("/officers/setup/").status_code == 403


def test_pages_of_a_guild_without_a_pool_and_an_event_say_what_to_do_next(client: Client) -> None:
    found(client)
    for path, says, leads in (
        ("/standings/", "There is no DKP pool yet", "/officers/setup/pools/"),
        ("/raids/", "No raid yet", "/raids/import/"),
        ("/raids/new/", "There is no event yet", "/officers/events/"),
        ("/raids/import/", "There is no event yet", "/officers/setup/events/"),
        ("/items/", "No item yet", "/raids/"),
    ):
        page = client.get(path)
        assert page.status_code == 200, path
        assert says in page.content.decode(), path
        assert f'href="{leads}"' in page.content.decode().split("<main")[1], path


@pytest.mark.parametrize(
    ("step", "default", "changed", "says"),
    [
        ("guild", "Every page is headed “Ember Watch”.", {"name": "Owls", "time_zone": "UTC"}, "headed “Owls”"),
        ("pools", "A pool “DKP” with two decimals. It is the default", {"name": "Luclin"}, "A pool “Luclin”"),
        (
            "ranks",
            "5. Trial (on trial)",
            {"names": "Boss\nPleb", "default": "Pleb", "trial": ""},
            "2. Pleb (whoever comes",
        ),
        ("recruitment", "Nobody can apply", {"is_open": "1", "strangers": "1"}, "Strangers see the form"),
        ("backups", "A backup every day; the newest 14", {"days": "0", "keep": "4"}, "No backup is made by itself"),
    ],
)
def test_a_step_shows_what_it_makes_before_it_makes_it(
    client: Client, step: str, default: str, changed: dict[str, str], says: str
) -> None:
    found(client)
    path = f"/officers/setup/{step}/"
    page = client.get(path)
    assert default in page.content.decode()
    name = page.content.decode().split('name="form" value="')[1].split('"')[0]
    audited = AuditEvent.objects.count()
    shown = client.post(path, {"form": name, "once": token(page), "step": "preview", **changed})
    assert shown.status_code == 200
    assert says in shown.content.decode()
    assert AuditEvent.objects.count() == audited, "looking makes nothing"
    wrong = {"guild": {"time_zone": "Norrath"}, "pools": {"name": ""}, "ranks": {"names": ""}, "backups": {"days": "x"}}
    if step in wrong:
        refused = client.post(path, {"form": name, "once": token(page), "step": "preview", **changed, **wrong[step]})
        assert refused.status_code == 400
        assert "What it makes" not in refused.content.decode()


def test_the_step_of_events_shows_each_with_its_worth_and_pool(client: Client) -> None:
    found(client)
    take(client, "pools", name="Velious")
    page = text(client, "/officers/setup/events/")
    assert "Lord Nagafen: a raid is worth 3.00 in Velious" in page
    assert "Vex Thal: a raid is worth" not in page


def test_the_roster_and_discord_are_done_within_the_setup(client: Client) -> None:
    found(client)
    for path in ("/officers/roster-import/", "/officers/discord/", "/officers/visitors/", "/officers/invitations/"):
        assert 'href="/officers/setup/"' in text(client, path).split("<main")[1], path
    path = "/officers/roster-import/"
    given = {"form": "dump", "text": "Brak\nTom\n", "name": ["Brak", "Tom"], "main": ["me", ""]}
    page = client.post(path, {**given, "do": "preview", "once": token(client.get(path))})
    applied = {**given, **confirmed(page), "do": "apply", "seen": "1", "choice": ["add", "people"]}
    done = client.post(path, applied)
    assert done.url == "/officers/setup/"
    listed = text(client, done.url)
    assert "2 new names, 1 new person." in listed
    assert 'name="what"' in listed, "undo stands beside it"
    assert User.objects.get(username="brak").characters.get().name == "Brak"
    tested = client.post("/officers/discord/", {"form": "test", "once": "a"})
    assert "Parts of the connection" in tested.content.decode()
    client.post("/officers/setup/", {"form": "away", "once": token(client.get("/officers/setup/"))})
    settings_of_guild.forget()
    assert "go back to the list" not in text(client, path)


def test_a_discord_that_passes_its_test_is_done(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    found(client)
    good, bad = Check("bot", "ok", "it is there"), Check("roles", "failed", "it may not")
    for checks, state in (([good, bad], None), ([], None), ([good], "done")):
        monkeypatch.setattr("guildhall.web.views.discord.check_connection", lambda client, checks=checks: checks)
        client.post("/officers/discord/", {"form": "test", "once": "a"})
        assert GuildSettings.objects.get().steps.get("discord", {}).get("state") == state


def test_the_browsers_zone_is_the_default_where_the_server_names_none(client: Client, settings: Any) -> None:
    assert "data-browser-zone" in text(client, "/setup/")
    settings.GUILD_TIME_ZONE = "Europe/Berlin"
    page = text(client, "/setup/")
    assert "data-browser-zone" not in page
    assert 'value="Europe/Berlin"' in page
