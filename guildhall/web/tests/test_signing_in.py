from __future__ import annotations

import pytest
from django.test import Client, override_settings

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
    assert "do not belong together" in page
    assert 'value="member"' in page


def test_guessing_passwords_is_slowed_down(client: Client, guild: Guild) -> None:
    for _ in range(10):
        client.post("/sign-in/", {"form": "password", "username": "member", "password": "wrong"})
    response = client.post("/sign-in/", {"form": "password", "username": "member", "password": "torch"})
    assert "Too many attempts" in response.content.decode()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_led_off_the_site(client: Client, guild: Guild, target: str) -> None:
    response = client.post("/sign-in/", {"form": "password", "username": "member", "password": "torch", "next": target})
    assert response["Location"] == "/"


@override_settings(DEMO_DOOR=True)
def test_the_demo_door_lists_the_personas_and_lets_them_in(client: Client, guild: Guild) -> None:
    assert "The demo door" in client.get("/sign-in/").content.decode()
    assert client.post("/sign-in/as/officer/").status_code == 302
    assert client.get("/me/").status_code == 200


@override_settings(DEMO_DOOR=False)
def test_without_debug_the_demo_door_does_not_exist(client: Client, guild: Guild) -> None:
    assert "demo door" not in client.get("/sign-in/").content.decode()
    assert client.post("/sign-in/as/officer/").status_code == 404
    assert client.get("/me/").status_code == 302


@override_settings(DEMO_DOOR=True)
def test_the_demo_door_lets_in_personas_alone(client: Client, guild: Guild) -> None:
    assert client.post("/sign-in/as/nobody/").status_code == 404
    assert client.get("/sign-in/as/officer/").status_code == 405


def test_signing_out_needs_a_press(sign_in) -> None:
    client = sign_in("member")
    assert client.get("/sign-out/").status_code == 405
    client.post("/sign-out/")
    assert client.get("/me/").status_code == 302
