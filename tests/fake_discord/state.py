"""What the fake knows: people, one guild with roles and members, channels, webhooks, applications, tokens.

One lock guards everything; handlers hold it while they change something, as a real server's database would.
Ids are snowflake-like strings of digits that grow, so that "after" paging works as Discord's does.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# Discord's permission bits that the routes here ask for.
KICK_MEMBERS = 1 << 1
ADMINISTRATOR = 1 << 3
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
EMBED_LINKS = 1 << 14
MANAGE_NICKNAMES = 1 << 27
MANAGE_ROLES = 1 << 28
MANAGE_WEBHOOKS = 1 << 29

BOT_PERMISSIONS = MANAGE_ROLES | MANAGE_NICKNAMES | VIEW_CHANNEL | SEND_MESSAGES | EMBED_LINKS

DEMO_CLIENT_ID = "900000000000000001"
DEMO_CLIENT_SECRET = "demo-client-secret"
DEMO_BOT_TOKEN = "demo-bot-token"
DEMO_GUILD_ID = "910000000000000000"
DEMO_WEBHOOK_TOKEN = "demo-webhook-token"
# The demo's signing key is fixed so that settings written before the server starts still match it.
DEMO_SIGNING_SEED = hashlib.sha256(b"guildhall fake discord").digest()


@dataclass
class Person:
    """A Discord user."""

    id: str
    username: str
    global_name: str | None = None
    discriminator: str = "0"
    avatar: str | None = None
    email: str | None = None
    verified: bool = True
    bot: bool = False

    def public(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "username": self.username,
            "global_name": self.global_name,
            "discriminator": self.discriminator,
            "avatar": self.avatar,
            "bot": self.bot,
        }


@dataclass
class Role:
    """A role of the guild; `position` 0 is @everyone and the highest wins."""

    id: str
    name: str
    position: int
    permissions: int = 0
    managed: bool = False
    color: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "position": self.position,
            "permissions": str(self.permissions),
            "managed": self.managed,
            "color": self.color,
            "hoist": False,
            "mentionable": False,
            "flags": 0,
        }


@dataclass
class Member:
    """A person in the guild."""

    person: Person
    roles: list[str] = field(default_factory=list)
    nick: str | None = None
    joined_at: str = "2024-01-01T00:00:00+00:00"

    def as_json(self) -> dict[str, Any]:
        return {
            "user": self.person.public(),
            "nick": self.nick,
            "roles": list(self.roles),
            "joined_at": self.joined_at,
            "deaf": False,
            "mute": False,
            "flags": 0,
            "pending": False,
        }


@dataclass
class Channel:
    """A text channel or a direct-message channel."""

    id: str
    name: str
    kind: int = 0  # 0 text, 1 direct message
    bot_may_send: bool = True
    recipients: list[str] = field(default_factory=list)


@dataclass
class Webhook:
    """An incoming webhook of a channel."""

    id: str
    token: str
    channel_id: str
    name: str = "Guildhall"


@dataclass
class Application:
    """An OAuth2 application with its bot."""

    id: str
    name: str
    secret: str
    bot_token: str
    bot_user_id: str
    redirect_uris: list[str] = field(default_factory=list)
    interactions_url: str = ""


@dataclass
class Grant:
    """An authorization code that waits to be redeemed."""

    code: str
    client_id: str
    user_id: str
    redirect_uri: str
    scopes: list[str]
    expires_at: float
    challenge: str = ""
    challenge_method: str = ""
    used: bool = False


@dataclass
class AccessToken:
    """A bearer token that was issued to an application for a person."""

    token: str
    refresh_token: str
    client_id: str
    user_id: str
    scopes: list[str]
    expires_at: float
    revoked: bool = False


@dataclass
class LoggedRequest:
    """One request as it came in, and what was answered; `status` 0 means the connection was cut."""

    at: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    status: int = 0
    bucket: str = ""
    scope: str = ""  # of a 429


@dataclass
class AuditEntry:
    """One change of the guild as its audit log would show it."""

    action: str
    member_id: str
    role_id: str | None
    reason: str | None


class FakeState:
    """Everything the fake remembers. `clock` answers seconds since the epoch and may be injected."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._ids = itertools.count(920000000000000000)
        self.people: dict[str, Person] = {}
        self.guild_id = DEMO_GUILD_ID
        self.guild_name = "The Invented Order"
        self.owner_id = ""
        self.roles: dict[str, Role] = {}
        self.members: dict[str, Member] = {}
        self.channels: dict[str, Channel] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.nonces: dict[tuple[str, str], dict[str, Any]] = {}
        self.applications: dict[str, Application] = {}
        self.grants: dict[str, Grant] = {}
        self.tokens: dict[str, AccessToken] = {}
        self.commands: dict[str, list[dict[str, Any]]] = {}
        self.interactions: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.members_intent = True
        self.message_content_intent = True
        self.gateway_url = ""
        self.refuses_direct_messages: set[str] = set()
        self.listeners: list[Callable[[str, dict[str, Any]], None]] = []
        self.token_lifetime = 604_800
        self.requests: list[LoggedRequest] = []
        self.audit: list[AuditEntry] = []
        self.signing_key = Ed25519PrivateKey.from_private_bytes(DEMO_SIGNING_SEED)
        self._seed()

    # -- building -------------------------------------------------------------------------------------------------

    def new_id(self) -> str:
        """The next id, larger than every one before."""
        return str(next(self._ids))

    def new_interaction_id(self) -> str:
        """An id made of the time, as Discord's are: a fake that was started again never repeats one."""
        since_2015 = int(self.clock() * 1000) - 1_420_070_400_000
        return str(since_2015 << 22 | next(self._ids) & 0x3FFFFF)

    def _seed(self) -> None:
        bot = self.add_person("guildhall-bot", bot=True, join=False)
        self.applications[DEMO_CLIENT_ID] = Application(
            id=DEMO_CLIENT_ID,
            name="Guildhall",
            secret=DEMO_CLIENT_SECRET,
            bot_token=DEMO_BOT_TOKEN,
            bot_user_id=bot.id,
        )
        owner = self.add_person("guildowner", global_name="The Owner", join=False)
        self.owner_id = owner.id
        self.roles[self.guild_id] = Role(self.guild_id, "@everyone", 0, VIEW_CHANNEL | SEND_MESSAGES)
        self.members[owner.id] = Member(owner)
        self.bot_role = self.add_role("Guildhall Bot", permissions=BOT_PERMISSIONS, position=100, managed=True)
        self.members[bot.id] = Member(bot, roles=[self.bot_role.id])

    def seed_demo(self) -> None:
        """The invented guild that `make run` shows: roles, channels with webhooks, people to sign in as."""
        for position, (name, color) in enumerate(
            [("Trial", 0x95A5A6), ("Member", 0x2ECC71), ("Raider", 0x3498DB), ("Recruiter", 0x9B59B6)], start=10
        ):
            self.add_role(name, position=position, color=color, role_id=f"9300000000000000{position}")
        self.add_role("Officer", position=20, color=0xE67E22, role_id="930000000000000020")
        self.add_role("Guild Leader", position=200, color=0xF1C40F, role_id="930000000000000200")
        for number, name in enumerate(["announcements", "raids", "loot", "auctions", "recruitment"], start=1):
            channel = self.add_channel(name, channel_id=f"94000000000000000{number}")
            self.webhooks[f"95000000000000000{number}"] = Webhook(
                f"95000000000000000{number}", DEMO_WEBHOOK_TOKEN, channel.id
            )
        for number, (username, shown) in enumerate(
            [
                ("aldwin_ashford", "Aldwin"),
                ("brenna.holt", "Brenna"),
                ("cormac77", "Cormac"),
                ("dessa_vane", "Dessa"),
                ("newcomer_finn", "Finn"),
            ],
            start=1,
        ):
            self.add_person(
                username,
                global_name=shown,
                email=f"{username}@example.invalid",
                person_id=f"96000000000000000{number}",
            )

    def add_person(
        self,
        username: str,
        *,
        global_name: str | None = None,
        email: str | None = None,
        discriminator: str = "0",
        avatar: str | None = None,
        bot: bool = False,
        verified: bool = True,
        join: bool = True,
        roles: list[str] | None = None,
        nick: str | None = None,
        person_id: str | None = None,
    ) -> Person:
        """A new Discord user, by default a member of the guild."""
        with self.lock:
            person = Person(
                person_id or self.new_id(), username, global_name, discriminator, avatar, email, verified, bot
            )
            self.people[person.id] = person
            if join:
                self.members[person.id] = Member(person, roles=list(roles or []), nick=nick)
                self.emit("GUILD_MEMBER_ADD", self.members[person.id].as_json())
            return person

    def add_role(
        self,
        name: str,
        *,
        position: int = 1,
        permissions: int = 0,
        managed: bool = False,
        color: int = 0,
        role_id: str | None = None,
    ) -> Role:
        """A new role of the guild."""
        with self.lock:
            role = Role(role_id or self.new_id(), name, position, permissions, managed, color)
            self.roles[role.id] = role
            return role

    def add_channel(self, name: str, *, bot_may_send: bool = True, channel_id: str | None = None) -> Channel:
        """A new text channel."""
        with self.lock:
            channel = Channel(channel_id or self.new_id(), name, bot_may_send=bot_may_send)
            self.channels[channel.id] = channel
            return channel

    def add_webhook(self, channel: Channel, *, token: str | None = None) -> Webhook:
        """A new incoming webhook of `channel`."""
        with self.lock:
            hook = Webhook(self.new_id(), token or secrets.token_urlsafe(24), channel.id)
            self.webhooks[hook.id] = hook
            return hook

    def add_application(self, name: str) -> Application:
        """Another application, whose tokens are no good for ours."""
        with self.lock:
            bot = self.add_person(f"{name}-bot", bot=True, join=False)
            app = Application(self.new_id(), name, secrets.token_urlsafe(16), secrets.token_urlsafe(24), bot.id)
            self.applications[app.id] = app
            return app

    def add_file(self, content: bytes, *, base: str) -> str:
        """A file as somebody attached it; answers its address on the server at `base`."""
        with self.lock:
            file_id = self.new_id()
            self.files[file_id] = content
            return f"{base}/attachments/{file_id}"

    def remove_member(self, user_id: str) -> None:
        """The person leaves the guild."""
        with self.lock:
            member = self.members.pop(user_id, None)
            if member is not None:
                self.emit("GUILD_MEMBER_REMOVE", {"user": member.person.public()})

    def say(self, channel: Channel, person: Person, content: str, *, webhook_id: str | None = None) -> dict[str, Any]:
        """A person writes in a channel, or in their direct-message channel with the bot."""
        with self.lock:
            message = {
                "id": self.new_interaction_id(),
                "channel_id": channel.id,
                "type": 0,
                "content": content,
                "author": person.public(),
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(self.clock())),
                "edited_timestamp": None,
                "tts": False,
                "mention_everyone": False,
                "mentions": [],
                "mention_roles": [],
                "attachments": [],
                "embeds": [],
                "pinned": False,
                "flags": 0,
                "reactions": [],
                **({"webhook_id": webhook_id} if webhook_id else {}),
            }
            self.messages.setdefault(channel.id, []).append(message)
            self.emit("MESSAGE_CREATE", self.as_event(message))
            return message

    def direct_channel(self, user_id: str) -> Channel:
        """The direct-message channel of the bot with a person; the same one each time."""
        with self.lock:
            for channel in self.channels.values():
                if channel.kind == 1 and channel.recipients == [user_id]:
                    return channel
            channel = self.add_channel(f"dm-{user_id}")
            channel.kind, channel.recipients = 1, [user_id]
            return channel

    def visible(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message as the bot may read it: without the message content intent, the text of others is empty."""
        channel = self.channels.get(message["channel_id"])
        author = self.people.get((message.get("author") or {}).get("id", ""))
        direct = channel is not None and channel.kind == 1
        if self.message_content_intent or direct or (author is not None and author.bot):
            return dict(message)
        return {**message, "content": "", "embeds": [], "attachments": [], "components": []}

    def as_event(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message as the gateway sends it: with the guild and the author's membership unless it is direct."""
        channel = self.channels.get(message["channel_id"])
        member = self.members.get((message.get("author") or {}).get("id", ""))
        if channel is None or channel.kind == 1:
            return dict(message)
        extra = {} if member is None else {"member": {k: v for k, v in member.as_json().items() if k != "user"}}
        return {**message, "guild_id": self.guild_id, **extra}

    def set_roles(self, user_id: str, roles: list[str]) -> None:
        """A moderator changes by hand which roles a member holds."""
        with self.lock:
            self.members[user_id].roles = list(roles)
            self.emit("GUILD_MEMBER_UPDATE", self.members[user_id].as_json())

    def emit(self, name: str, data: dict[str, Any]) -> None:
        """Tell every connected gateway that something happened; `data` without the guild's id gets it."""
        if name.startswith("GUILD_MEMBER_"):
            data = {"guild_id": self.guild_id, **data}
        for listener in list(self.listeners):
            listener(name, data)

    def delete_role(self, role_id: str) -> None:
        """A moderator deletes the role; it vanishes from every member."""
        with self.lock:
            self.roles.pop(role_id, None)
            for member in self.members.values():
                if role_id in member.roles:
                    member.roles.remove(role_id)

    # -- asking ---------------------------------------------------------------------------------------------------

    @property
    def public_key(self) -> str:
        """The application's public key in hex, as the developer portal shows it."""
        raw = self.signing_key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return raw.hex()

    def permissions_of(self, member: Member) -> int:
        """The guild-wide permission bits of `member`."""
        bits = self.roles[self.guild_id].permissions
        for role_id in member.roles:
            if role_id in self.roles:
                bits |= self.roles[role_id].permissions
        if bits & ADMINISTRATOR or member.person.id == self.owner_id:
            return ~0
        return bits

    def top_position(self, member: Member) -> int:
        """How high `member` stands: the position of the highest role."""
        if member.person.id == self.owner_id:
            return 1_000_000
        return max((self.roles[r].position for r in member.roles if r in self.roles), default=0)

    def roles_of(self, user_id: str) -> set[str]:
        """The role ids that the person holds now."""
        with self.lock:
            member = self.members.get(user_id)
            return set(member.roles) if member else set()

    def messages_in(self, channel_id: str) -> list[dict[str, Any]]:
        """The messages of a channel, oldest first."""
        with self.lock:
            return list(self.messages.get(channel_id, []))

    # -- tokens ---------------------------------------------------------------------------------------------------

    def issue_code(
        self,
        *,
        client_id: str,
        user_id: str,
        redirect_uri: str,
        scopes: list[str],
        challenge: str = "",
        challenge_method: str = "",
    ) -> str:
        """An authorization code, good for ten minutes and for one use."""
        with self.lock:
            code = secrets.token_urlsafe(24)
            self.grants[code] = Grant(
                code,
                client_id,
                user_id,
                redirect_uri,
                scopes,
                self.clock() + 600,
                challenge,
                challenge_method,
            )
            return code

    def issue_token(self, *, client_id: str, user_id: str, scopes: list[str]) -> AccessToken:
        """An access token with its refresh token."""
        with self.lock:
            token = AccessToken(
                secrets.token_urlsafe(24),
                secrets.token_urlsafe(24),
                client_id,
                user_id,
                scopes,
                self.clock() + self.token_lifetime,
            )
            self.tokens[token.token] = token
            return token

    def token_for(self, person: Person, *, scopes: str = "identify email", client_id: str = DEMO_CLIENT_ID) -> str:
        """Short cut for tests: an access token as if `person` had consented."""
        return self.issue_token(client_id=client_id, user_id=person.id, scopes=scopes.split()).token


def s256(verifier: str) -> str:
    """The PKCE S256 challenge of a verifier."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
