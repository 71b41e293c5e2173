"""A person's own account: API keys (made, rotated, revoked; the text is shown once) and what was done to their
access."""

from __future__ import annotations

import datetime as dt

from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from guildhall.accounts import services, throttle
from guildhall.accounts.access_history import access_history
from guildhall.accounts.models import APIKey, User
from guildhall.accounts.permissions import SCOPES, principal_of, role_scopes
from guildhall.accounts.selectors import keys_of
from guildhall.accounts.services import KeyIssuer
from guildhall.core import clock
from guildhall.core.errors import BadInput, NotFound, TooManyRequests
from guildhall.web.forms.base import ButtonForm
from guildhall.web.forms.people import MOST_DAYS, KeyForm, OwnKeyForm, ZoneForm
from guildhall.web.forms.sign_in_links import OwnPasswordForm
from guildhall.web.kept_pages import zone_of
from guildhall.web.pages import Done, go, me, page, paginate

SHOWN = "shown_key"


def _key(user: User, form: OwnKeyForm) -> APIKey:
    found: APIKey | None = next((key for key in keys_of(user) if str(key.pk) == form.cleaned_data["key"]), None)
    if found is None:
        raise NotFound("You have no such key.", code="unknown_key")
    return found


@never_cache
@page()
def keys(request: HttpRequest) -> HttpResponse:
    """Show my keys. The text of a new one is shown on the next page alone: it waits in the session until then."""
    user = me(request)
    issuer = KeyIssuer.of(principal_of(request))
    allowed = role_scopes(user)
    readable = [scope for scope in SCOPES if scope.endswith(":read") and scope != "account:read"]
    create = KeyForm(request, "create", initial={"scopes": readable})
    create.offer(scope for scope in SCOPES if scope in allowed)
    rotate, revoke = OwnKeyForm(request, "rotate"), OwnKeyForm(request, "revoke")
    personal = ButtonForm(request, "personal")

    def show(key: APIKey, plain: str, words: str) -> Done:
        request.session[SHOWN] = {"name": key.name, "key": plain}
        return go("keys", message=words)

    def make() -> Done:
        days = create.cleaned_data["days"]
        expires = clock.now() + dt.timedelta(days=min(days, MOST_DAYS)) if days else None
        key, plain = services.create_own_key(
            user=user,
            issuer=issuer,
            name=create.cleaned_data["name"],
            scopes=create.cleaned_data["scopes"],
            expires_at=expires,
        )
        return show(key, plain, f"Key {key.name} made. Copy it now; it is not shown again.")

    def make_personal() -> Done:
        key, plain = services.create_own_key(user=user, issuer=issuer, name="Personal key")
        return show(key, plain, "Your personal key is made. Copy it now; it is not shown again.")

    def renew() -> Done:
        grace = 3600 if rotate.cleaned_data["grace"] else 0
        key, plain = services.rotate_api_key(key=_key(user, rotate), grace_seconds=grace, actor=user, issuer=issuer)
        return show(key, plain, f"Key {key.name} has a new text. Copy it now; it is not shown again.")

    def stop() -> Done:
        key = _key(user, revoke)
        services.revoke_api_key(key=key, actor=user, issuer=issuer)
        return go("keys", message=f"Key {key.name} no longer works.")

    for form, action in ((create, make), (personal, make_personal), (rotate, renew), (revoke, stop)):
        if form.sent and (response := form.run(action)) is not None:
            return response
    mine = keys_of(user)
    context = {
        "create": create,
        "rotate": rotate,
        "revoke": revoke,
        "personal": personal,
        "offer_personal": not any(key.is_live and key.kind == APIKey.Kind.PERSONAL for key in mine),
        "keys": mine,
        "shown": request.session.pop(SHOWN, None) if request.method == "GET" else None,
        "now": clock.now(),
    }
    status = max(form.http_status for form in (create, personal, rotate, revoke))
    return render(request, "web/keys.html", context, status=status)


@never_cache
@sensitive_post_parameters("old", "password", "again")
@page()
def account(request: HttpRequest) -> HttpResponse:
    """Show my account: how I sign in, and what was done to my access, by whom and with what."""
    user = me(request)
    zone = ZoneForm(request, "zone", initial={"time_zone": zone_of(user)})

    def choose() -> Done:
        preferences = {**user.preferences, "time_zone": zone.cleaned_data["time_zone"]}
        services.update_person(user=user, actor=user, preferences=preferences)
        chosen = zone.cleaned_data["time_zone"] or "the time zone of your browser"
        return go("account", message=f"Times are shown to you in {chosen}.")

    secret = OwnPasswordForm(request, "password")

    def change() -> Done:
        attempt = throttle.password_attempt(request, user.username)
        try:
            changed = services.change_own_password(
                user=user, old=secret.cleaned_data["old"], password=secret.cleaned_data["password"]
            )
        except BadInput as error:
            if error.code == "wrong_password":
                attempt.failed()
            else:
                attempt.succeeded(user)
            raise
        attempt.succeeded(changed)
        update_session_auth_hash(request, changed)
        return go(
            "account", message="Your password is changed. Whoever was signed in by the old one elsewhere is signed out."
        )

    for form, act in ((zone, choose), (secret, change)):
        if form.sent and (response := form.run(act)) is not None:
            return response
    context = {
        "page": paginate(request, access_history(user)),
        "has_password": user.has_usable_password(),
        "zone": zone,
        "secret": secret,
    }
    response = render(request, "web/account.html", context, status=max(zone.http_status, secret.http_status))
    if isinstance(secret.error, TooManyRequests):
        response["Retry-After"] = str(secret.error.retry_after)
    return response
