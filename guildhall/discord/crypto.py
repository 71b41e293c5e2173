"""Encryption of what Discord entrusted us with: OAuth2 tokens at rest.

Fernet (AES-128-CBC with an HMAC) under keys derived from `DISCORD_TOKEN_KEYS`, or from `SECRET_KEY` where none is set.
The first key encrypts, every key decrypts: put a new one in front to rotate, and run
`manage.py refresh_discord_tokens --reencrypt`.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotDecrypt(Exception):
    """No key that is set now made this text."""


def _keys() -> list[str]:
    given = [key for key in getattr(settings, "DISCORD_TOKEN_KEYS", []) if key]
    return given or [settings.SECRET_KEY, *getattr(settings, "SECRET_KEY_FALLBACKS", [])]


def _fernet() -> MultiFernet:
    derived = (hashlib.sha256(b"guildhall discord tokens:" + key.encode()).digest() for key in _keys())
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])


def encrypt(text: str) -> str:
    """Return `text` as it may be stored; empty stays empty."""
    return _fernet().encrypt(text.encode()).decode() if text else ""


def decrypt(text: str) -> str:
    """Return what `encrypt` was given.

    Raises:
        CannotDecrypt: the keys have changed.
    """
    if not text:
        return ""
    try:
        return _fernet().decrypt(text.encode()).decode()
    except InvalidToken as error:
        raise CannotDecrypt("this was encrypted with a key that is not set any more") from error


def rotate(text: str) -> str:
    """Return `text`, encrypted anew under the first key.

    Raises:
        CannotDecrypt: the keys have changed.
    """
    return encrypt(decrypt(text))
