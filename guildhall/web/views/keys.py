"""A person's own API keys: made, rotated, revoked; the text is shown once."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from guildhall.accounts import services
from guildhall.accounts.models import APIKey, User
from guildhall.accounts.permissions import SCOPES, role_scopes
from guildhall.accounts.selectors import keys_of
from guildhall.core import clock
from guildhall.core.errors import BadInput, NotFound
from guildhall.web.pages import Done, Form, go, me, page

SHOWN = "shown_key"


def _key(user: User, form: Form) -> APIKey:
    found: APIKey | None = next((key for key in keys_of(user) if str(key.pk) == form.text("key")), None)
    if found is None:
        raise NotFound("You have no such key.", code="unknown_key")
    return found


@never_cache
@page()
def keys(request: HttpRequest) -> HttpResponse:
    """My keys. The text of a new one is shown on the next page alone: it waits in the session until then."""
    user = me(request)
    create, rotate, revoke = Form(request, "create"), Form(request, "rotate"), Form(request, "revoke")

    def show(key: APIKey, plain: str, words: str) -> Done:
        request.session[SHOWN] = {"name": key.name, "key": plain}
        return go("keys", message=words)

    def make() -> Done:
        if not create.many("scopes"):
            raise BadInput("Tick at least one thing the key may do.", code="required", attr="scopes")
        days = create.number("days", what="days")
        expires = clock.now() + dt.timedelta(days=min(days, 36_500)) if days else None
        key, plain = services.create_api_key(
            user=user, name=create.text("name"), scopes=create.many("scopes"), expires_at=expires, actor=user
        )
        return show(key, plain, f"Key {key.name} made. Copy it now; it is not shown again.")

    def renew() -> Done:
        grace = 3600 if rotate.flag("grace") else 0
        key, plain = services.rotate_api_key(key=_key(user, rotate), grace_seconds=grace, actor=user)
        return show(key, plain, f"Key {key.name} has a new text. Copy it now; it is not shown again.")

    def stop() -> Done:
        key = _key(user, revoke)
        services.revoke_api_key(key=key, actor=user)
        return go("keys", message=f"Key {key.name} no longer works.")

    for form, action in ((create, make), (rotate, renew), (revoke, stop)):
        if form.sent and (response := form.run(action)) is not None:
            return response
    allowed = role_scopes(user)
    context = {
        "create": create,
        "rotate": rotate,
        "revoke": revoke,
        "keys": keys_of(user),
        "scopes": [scope for scope in SCOPES if scope in allowed],
        "ticked": create.many("scopes") if create.sent else [s for s in SCOPES if s.endswith(":read")],
        "shown": request.session.pop(SHOWN, None) if request.method == "GET" else None,
        "now": clock.now(),
    }
    return render(request, "web/keys.html", context, status=max(create.status, rotate.status, revoke.status))
