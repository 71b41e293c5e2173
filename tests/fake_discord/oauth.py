"""OAuth2 as Discord documents it: consent page, code with PKCE S256, refresh with rotation, revocation, `@me`."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
from html import escape
from urllib.parse import urlencode

from .state import AccessToken, Application, FakeState, s256
from .wire import Answer, OAuthRefusal, Refusal, Request, unauthorized

KNOWN_SCOPES = {"identify", "email", "guilds", "guilds.join", "guilds.members.read", "role_connections.write"}


def _application(state: FakeState, client_id: str) -> Application:
    app = state.applications.get(client_id)
    if app is None:
        raise OAuthRefusal(400, "invalid_request", "Unknown Application")
    return app


def _checked(state: FakeState, query: dict[str, str]) -> tuple[Application, list[str]]:
    app = _application(state, query.get("client_id", ""))
    if query.get("response_type") != "code":
        raise OAuthRefusal(400, "unsupported_response_type", 'Value "response_type" must be "code".')
    redirect = query.get("redirect_uri", "")
    if not redirect or (app.redirect_uris and redirect not in app.redirect_uris):
        raise OAuthRefusal(400, "invalid_request", "Redirect URI is not supported by client.")
    scopes = query.get("scope", "").split()
    if not scopes or set(scopes) - KNOWN_SCOPES:
        raise OAuthRefusal(400, "invalid_scope", "The requested scope is invalid, unknown, or malformed.")
    if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
        raise OAuthRefusal(400, "invalid_request", "Only S256 is supported.")
    return app, scopes


def consent_page(state: FakeState, request: Request) -> Answer:
    """The page on which an invented person says yes or no."""
    app, scopes = _checked(state, request.query)
    hidden = "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in request.query.items())
    people = [p for p in state.people.values() if not p.bot]
    buttons = "".join(
        f'<button name="user_id" value="{p.id}">{escape(p.global_name or p.username)}'
        f"<small>{escape(p.username)}{'' if p.id in state.members else ' · not in the guild'}</small></button>"
        for p in people
    )
    html = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Pretend Discord</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>body{{font:16px system-ui;background:#313338;color:#dbdee1;display:grid;place-items:center;min-height:100vh;
margin:0}}form{{background:#2b2d31;padding:1.5rem;border-radius:12px;width:min(92vw,26rem)}}button{{display:flex;
justify-content:space-between;width:100%;padding:.75rem 1rem;margin:.35rem 0;border:0;border-radius:8px;
background:#404249;color:inherit;font:inherit;cursor:pointer}}button:hover{{background:#5865f2}}
button.no{{background:none;color:#949ba4;justify-content:center}}small{{color:#949ba4}}</style>
<form method="post" action="{escape(request.path)}"><h1>Pretend Discord</h1>
<p><b>{escape(app.name)}</b> asks for <code>{escape(" ".join(scopes))}</code>. Nobody here is real: continue as</p>
{hidden}{buttons}<button class="no" name="cancel" value="1">Cancel</button></form></html>"""
    return Answer(200, html=html)


def consent(state: FakeState, request: Request) -> Answer:
    """Back to the application with a code, or with `access_denied`."""
    form = request.form
    app, scopes = _checked(state, form)
    answer = {"state": form["state"]} if form.get("state") else {}
    if form.get("cancel"):
        answer |= {
            "error": "access_denied",
            "error_description": "The resource owner or authorization server denied the request",
        }
    else:
        person = state.people.get(form.get("user_id", ""))
        if person is None or person.bot:
            raise OAuthRefusal(400, "invalid_request", "Choose one of the people.")
        answer["code"] = state.issue_code(
            client_id=app.id,
            user_id=person.id,
            redirect_uri=form["redirect_uri"],
            scopes=scopes,
            challenge=form.get("code_challenge", ""),
            challenge_method=form.get("code_challenge_method", ""),
        )
    joiner = "&" if "?" in form["redirect_uri"] else "?"
    return Answer(302, headers={"Location": f"{form['redirect_uri']}{joiner}{urlencode(answer)}"})


def _client(state: FakeState, request: Request) -> Application:
    """The application that calls, from HTTP Basic or the form."""
    client_id, secret = request.form.get("client_id", ""), request.form.get("client_secret", "")
    header = request.header("authorization")
    if header.startswith("Basic "):
        client_id, _, secret = base64.b64decode(header[6:]).decode().partition(":")
    app = state.applications.get(client_id)
    if app is None or not hmac.compare_digest(app.secret, secret):
        raise OAuthRefusal(401, "invalid_client")
    return app


def _token_body(token: AccessToken, lifetime: int) -> dict[str, object]:
    return {
        "token_type": "Bearer",
        "access_token": token.token,
        "expires_in": lifetime,
        "refresh_token": token.refresh_token,
        "scope": " ".join(token.scopes),
    }


