"""A small guild for tests, made through services."""

from __future__ import annotations

from dataclasses import dataclass

from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal, principal_for
from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
from guildhall.core import outbox
from guildhall.discord.models import DiscordRoleMapping
from guildhall.roster.models import Character, Rank
from guildhall.roster.services import create_character
from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.state import Person, Role


@dataclass
class Guild:
    """Ranks with their mapped roles, in the fake and here."""

    fake: FakeDiscordServer
    raider: Rank
    trial: Rank
    raider_role: Role
    trial_role: Role
    member_role: Role

    def join(
        self, name: str, *, rank: Rank | None = None, role_group: str = "member", in_server: bool = True
    ) -> tuple[User, Person, Character]:
        """A person with a Discord account and a main."""
        account = self.fake.state.add_person(name.lower(), global_name=name, join=in_server)
        user = create_person(display_name=name, role_group=role_group, discord_id=account.id)
        character = create_character(name=name, user=user, rank=rank or self.raider, character_class="Cleric", level=60)
        return user, account, character

    def held(self, account: Person) -> set[str]:
        """The names of the roles the account holds in the fake."""
        roles = self.fake.state.roles
        return {roles[r].name for r in self.fake.state.roles_of(account.id)}


def make_guild(fake: FakeDiscordServer) -> Guild:
    """Raider, Trial and Member mapped to roles."""
    raider = Rank.objects.create(name="Raider", order=2)
    trial = Rank.objects.create(name="Trial", order=9, is_trial=True)
    guild = Guild(
        fake,
        raider,
        trial,
        fake.state.add_role("Raider", position=12),
        fake.state.add_role("Trial", position=10),
        fake.state.add_role("Member", position=11),
    )
    DiscordRoleMapping.objects.create(kind="rank", rank=raider, role_id=guild.raider_role.id)
    DiscordRoleMapping.objects.create(kind="trial", role_id=guild.trial_role.id)
    DiscordRoleMapping.objects.create(kind="role_group", value="member", role_id=guild.member_role.id)
    return guild


def deliver() -> outbox.Delivery:
    """Let the worker deliver everything that is due, and what follows from it."""
    return outbox.deliver_due(limit=2000)


def officer(name: str = "Olaf") -> User:
    """Somebody who may do everything an officer may."""
    return create_person(display_name=name, role_group="officer")


def bot_key(*scopes: str) -> str:
    """The plain text of a bot's key."""
    bot = get_or_create_bot(name="helper")
    return create_api_key(user=bot, name="key", scopes=scopes, kind="bot")[1]


def as_principal(user: User) -> Principal:
    """What the person may do."""
    return principal_for(user)
