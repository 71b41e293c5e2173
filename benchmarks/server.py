"""What granian serves during a bench: Guildhall, and under /floor/ the same answers by hand-written SQL.

A floor goes through the same server, the same threads and the same connection pool; only Django's middleware, the
views and the serializers are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson
from django.conf import settings
from django.db import connection

from benchmarks.cases import all_cases
from config.wsgi import application as guildhall
from guildhall.core.api.renderers import _default
from guildhall.core.rsgi import RSGIApplication

settings.ROOT_URLCONF = "benchmarks.urls"  # the site's, and the bare view
_floors = {case.name: case.floor for case in all_cases() if case.floor is not None}


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Return the WSGI application."""
    path: str = environ["PATH_INFO"]
    if not path.startswith("/floor/"):
        return guildhall(environ, start_response)
    _, _, name, rest = path.split("/", 3)
    try:
        with connection.cursor() as cursor:
            found = _floors[name](cursor, "/" + rest)
        body = orjson.dumps(found, default=_default)
    finally:
        connection.close()  # back to the pool
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


application = RSGIApplication(wsgi, threads=settings.WEB_THREADS)  # as config/rsgi.py has the site alone