def token(state: FakeState, request: Request) -> Answer:
    """Trade a code or a refresh token for an access token."""
    app = _client(state, request)
    form = request.form
    kind = form.get("grant_type")
    if kind == "authorization_code":
        grant = state.grants.get(form.get("code", ""))
        if (
            grant is None
            or grant.used
            or grant.client_id != app.id
            or grant.expires_at <= state.clock()
            or grant.redirect_uri != form.get("redirect_uri")
        ):
            raise OAuthRefusal(400, "invalid_grant", 'Invalid "code" in request.')
        if grant.challenge and s256(form.get("code_verifier", "")) != grant.challenge:
            raise OAuthRefusal(400, "invalid_grant", 'Invalid "code_verifier" in request.')
        grant.used = True
        issued = state.issue_token(client_id=app.id, user_id=grant.user_id, scopes=grant.scopes)
        return Answer(200, _token_body(issued, state.token_lifetime))
    if kind == "refresh_token":
        old = next((t for t in state.tokens.values() if t.refresh_token == form.get("refresh_token")), None)
        if old is None or old.revoked or old.client_id != app.id:
            raise OAuthRefusal(400, "invalid_grant", 'Invalid "refresh_token" in request.')
        old.revoked = True  # a refresh token works once, and the access token that came with it ends
        issued = state.issue_token(client_id=app.id, user_id=old.user_id, scopes=old.scopes)
        return Answer(200, _token_body(issued, state.token_lifetime))
    raise OAuthRefusal(400, "unsupported_grant_type")


def revoke(state: FakeState, request: Request) -> Answer:
    """End a token, and the pair it belongs to."""
    app = _client(state, request)
    given = request.form.get("token", "")
    for issued in state.tokens.values():
        if issued.client_id == app.id and given in (issued.token, issued.refresh_token):
            issued.revoked = True
    return Answer(200, {})


def bearer(state: FakeState, request: Request) -> AccessToken:
    """The live bearer token of the request, or 401."""
    header = request.header("authorization")
    found = state.tokens.get(header[7:]) if header.startswith("Bearer ") else None
    if found is None or found.revoked or found.expires_at <= state.clock():
        raise unauthorized()
    return found


def oauth_me(state: FakeState, request: Request) -> Answer:
    """Whose token it is and which application it was issued to."""
    found = bearer(state, request)
    app = state.applications[found.client_id]
    body = {
        "application": {"id": app.id, "name": app.name, "icon": None, "description": "", "bot_public": True},
        "scopes": found.scopes,
        "expires": dt.datetime.fromtimestamp(found.expires_at, dt.UTC).isoformat(),
    }
    if "identify" in found.scopes:
        body["user"] = state.people[found.user_id].public()
    return Answer(200, body)


def users_me(state: FakeState, request: Request) -> Answer:
    """The person behind a bearer token, or the bot itself."""
    if request.header("authorization").startswith("Bot "):
        return Answer(200, state.people[bot(state, request).bot_user_id].public())
    found = bearer(state, request)
    if "identify" not in found.scopes:
        raise Refusal(403, 50025, "Invalid OAuth2 access token")
    person = state.people[found.user_id]
    body = person.public()
    if "email" in found.scopes:
        body |= {"email": person.email, "verified": person.verified}
    return Answer(200, body)


def my_member(state: FakeState, request: Request) -> Answer:
    """The person's own membership of the guild (`guilds.members.read`)."""
    found = bearer(state, request)
    if "guilds.members.read" not in found.scopes:
        raise Refusal(403, 50025, "Invalid OAuth2 access token")
    member = state.members.get(found.user_id)
    if member is None or request.params["guild"] != state.guild_id:
        raise Refusal(404, 10004, "Unknown Guild")
    return Answer(200, member.as_json())


def gateway_bot(state: FakeState, request: Request) -> Answer:
    """Where a bot connects its WebSocket; 503 while no gateway runs."""
    bot(state, request)
    if not state.gateway_url:
        raise Refusal(503, 0, "Service Unavailable")
    limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
    return Answer(200, {"url": state.gateway_url, "shards": 1, "session_start_limit": limit})


def bot_application(state: FakeState, request: Request) -> Answer:
    """The application as its own bot reads it."""
    app = bot(state, request)
    return Answer(
        200,
        {
            "id": app.id, "name": app.name, "icon": None, "description": "", "bot_public": False,
            "bot_require_code_grant": False, "verify_key": state.public_key, "flags": 0, "team": None,
            "owner": state.people[state.owner_id].public(),
        },
    )  # fmt: skip


def bot(state: FakeState, request: Request) -> Application:
    """The application whose bot token the request carries, or 401."""
    header = request.header("authorization")
    for app in state.applications.values():
        if header == f"Bot {app.bot_token}":
            return app
    raise unauthorized()
