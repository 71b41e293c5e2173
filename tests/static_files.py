"""The static files, looked up once in a process and not by each test client again.

A test client makes the middlewares anew, and whitenoise's then looks up every file that Django's finders know, with its
time and size: 20 ms of processor, more than the request that a test is about. Here it takes what an earlier one with
the same settings found.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from whitenoise.middleware import WhiteNoiseMiddleware

#: The settings that decide what is found and how it is served.
SETTINGS = ("STATICFILES_FINDERS", "STATICFILES_DIRS", "STORAGES", "STATIC_ROOT", "STATIC_URL", "INSTALLED_APPS")

_found: dict[str, dict[str, Any]] = {}


def install() -> None:
    """Make whitenoise's middleware reuse what one with the same settings found. Safe to repeat."""
    original = WhiteNoiseMiddleware.add_files_from_finders
    if getattr(original, "reuses", False):
        return

    def add_files_from_finders(self: Any) -> None:
        named = [getattr(settings, name, None) for name in SETTINGS]
        of_its_own = [self.static_prefix, self.max_age, self.allow_all_origins, self.charset, self.add_headers_function]
        key = repr([named, of_its_own])
        if key not in _found:
            before = dict(self.files)
            original(self)
            _found[key] = {url: file for url, file in self.files.items() if before.get(url) is not file}
        self.files.update(_found[key])

    add_files_from_finders.reuses = True  # type: ignore[attr-defined]
    WhiteNoiseMiddleware.add_files_from_finders = add_files_from_finders
