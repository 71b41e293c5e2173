"""Whoever watches this server asks it by its number, not by its name.

A balancer, an uptime monitor and Prometheus come to 127.0.0.1:8000 or to a machine's own address, over plain HTTP. Neither
`ALLOWED_HOSTS` nor the redirect to HTTPS is meant for them: their two answers do not depend on the name that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from .api.views import healthz, metrics

_ANSWERS: dict[str, Callable[[HttpRequest], HttpResponseBase]] = {"/healthz": healthz, "/metrics": metrics}


class ProbeMiddleware:
    """Answers /healthz and /metrics before anybody asks for the host or for HTTPS; `metrics` judges who may read it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return _ANSWERS.get(request.path_info, self.get_response)(request)
