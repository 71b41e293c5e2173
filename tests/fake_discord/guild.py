"""The guild, its roles and its members, with the permission and hierarchy rules that Discord applies to a bot."""

from __future__ import annotations

from urllib.parse import unquote

from .oauth import bot
from .state import MANAGE_NICKNAMES, MANAGE_ROLES, AuditEntry, FakeState, Member
from .wire import Answer, Request, invalid_form, missing_access, missing_permissions, unknown


def _bot_member(state: FakeState, request: Request) -> Member:
    app = bot(state, request)
    if request.params.get("guild") != state.guild_id:
        raise unknown("guild")
    member = state.members.get(app.bot_user_id)
    if member is None:
        raise missing_access()
    return member


def _need(state: FakeState, member: Member, permission: int) -> None:
    if not state.permissions_of(member) & permission:
        raise missing_permissions()


def get_guild(state: FakeState, request: Request) -> Answer:
    _bot_member(state, request)
    return Answer(
        200,
        {
            "id": state.guild_id,
            "name": state.guild_name,
            "owner_id": state.owner_id,
            "roles": [r.as_json() for r in state.roles.values()],
            "approximate_member_count": len(state.members),
        },
    )


def get_roles(state: FakeState, request: Request) -> Answer:
    _bot_member(state, request)
    return Answer(200, [r.as_json() for r in state.roles.values()])


def list_members(state: FakeState, request: Request) -> Answer:
    """Pages of 1 to 1,000 in order of id; needs the privileged members intent."""
    _bot_member(state, request)
    if not state.members_intent:
        raise missing_access()
    raw = request.query.get("limit", "1")
    if not raw.isdigit() or not 1 <= int(raw) <= 1000:
        raise invalid_form("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 1000.")
    after = int(request.query.get("after", "0"))
    ids = sorted((i for i in state.members if int(i) > after), key=int)[: int(raw)]
    return Answer(200, [state.members[i].as_json() for i in ids])


def _member(state: FakeState, request: Request) -> Member:
    user_id = request.params["user"]
    if user_id not in state.people:
        raise unknown("user")
    member = state.members.get(user_id)
    if member is None:
        raise unknown("member")
    return member


def get_member(state: FakeState, request: Request) -> Answer:
    _bot_member(state, request)
    return Answer(200, _member(state, request).as_json())


def reason(request: Request) -> str | None:
    """The audit log reason, which travels URL-encoded."""
    return unquote(request.header("x-audit-log-reason")) or None


def _check_role(state: FakeState, me: Member, role_id: str) -> None:
    role = state.roles.get(role_id)
    if role is None:
        raise unknown("role")
    if role.managed or role.id == state.guild_id or role.position >= state.top_position(me):
        raise missing_permissions()


def put_member_role(state: FakeState, request: Request) -> Answer:
    me = _bot_member(state, request)
    _need(state, me, MANAGE_ROLES)
    member = _member(state, request)
    role_id = request.params["role"]
    _check_role(state, me, role_id)
    if role_id not in member.roles:
        member.roles.append(role_id)
        state.audit.append(AuditEntry("role_add", member.person.id, role_id, reason(request)))
        state.emit("GUILD_MEMBER_UPDATE", member.as_json())
    return Answer(204)


def delete_member_role(state: FakeState, request: Request) -> Answer:
    me = _bot_member(state, request)
    _need(state, me, MANAGE_ROLES)
    member = _member(state, request)
    role_id = request.params["role"]
    _check_role(state, me, role_id)
    if role_id in member.roles:
        member.roles.remove(role_id)
        state.audit.append(AuditEntry("role_remove", member.person.id, role_id, reason(request)))
        state.emit("GUILD_MEMBER_UPDATE", member.as_json())
    return Answer(204)


def patch_member(state: FakeState, request: Request) -> Answer:
    """Nickname, or the whole list of roles."""
    me = _bot_member(state, request)
    member = _member(state, request)
    body = request.json if isinstance(request.json, dict) else {}
    if "nick" in body:
        _need(state, me, MANAGE_NICKNAMES)
        if len(body["nick"] or "") > 32:
            raise invalid_form("nick", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32 in length.")
        if state.top_position(member) >= state.top_position(me):
            raise missing_permissions()
    if "roles" in body:
        _need(state, me, MANAGE_ROLES)
        wanted = list(dict.fromkeys(body["roles"] or []))
        for role_id in set(wanted) ^ set(member.roles):
            _check_role(state, me, role_id)
        member.roles = wanted
        state.audit.append(AuditEntry("roles_set", member.person.id, None, reason(request)))
    if "nick" in body:
        member.nick = body["nick"] or None
        state.audit.append(AuditEntry("nick", member.person.id, None, reason(request)))
    if "nick" in body or "roles" in body:
        state.emit("GUILD_MEMBER_UPDATE", member.as_json())
    return Answer(200, member.as_json())


def put_member(state: FakeState, request: Request) -> Answer:
    """Bring a person in with their own access token (`guilds.join`)."""
    _bot_member(state, request)
    user_id = request.params["user"]
    if user_id not in state.people:
        raise unknown("user")
    body = request.json if isinstance(request.json, dict) else {}
    token = state.tokens.get(str(body.get("access_token", "")))
    if token is None or token.revoked or token.user_id != user_id or "guilds.join" not in token.scopes:
        raise missing_permissions()
    if user_id in state.members:
        return Answer(204)
    member = state.members[user_id] = Member(state.people[user_id], roles=list(body.get("roles") or []))
    state.emit("GUILD_MEMBER_ADD", member.as_json())
    return Answer(201, member.as_json())
