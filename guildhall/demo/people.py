"""The people of the demo guild and their characters, made through the services of accounts and roster."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.roster import services as roster
from guildhall.roster.models import Character, CharacterAlias, Rank
from guildhall.roster.names import clean_new_name
from guildhall.web.personas import PERSONAS

from .content import Names, random_class

PEOPLE, CHARACTERS = 60, 120
RANKS = (
    ("Guild Leader", 1, False, False), ("Officer", 2, False, False), ("Raider", 3, False, False),
    ("Member", 4, False, False), ("Alt", 5, False, False), ("Trial", 6, False, True), ("Retired", 9, True, False),
)  # fmt: skip


@dataclass(slots=True)
class Player:
    """A person of the demo guild as the season plays them."""

    user: User
    main: Character | None
    joined: dt.datetime
    keenness: float
    """How likely they come to a raid, 0 to 1."""
    left: dt.datetime | None = None
    alts: list[Character] = field(default_factory=list)

    def there_at(self, at: dt.datetime) -> bool:
        """Return whether they are in the guild at that time."""
        return self.main is not None and self.joined <= at and (self.left is None or at < self.left)


@dataclass(slots=True)
class Guild:
    """Everybody, and who does the officers' work."""

    players: list[Player]
    personas: dict[str, User]
    ranks: dict[str, Rank]
    names: Names
    renamed: dict[int, str] = field(default_factory=dict)

    def current_name(self, character: Character) -> str:
        """Return what a character is called now; it may have been renamed since it was made."""
        return self.renamed.get(character.pk, character.name)

    @property
    def officer(self) -> User:
        return self.personas["officer"]

    @property
    def leader(self) -> User:
        return self.personas["raidleader"]


def make_people(*, rng: random.Random, start: dt.datetime, now: dt.datetime) -> Guild:
    """About sixty people with two characters each: most from the first day, some who came later, a few who left.

    Args:
        start: when the guild's year begins; the founders are there a little before.
    """
    names = Names(rng)
    for persona in PERSONAS:
        names.take(persona.display_name)
    founding = start - dt.timedelta(days=20)
    personas: dict[str, User] = {}
    players: list[Player] = []
    with clock.frozen(founding) as held:
        ranks = _make_ranks()
        for persona in PERSONAS:
            user = create_person(
                display_name=persona.display_name,
                username=persona.username,
                role_group=persona.role_group,
                discord_username=persona.display_name.lower(),
            )
            personas[persona.username] = user
        people = [personas["officer"], personas["raidleader"], personas["recruiter"], personas["member"]]
        while len(people) < PEOPLE - 3:
            number = len(people)
            role = RoleGroup.DEVELOPER if number == 6 else RoleGroup.OFFICER if number == 4 else RoleGroup.MEMBER
            name = names.make()
            people.append(create_person(display_name=name, role_group=role, discord_username=name.lower()))
        joins = _join_times(rng, len(people), founding, start, now)
        for number, (user, joined) in enumerate(zip(people, joins, strict=True)):
            held.set(joined)
            rank = ranks["Guild Leader"] if number == 0 else ranks["Officer"] if number in (1, 4) else ranks["Raider"]
            if number > 30 and rng.random() < 0.4:
                rank = ranks["Member"]
            main = _character(user, user.display_name, rank, rng, joined, personas["officer"])
            keenness = 0.93 if number < 4 else rng.betavariate(3.2, 1.7)
            players.append(Player(user, main, joined, keenness))
        _alts(names, rng, ranks, players, personas["officer"], held)
        _some_leave(rng, players, start, now)
        _strays(names, rng, ranks, personas["officer"])
    return Guild(players, personas, ranks, names)


def _make_ranks() -> dict[str, Rank]:
    found = {}
    for name, order, hidden, trial in RANKS:
        found[name] = roster.create_rank(
            name=name, order=order, is_hidden=hidden, is_trial=trial, is_default=trial, actor=None
        )
    return found


def _join_times(
    rng: random.Random, count: int, founding: dt.datetime, start: dt.datetime, now: dt.datetime
) -> list[dt.datetime]:
    """Three in four found the guild, the others come over the year, in order."""
    founders = count * 3 // 4
    early = [founding + dt.timedelta(minutes=7 * number) for number in range(founders)]
    span = (now - dt.timedelta(days=45)) - start
    late = sorted(start + span * rng.random() for _ in range(count - founders))
    return early + late


def _character(
    user: User | None, name: str, rank: Rank, rng: random.Random, joined: dt.datetime, actor: User
) -> Character:
    return roster.create_character(
        name=clean_new_name(name),
        user=user,
        character_class=random_class(rng),
        level=60,
        rank=rank,
        joined_at=joined,
        actor=actor,
    )


def _alts(
    names: Names,
    rng: random.Random,
    ranks: dict[str, Rank],
    players: list[Player],
    actor: User,
    held: clock.FrozenClock,
) -> None:
    left = CHARACTERS - len(players) - 5
    keen = [player for player in players if player.user.role_group != RoleGroup.APPLICANT]
    for number in range(left):
        player = keen[number % len(keen)] if number < len(keen) else rng.choice(keen)
        joined = player.joined + dt.timedelta(days=rng.randrange(1, 30), hours=rng.randrange(24))
        held.set(joined)
        alt = roster.create_character(
            name=names.make(),
            user=player.user,
            character_class=random_class(rng),
            level=rng.randrange(46, 61),
            rank=ranks["Alt"],
            is_main=False,
            joined_at=joined,
            actor=actor,
        )
        player.alts.append(alt)


def _some_leave(rng: random.Random, players: list[Player], start: dt.datetime, now: dt.datetime) -> None:
    for player in rng.sample(players[8:], 5):
        first = max(player.joined, start) + dt.timedelta(days=60)
        if first < now - dt.timedelta(days=40):
            player.left = first + (now - dt.timedelta(days=40) - first) * rng.random()


def _strays(names: Names, rng: random.Random, ranks: dict[str, Rank], actor: User) -> None:
    """Create characters that nobody has claimed yet: a bank, a friend of the guild."""
    for note in ("the guild's bank", "a friend of the guild, plays now and then", "claimed by nobody yet"):
        roster.create_character(
            name=names.make(), character_class=random_class(rng), level=60, rank=ranks["Alt"], note=note, actor=actor
        )


def remember_typos(*, guild: Guild, rng: random.Random) -> None:
    """Create a few aliases: typos that kept coming up, and a former name."""
    mains = [player.main for player in guild.players if player.main is not None]
    for character in rng.sample(mains, 6):
        roster.add_alias(
            character=character,
            name=guild.names.typo(character.name),
            kind=CharacterAlias.Kind.TYPO,
            actor=guild.leader,
        )
    renamed = guild.players[9].main
    if renamed is not None:
        changed = roster.rename_character(character=renamed, name=guild.names.make(), actor=guild.officer)
        guild.renamed[renamed.pk] = changed.name
