from __future__ import annotations

import re

from guildhall.accounts.models import APIKey

from .conftest import Guild, token


def _make(client, **fields):
    form = {"form": "create", "once": token(client.get("/me/keys/")), "name": "My bot", "scopes": ["points:read"]}
    return client.post("/me/keys/", {**form, **fields}, follow=True)


def test_a_key_is_shown_once_and_works(sign_in, guild: Guild) -> None:
    client = sign_in("member")
    page = _make(client).content.decode()
    shown = re.search(r'id="the-key">([^<]+)<', page)
    assert shown
    assert APIKey.objects.get().name == "My bot"
    assert shown.group(1) not in client.get("/me/keys/").content.decode()


def test_a_key_without_anything_it_may_do_is_refused(sign_in, guild: Guild) -> None:
    page = _make(sign_in("member"), scopes=[]).content.decode()
    assert "at least one thing" in page
    assert 'value="My bot"' in page


def test_a_key_cannot_do_more_than_its_owner(sign_in, guild: Guild) -> None:
    page = _make(sign_in("member"), scopes=["points:write"]).content.decode()
    assert "does not allow points:write" in page
    assert not APIKey.objects.exists()


def test_a_key_is_rotated_and_revoked(sign_in, guild: Guild) -> None:
    client = sign_in("member")
    _make(client)
    key = APIKey.objects.get()
    before = key.key_hash
    client.post("/me/keys/", {"form": "rotate", "once": "a", "key": key.pk})
    key.refresh_from_db()
    assert key.key_hash != before
    client.post("/me/keys/", {"form": "revoke", "once": "b", "key": key.pk})
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_nobody_touches_the_key_of_another(sign_in, guild: Guild) -> None:
    _make(sign_in("member"))
    key = APIKey.objects.get()
    client = sign_in("recruiter")
    response = client.post("/me/keys/", {"form": "revoke", "once": "b", "key": key.pk})
    assert response.status_code == 404
    key.refresh_from_db()
    assert key.revoked_at is None
