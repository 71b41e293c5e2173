from __future__ import annotations

import pytest
from django.test import Client, override_settings

from guildhall.accounts.services import create_person

from .conftest import Guild


def test_a_password_signs_in_and_leads_back(client: Client, guild: Guild) -> None:
    response = client.post(
        "/sign-in/", {"form": "password", "username": "member", "password": "torch", "next": "/roster/"}
    )
    assert response.status_code == 302
    assert response["Location"] == "/roster/"
    assert client.get("/me/").status_code == 200


def test_a_wrong_password_says_so_and_keeps_the_name(client: Client, guild: Guild) -> None:
    response = client.post("/sign-in/", {"form": "password", "username": "member", "password": "wrong"})
    assert response.status_code == 400
    page = response.content.decode()
    assert "password is wrong" in page
    assert 'value="member"' in page


def test_guessing_passwords_is_slowed_down(client: Client, guild: Guild) -> None:
    for _ in range(10):
        client.post("/sign-in/", {"form": "password", "username": "member", "password": "wrong"})
    response = client.post("/sign-in/", {"form": "password", "username": "member", "password": "torch"})
    assert (response.status_code, 0 < int(response["Retry-After"]) <= 300) == (429, True)
    assert "Too many attempts" in response.content.decode()
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_led_off_the_site(client: Client, guild: Guild, target: str) -> None:
    response = client.post("/sign-in/", {"form": "password", "username": "member", "password": "torch", "next": target})
    assert response["Location"] == "/"


@override_settings(DEMO_SIGN_IN=True)
def test_the_demo_sign_in_lists_the_personas_and_signs_them_in(client: Client, guild: Guild) -> None:
    assert "The demo sign-in" in client.get("/sign-in/").content.decode()
    assert client.post("/sign-in/as/officer/").status_code == 302
    assert client.get("/me/").status_code == 200


@override_settings(DEMO_SIGN_IN=False)
def test_without_debug_there_is_no_demo_sign_in(client: Client, guild: Guild) -> None:
    assert "demo sign-in" not in client.get("/sign-in/").content.decode()
    assert client.post("/sign-in/as/officer/").status_code == 404
    assert client.get("/me/").status_code == 302


@override_settings(DEMO_SIGN_IN=True)
def test_the_demo_sign_in_signs_in_personas_alone(client: Client, guild: Guild) -> None:
    assert client.post("/sign-in/as/nobody/").status_code == 404
    assert client.get("/sign-in/as/officer/").status_code == 405


def test_signing_out_needs_a_press(sign_in) -> None:
    client = sign_in("member")
    assert client.get("/sign-out/").status_code == 405
    client.post("/sign-out/")
    assert client.get("/me/").status_code == 302


@pytest.mark.parametrize("enabled", [True, False])
def test_a_guild_without_the_demo_speaks_of_no_demo(client: Client, enabled: bool, db: None) -> None:
    with override_settings(DEMO_SIGN_IN=enabled):
        empty = client.get("/sign-in/").content.decode()
        assert "demo" not in empty.lower()
        assert "/setup/" in empty
        create_person(display_name="Somebody", username="somebody", password="torch", role_group="officer")
        begun = client.get("/sign-in/").content.decode()
    assert "demo" not in begun.lower()
    assert "/setup/" not in begun
