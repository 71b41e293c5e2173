"""The system's health: for officers in full, for a load balancer in a word, for Prometheus in numbers."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts import throttle
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import APIView
from guildhall.core.errors import TooManyRequests
from guildhall.ops import selectors

_TEXT = "text/plain; charset=utf-8"


class CheckSerializer(Serializer):
    """One thing looked at."""

    name = serializers.CharField()
    status = serializers.ChoiceField(choices=["ok", "warning", "failing"])
    detail = serializers.CharField(help_text="for a person; says what to do")
    figures = serializers.DictField(help_text="the numbers behind it")


class HealthSerializer(Serializer):
    """Every check, and the worst of their states."""

    status = serializers.ChoiceField(choices=["ok", "warning", "failing"])
    checked_at = serializers.DateTimeField()
    checks = CheckSerializer(many=True)


class SystemHealthView(APIView):
    """GET /api/admin/system-health/ (PRD 5.2.10): officers and keys with the scope `admin`."""

    required_scopes = ("admin", "discord:write")

    @extend_schema(
        summary="How the system is",
        description="Database, migrations, ledger, cache, worker, jobs, queue, outbox, backups and disk, looked at "
        "at most a second ago (`checked_at`). Answers 200 also when something fails: read `status`.",
        responses=HealthSerializer,
    )
    def get(self, request: Request) -> Response:
        return Response(selectors.recent_health().as_dict())


def healthz(request: HttpRequest) -> JsonResponse:
    """GET /healthz: 200 while the site can serve, 503 while its database does not answer. Tells nothing else."""
    if selectors.database_is_reachable():
        return JsonResponse({"status": "ok"})
    return JsonResponse({"status": "failing"}, status=503)


def _may_read_metrics(request: HttpRequest) -> bool:
    """Return whether the metrics may be read: with `METRICS_TOKEN` set, by whoever sends it; without it, by this
    machine alone and not through a proxy."""
    if settings.METRICS_TOKEN:
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return secrets.compare_digest(sent.encode(), settings.METRICS_TOKEN.encode())
    proxied = "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META
    return not proxied and request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1")


def metrics(request: HttpRequest) -> HttpResponse:
    """GET /metrics: the same in Prometheus' text form."""
    if not _may_read_metrics(request):
        if settings.METRICS_TOKEN and "Authorization" in request.headers:
            try:
                throttle.failed(request, throttle.Tried.METRICS_TOKEN)
            except TooManyRequests as error:  # said here: this view is answered before the other middlewares
                waiting = {"Retry-After": str(error.retry_after)}
                return HttpResponse(f"{error.detail}\n", status=429, content_type=_TEXT, headers=waiting)
        return HttpResponse("Send `Authorization: Bearer` with METRICS_TOKEN.\n", status=403, content_type=_TEXT)
    lines = []
    for name, kind, help_text, values in selectors.metrics():
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"]
        for labels, value in values:
            shown = ",".join(f'{key}="{label}"' for key, label in labels.items())
            lines.append(f"{name}{{{shown}}} {value:g}" if shown else f"{name} {value:g}")
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")
