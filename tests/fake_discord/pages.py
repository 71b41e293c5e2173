"""Pages of the fake itself: what a person sees at ``/``, and ``/__fake__/…`` for scripts that seed, inspect or break the fake."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from .limits import Rule
from .wire import Answer, Request

if TYPE_CHECKING:
    from .server import FakeDiscordServer

STYLE = """body{font:15px/1.45 system-ui;background:#313338;color:#dbdee1;margin:0 auto;max-width:60rem;padding:1rem}
section{background:#2b2d31;border-radius:10px;padding:.8rem 1rem;margin:.8rem 0}h2{margin:.2rem 0;font-size:1rem}
.e{border-left:4px solid #5865f2;background:#232428;border-radius:6px;padding:.5rem .8rem;margin:.4rem 0}
.e b{display:block}.f{display:inline-block;margin-right:1.5rem}input,select,button{font:inherit;padding:.35rem .6rem;
border-radius:6px;border:0;background:#404249;color:inherit}button{background:#5865f2}small{color:#949ba4}
pre{white-space:pre-wrap}"""


def answer(fake: FakeDiscordServer, request: Request) -> Answer:
    """Route the fake's own pages."""
    if request.path == "/":
        return Answer(200, html=_home(fake))
    tail = request.path.removeprefix("/__fake__/")
    body: dict[str, Any] = request.json if isinstance(request.json, dict) else dict(request.form)
    state = fake.state
    with state.lock:
        if tail == "state":
            return Answer(
                200,
                {
                    "members": {i: m.roles for i, m in state.members.items()},
                    "roles": [r.as_json() for r in state.roles.values()],
                    "messages": state.messages,
                    "commands": state.commands,
                    "audit": [vars(a) for a in state.audit],
                    "people": {p.id: p.username for p in state.people.values()},
                },
            )
        if tail == "requests":
            return Answer(200, [vars(r) for r in state.requests])
        if tail == "faults" and request.method == "POST":
            for name, value in body.items():
                if hasattr(fake.faults, name):
                    setattr(fake.faults, name, value)
            return Answer(200, {"ok": True})
        if tail == "limits" and request.method == "POST":
            fake.limits.enabled = body.get("enabled", fake.limits.enabled)
            if "limit" in body:
                fake.limits.default = Rule(int(body["limit"]), float(body["seconds"]))
            return Answer(200, {"ok": True})
        if tail == "people" and request.method == "POST":
            if body.get("person_id") in state.people:
                return Answer(200, state.people[body["person_id"]].public())
            person = state.add_person(**body)
            return Answer(201, person.public())
    if tail == "say" and request.method == "POST":
        return _say(fake, body)
    return Answer(404, {"message": "no such page of the fake"})


def _say(fake: FakeDiscordServer, body: dict[str, Any]) -> Answer:
    """Somebody types a slash command into a channel, e.g. ``/dkp who:Brenna`` or ``/auction start item:Cloak``."""
    person = fake.state.people[str(body["person"])]
    words = str(body["line"]).removeprefix("/").split()
    options: dict[str, Any] = {}
    name, last = words[0], ""
    for word in words[1:]:
        key, colon, value = word.partition(":")
        if colon:
            last = key
            options[key] = value
        elif last:
            options[last] += f" {word}"
        else:
            options["sub"] = word
    for key, value in options.items():
        if isinstance(value, str) and value.isdigit() and len(value) < 12:
            options[key] = int(value)
    reply = fake.interactor.slash(person, name, **options)
    shown = reply.body.get("data") or {"content": f"HTTP {reply.status}: {reply.body}"}
    return Answer(200, html=_frame(f"<p><a href='/'>Back</a></p>{_message(shown)}"))


def _frame(inner: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Pretend Discord</title>'
        f"<style>{STYLE}</style>{inner}</html>"
    )


def _message(message: dict[str, Any]) -> str:
    parts = [f"<pre>{escape(message.get('content') or '')}</pre>"]
    for embed in message.get("embeds") or []:
        fields = "".join(
            f"<span class='f'><b>{escape(f['name'])}</b>{escape(f['value'])}</span>" for f in embed.get("fields") or []
        )
        color = f"#{embed.get('color', 0x5865F2):06x}"
        parts.append(
            f"<div class='e' style='border-color:{color}'><b>{escape(embed.get('title') or '')}</b>"
            f"<pre>{escape(embed.get('description') or '')}</pre>{fields}"
            f"<small>{escape((embed.get('footer') or {}).get('text', ''))}</small></div>"
        )
    for row in message.get("components") or []:
        parts += [f"<button disabled>{escape(b.get('label', ''))}</button> " for b in row.get("components", [])]
    return "".join(parts)


def _home(fake: FakeDiscordServer) -> str:
    state = fake.state
    with state.lock:
        people = "".join(
            f"<option value='{p.id}'>{escape(p.global_name or p.username)}</option>"
            for p in state.people.values()
            if not p.bot
        )
        parts = [
            "<h1>Pretend Discord</h1><p>Nothing here leaves this machine.</p><section><h2>Type a slash command</h2>"
            f"<form method='post' action='/__fake__/say'><select name='person'>{people}</select> "
            "<input name='line' size='40' value='/standings'> <button>Send</button></form></section>"
        ]
        for channel in state.channels.values():
            messages = state.messages.get(channel.id, [])[-20:]
            shown = "".join(_message(m) for m in messages) or "<small>quiet</small>"
            parts.append(f"<section><h2># {escape(channel.name)}</h2>{shown}</section>")
        rows = "".join(
            f"<div>{escape(m.nick or m.person.global_name or m.person.username)} <small>"
            + escape(", ".join(state.roles[r].name for r in m.roles if r in state.roles))
            + "</small></div>"
            for m in state.members.values()
        )
        parts.append(f"<section><h2>Members</h2>{rows}</section>")
    return _frame("".join(parts))
