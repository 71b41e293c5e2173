"""What a command is given and what it answers: plain objects, so that commands know nothing of Discord's wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guildhall.accounts.models import User
from guildhall.accounts.permissions import ANONYMOUS, Principal, principal_for
from guildhall.core.errors import NotAllowed, NotFound
from guildhall.discord.linking.profile import Profile
from guildhall.discord.linking.services import holder_of, sign_in_with_discord
from guildhall.discord.messages.embeds import page

EPHEMERAL = 1 << 6
FOR_MEMBERS = "This is for members of the guild."
CLOSED = "Your account here has been closed. Ask an officer to open it again."


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that somebody sent with a command; it lies at Discord until it is fetched."""

    url: str
    name: str
    size: int


@dataclass(slots=True)
class Context:
    """One interaction: who, where, and what they said."""

    profile: Profile
    principal: Principal
    options: dict[str, Any] = field(default_factory=dict)
    subcommand: str = ""
    focused: str = ""
    attachments: dict[str, Attachment] = field(default_factory=dict)
    guild_id: str = ""
    channel_id: str = ""
    is_closed: bool = False

    @property
    def user(self) -> User:
        """Return the person here behind the Discord account.

        Raises:
            NotFound: ``unknown_user``: nobody is linked to it. The answer gets a button to the sign-in page (`dispatch`).
            NotAllowed: ``account_closed``.
        """
        if self.is_closed:
            raise NotAllowed(CLOSED, code="account_closed")
        if self.principal.user is None:
            raise NotFound(
                "Your Discord account is not linked to anybody here yet. Use /link, or sign in on the guild's site.",
                code="unknown_user",
                figures={"open": page("/sign-in/")},
            )
        return self.principal.user

    def require(self, *scopes: str) -> Principal:
        """Return the principal, if it has one of `scopes`.

        Raises:
            NotFound: ``unknown_user``; NotAllowed: ``permission_denied``, in the words of a guild and not of an API.
        """
        if self.user and not any(self.principal.can(scope) for scope in scopes):
            raise NotAllowed("Only officers may do this." if self.is_member else FOR_MEMBERS)
        return self.principal

    @property
    def is_member(self) -> bool:
        """Return whether the person is more than a guest or an applicant."""
        return self.principal.can("points:read")

    def require_member(self) -> User:
        """Return the person, if they are more than a guest or an applicant: what the guild has is the guild's.

        Raises:
            NotFound: ``unknown_user``; NotAllowed: ``permission_denied``.
        """
        person = self.user
        if not self.is_member:
            raise NotAllowed(FOR_MEMBERS)
        return person

    def sign_in(self) -> User:
        """Return the person, made as a guest where nobody is linked yet. Discord's signature vouches for who it is."""
        if self.principal.user is None:
            self.principal = principal_for(sign_in_with_discord(profile=self.profile))
        return self.user

    def text(self, name: str) -> str:
        """Return an option as text, empty where it was not given."""
        value = self.options.get(name)
        return "" if value is None else str(value).strip()


@dataclass(frozen=True, slots=True)
class Reply:
    """A message back: seen by the asker alone unless `public`. `edits` changes the message a button sits on."""

    message: Mapping[str, Any]
    public: bool = False
    edits: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """The work takes longer than Discord waits: the worker does it and fills the answer in."""

    task: str
    arguments: dict[str, object] = field(default_factory=dict)
    public: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A form to fill in (a modal): up to five texts as ``(id, label, long, required, most characters)``."""

    custom_id: str
    title: str
    inputs: list[tuple[str, str, bool, bool, int]]


@dataclass(frozen=True, slots=True)
class Choices:
    """Suggestions for the option that is being typed: ``(shown, value)``, at most 25."""

    choices: list[tuple[str, str]]


Answer = Reply | Later | Form | Choices


def context_of(interaction: Mapping[str, Any]) -> Context:
    """Read an interaction. Who is inactive or unknown has no rights at all."""
    user_json = (interaction.get("member") or {}).get("user") or interaction.get("user") or {}
    profile = Profile.from_json(user_json)
    person = holder_of(profile.id)
    principal = principal_for(person) if person is not None and person.is_active else ANONYMOUS
    data = interaction.get("data") or {}
    context = Context(
        profile=profile,
        principal=principal,
        guild_id=str(interaction.get("guild_id") or ""),
        channel_id=str(interaction.get("channel_id") or ""),
        is_closed=person is not None and not person.is_active,
    )
    options = data.get("options") or []
    if options and options[0].get("type") in (1, 2):
        context.subcommand = str(options[0].get("name") or "")
        options = options[0].get("options") or []
    for option in options:
        name = str(option.get("name") or "")
        context.options[name] = option.get("value")
        if option.get("focused"):
            context.focused = name
    for row in data.get("components") or []:
        for item in row.get("components") or []:
            if "value" in item:
                context.options[str(item.get("custom_id"))] = item["value"]
    for key, attachment in ((data.get("resolved") or {}).get("attachments") or {}).items():
        context.attachments[str(key)] = Attachment(
            url=str(attachment.get("url") or ""),
            name=str(attachment.get("filename") or "log.txt")[:200],
            size=int(attachment.get("size") or 0),
        )
    return context
