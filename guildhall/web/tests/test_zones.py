"""Everybody sees times in a zone of their own; pages are kept for all, and nobody gets another's zone."""

from __future__ import annotations

from django.test import Client

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person

from .conftest import Guild, token


def choose(client: Client, zone: str):
    page = client.get("/me/account/")
    return client.post("/me/account/", {"form": "zone", "once": token(page), "time_zone": zone}, follow=True)


def test_a_zone_is_chosen_and_kept_pages_say_each_ones_own(guild: Guild) -> None:
    User.objects.filter(pk=guild.member.pk).update(preferences={"theme": "dark"})
    one, two = Client(), Client()
    one.force_login(guild.member)
    two.force_login(create_person(display_name="Other", role_group="member"))
    for zone in ("America/New_York", "Asia/Tokyo"):
        choose(one, zone)
        for _ in range(2):
            assert f'data-zone="{zone}"' in one.get("/roster/").content.decode()
            assert 'data-zone=""' in two.get("/roster/").content.decode()
    guild.member.refresh_from_db()
    assert guild.member.preferences == {"theme": "dark", "time_zone": "Asia/Tokyo"}
    assert "data-zone=" not in Client().get("/sign-in/").content.decode()


def test_a_zone_that_there_is_not_is_refused(sign_in, guild: Guild) -> None:
    page = choose(sign_in("member"), "Mars/Olympus")
    assert page.status_code == 400
    guild.member.refresh_from_db()
    assert guild.member.preferences == {}
