"""The pages for what went wrong outside a page: unknown addresses, refused forms, our own faults."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseServerError
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static

from guildhall.web.pages import typed_of

STYLESHEET = "web/style.css"


def _refused(request: HttpRequest, status: int, heading: str, detail: str) -> HttpResponse:
    context = {
        "status": status,
        "heading": heading,
        "detail": detail,
        "typed": typed_of(request) if status == 403 else "",
    }
    return render(request, "web/refused.html", context, status=status)


def bad_request(request: HttpRequest, exception: object = None) -> HttpResponse:
    """Show the page for 400."""
    return _refused(request, 400, "That does not work", "The request could not be read. Go back and try again.")


def forbidden(request: HttpRequest, exception: object = None) -> HttpResponse:
    """Show the page for 403."""
    return _refused(request, 403, "Not yours to see", "You may not see this page. An officer can say why.")


def not_found(request: HttpRequest, exception: object = None) -> HttpResponse:
    """Show the page for 404."""
    return _refused(
        request, 404, "Not there", "There is no page at this address. It may have moved, or the link has a typo."
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Show the page of 403 for a form without its token."""
    return _refused(
        request,
        403,
        "Send it once more",
        "The form had grown old, or cookies are off. Nothing was done. Go back, reload the page and send it again.",
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Show the page for 500, without the database: it may be what broke."""
    try:
        stylesheet = static(STYLESHEET)
    except Exception:
        stylesheet = ""
    return HttpResponseServerError(render_to_string("500.html", {"stylesheet": stylesheet}))
