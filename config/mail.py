"""E-mail settings out of `EMAIL_URL`, refused at the start where they could not work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured

DUMMY = "django.core.mail.backends.dummy.EmailBackend"
SMTP = "django.core.mail.backends.smtp.EmailBackend"
TIMEOUT = 30  # seconds; without one a mail server that never answers holds a worker for ever
_NAMES = ("BACKEND", "HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS", "USE_SSL", "TIMEOUT", "FILE_PATH")


def email_settings(parsed: Mapping[str, Any] | None) -> dict[str, Any]:
    """Django's ``EMAIL_*`` settings for a parsed `EMAIL_URL`; the backend that sends nothing where it is not set.

    Raises:
        ImproperlyConfigured: the address has an unknown scheme, or no host.
    """
    if not parsed:
        return {"EMAIL_BACKEND": DUMMY}
    found = {f"EMAIL_{name}": parsed[f"EMAIL_{name}"] for name in _NAMES if parsed.get(f"EMAIL_{name}") is not None}
    example = "smtp://user:password@host:587/?tls=True"
    if "EMAIL_BACKEND" not in found:
        raise ImproperlyConfigured(
            f"EMAIL_URL begins with none of smtp:, submission:, console:, file: or dummy:. Write it like {example}"
        )
    if found["EMAIL_BACKEND"] == SMTP and not found.get("EMAIL_HOST"):
        raise ImproperlyConfigured(f"EMAIL_URL names no mail server. Write it like {example}")
    return {"EMAIL_TIMEOUT": TIMEOUT} | found
