"""A guild dump brought to the roster: first the difference, then, if somebody says so, the change.

Invariants: nothing is changed but what the difference shows and the choices ask for; it is computed anew, under locks,
when it is applied, so what is applied is what is true then. Nobody is taken off the roster because a partial dump does
not name them, and nobody is taken off unless that is asked for. A name that is not known becomes a character without
an owner, or, where the dump says whose alt it is, of that main's person. Only where people are asked for
(`DumpChoices.people`), and as the difference shows, a main without an owner becomes a person, and its alts are theirs.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field

from django.db.models import Q

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import SYSTEM
from guildhall.accounts.services import create_person
from guildhall.core import audit, batches, previews
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.transactions import use_case
from guildhall.roster.models import Character, CharacterAlias, Rank
from guildhall.roster.names import name_key
from guildhall.roster.people import people_without_characters

from .characters import create_character, reassign_character, retire_character, update_character
from .ranks import create_rank, set_rank

MOST_MEMBERS = 5000

DUMP = "guild_dump"
PEOPLE = "people"
"""The kinds of its batch (`roster.batches`): a dump or a list, and people made of characters that were there."""
DUMP_FIELDS = ("status", "level", "character_class", "rank_id", "user_id")
NOBODY = "nobody"
"""Written as the main of a character that stays without an owner."""
NEW = "new"
"""Written as the main of a character that becomes a new person, also where somebody of its name is here without characters."""
OF_THE_GUILD = (RoleGroup.OFFICER, RoleGroup.RECRUITER, RoleGroup.DEVELOPER, RoleGroup.MEMBER)
"""Whose characters a dump can be by their name alone: guests and applicants have chosen theirs before anybody knew them."""


def state_of(character: Character) -> dict[str, object]:
    """Return what a guild dump may change of a character, JSON-ready."""
    return {name: getattr(character, name) for name in DUMP_FIELDS}


@dataclass(frozen=True, slots=True)
class DumpMember:
    """One row of a dump: `main_name` is the main that its note names, `is_alt` where the game says it is one.

    `person_id` is somebody who is there without a character, said by hand: the row is their main.
    """

    name: str
    level: int | None = None
    character_class: str = ""
    rank: str = ""
    main_name: str | None = None
    note: str = ""
    is_alt: bool = False
    person_id: int | None = None


@dataclass(frozen=True, slots=True)
class DumpChoices:
    """What of the difference is to be done. `people`: make a person of each main that is nobody's yet."""

    add: bool = True
    update: bool = True
    set_ranks: bool = True
    make_ranks: bool = False
    bring_back: bool = True
    remove_missing: bool = False
    people: bool = False


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One thing of a character that differs."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose a character without an owner becomes: `person` there already, else a new one of the main's name (`is_new`).

    With `person_id` the person is here without a character: under the main's name, or said by hand. With neither it stays
    without an owner; `doubt` says why, where that is not what was asked for.
    """

    main: str = ""
    person: str | None = None
    is_new: bool = False
    is_main: bool = False
    doubt: str = ""
    person_id: int | None = None


@dataclass(frozen=True, slots=True)
class DumpStep:
    """What a dump means for one name: `add`, `update`, `bring_back`, `missing` or `same`.

    `whose` is set where the character has no owner yet.
    """

    action: str
    name: str
    character_id: int | None = None
    owner: str | None = None
    changes: tuple[FieldChange, ...] = ()
    whose: Whose | None = None

    @property
    def is_shown(self) -> bool:
        """Return whether anything can come of it."""
        return self.action != "same" or self.whose is not None


@dataclass(slots=True)
class DumpDifference:
    """The difference between a dump and the roster. `unknown_ranks` are ranks of the dump that the guild has not."""

    is_partial: bool
    steps: list[DumpStep] = field(default_factory=list)
    unknown_ranks: list[str] = field(default_factory=list)
    applied: bool = False
    made_people: int = 0
    batch: uuid.UUID | None = None
    """What was made when it was applied; the batch is empty where nothing was changed."""
    given: list[object] = field(default_factory=list)
    """The members of the dump, for the digest."""

    @property
    def shown(self) -> previews.Shown:
        """Return what the preview shows. What of it is to be done (`DumpChoices`) is chosen after looking, so it is not part of it."""
        rows = previews.by_label(
            [
                ("the ranks that are new", self.unknown_ranks),
                *(
                    (
                        step.name,
                        [
                            step.action,
                            step.character_id,
                            step.owner,
                            [[c.field, c.before, c.after] for c in step.changes],
                            list(astuple(step.whose)) if step.whose else None,
                        ],
                    )
                    for step in self.steps
                    if step.is_shown
                ),
            ]
        )
        return previews.Shown("roster.apply_guild_dump", self.given, rows)

    @property
    def digest(self) -> str:
        return self.shown.digest

    def count(self, action: str) -> int:
        """Return how many names have this action."""
        return sum(step.action == action for step in self.steps)

    @property
    def new_people(self) -> int:
        """Return how many people there would be more."""
        return sum(step.whose is not None and step.whose.is_new and step.whose.is_main for step in self.steps)


def preview_guild_dump(*, members: Sequence[DumpMember], is_partial: bool) -> DumpDifference:
    """Return what a dump would change; nothing is stored. Four queries.

    Raises:
        BadInput: ``empty_dump``, ``too_many``.
    """
    return _compare(members, is_partial, _characters(), _ranks())


@use_case
@previews.executes_preview(preview_guild_dump)
def apply_guild_dump(
    *,
    members: Sequence[DumpMember],
    is_partial: bool,
    choices: DumpChoices,
    actor: User | None,
    digest: str | None = None,
    kind: str = DUMP,
) -> DumpDifference:
    """Do what the difference shows and `choices` ask for, all or none; returns the difference that was applied.

    Args:
        digest: of the `preview_guild_dump` that this carries out.
        kind: under which the batch is kept, `DUMP` or `PEOPLE`.

    Raises:
        PreviewChanged: the difference is another one than was shown.
        BadInput: ``empty_dump``, ``too_many``.
        Conflict: ``partial_dump`` where a partial dump is to take people off the roster.
    """
    if is_partial and choices.remove_missing:
        raise Conflict(
            "This dump does not list the whole guild, so nobody is taken off the roster because of it. Show everybody "
            "in the guild window, write the dump again, and send that.",
            code="partial_dump",
            attr="remove_missing",
        )
    list(Character.objects.select_for_update().order_by("pk").values_list("pk", flat=True))
    characters, ranks = _characters(), _ranks()
    difference = _compare(members, is_partial, characters, ranks)
    previews.require(digest, lambda: difference.shown)
    made = []
    if choices.make_ranks:
        for name in difference.unknown_ranks:
            ranks[name_key(name)] = create_rank(name=name, actor=actor)
            made.append(ranks[name_key(name)].pk)
    former = {one.pk: state_of(one) for one in characters.values()}
    by_name = {member.name: member for member in members}
    people: list[int] = []
    joined: set[int] = set()
    for step in sorted(difference.steps, key=lambda step: step.whose is None or not step.whose.is_main):
        member = by_name.get(step.name)
        if step.action == "missing":
            if choices.remove_missing and step.character_id is not None:
                retire_character(
                    character=_get(step.character_id), actor=actor, by=SYSTEM, reason="not in the guild dump"
                )
        elif member is not None:
            _apply(step, member, choices, ranks, actor)
            if choices.people:
                _give(step, people, joined, actor)
    difference.made_people = len(people)
    _write_down(difference, former, kind, {"ranks": made, "people": people, "joined": sorted(joined)}, actor)
    audit.record(
        action="roster.apply_guild_dump",
        summary=f"guild dump: {difference.count('add')} new, {difference.count('update')} changed, "
        f"{difference.count('missing')} missing",
        actor=actor,
        data={"names": [step.name for step in difference.steps if step.action != "same"][:1000]},
    )
    difference.applied = True
    return difference


def _write_down(
    difference: DumpDifference,
    former: Mapping[int, dict[str, object]],
    kind: str,
    made: Mapping[str, list[int]],
    actor: User | None,
) -> None:
    """Keep what was changed of each character, so that the whole can be undone (`roster.batches`)."""
    keys = [name_key(step.name) for step in difference.steps if step.action == "add"]
    keys += [name_key(step.whose.main) for step in difference.steps if step.whose]
    touched = [step.character_id for step in difference.steps if step.is_shown and step.character_id]
    steps = []
    for one in Character.objects.filter(Q(pk__in=touched) | Q(name_key__in=keys)).order_by("name"):
        before, after = former.get(one.pk), state_of(one)
        if before != after:
            steps.append({"character_id": one.pk, "name": one.name, "before": before, "after": after})
    if steps or made["ranks"]:
        people = len(made["people"])
        title = f"{len(steps)} character{'' if len(steps) == 1 else 's'} changed"
        title += f", {people} {'person' if people == 1 else 'people'} made" if people else ""
        batch = batches.record(
            kind=kind,
            title=f"Guild dump: {title}" if kind == DUMP else title.capitalize(),
            size=len(steps),
            actor=actor,
            data={"steps": steps, **made},
        )
        difference.batch = batch.pk


def _give(step: DumpStep, people: list[int], joined: set[int], actor: User | None) -> None:
    """Give a character without an owner to whom the difference shows; mains come first, so that a new person has one."""
    if step.whose is None or not step.whose.main:
        return
    character = Character.objects.filter(name_key=name_key(step.name)).first()
    main = Character.objects.select_related("user").filter(name_key=name_key(step.whose.main)).first()
    if character is None and step.character_id is not None:  # the dump has an alias of it
        character = _get(step.character_id)
    if main is None or character is None or Character.Status.REMOVED in (main.status, character.status):
        return  # it was not to be added, or not to be brought back
    if main.user is None:
        if step.whose.person_id is not None:
            owner, reason = User.objects.get(pk=step.whose.person_id), "said to be theirs"
            joined.add(owner.pk)
        else:
            owner, reason = create_person(display_name=main.name, actor=actor), "made a person"
            people.append(owner.pk)
        reassign_character(character=main, user=owner, actor=actor, reason=reason)
    else:
        owner = main.user
    if character.pk != main.pk and character.user_id is None:
        reassign_character(character=character, user=owner, actor=actor, reason=f"alt of {main}"[:300])


def _apply(
    step: DumpStep, member: DumpMember, choices: DumpChoices, ranks: Mapping[str, Rank], actor: User | None
) -> None:
    rank = ranks.get(name_key(member.rank)) if member.rank and choices.set_ranks else None
    if step.action == "add":
        if choices.add:
            _add(member, rank, actor)
        return
    assert step.character_id is not None
    character = _get(step.character_id)
    changed = {change.field: change.after for change in step.changes}
    if step.action == "bring_back":
        if not choices.bring_back:
            return
        update_character(character=character, actor=actor, status=Character.Status.ACTIVE)
    if choices.update:
        plain = {name: getattr(member, name) for name in ("level", "character_class") if name in changed}
        if plain:
            update_character(character=character, actor=actor, **plain)
    if "rank" in changed and rank is not None:
        set_rank(character=character, rank=rank, actor=actor, reason="guild dump")


def _add(member: DumpMember, rank: Rank | None, actor: User | None) -> None:
    main = Character.objects.filter(name_key=name_key(member.main_name)).first() if member.main_name else None
    owner = main.user if main is not None else None
    create_character(
        name=member.name,
        user=owner,
        is_main=False,
        main_character=main if owner is not None and main is not None and main.is_main else None,
        character_class=member.character_class,
        level=member.level,
        rank=rank,
        note=member.note[:500],
        actor=actor,
        imported=True,
    )


def _get(pk: int) -> Character:
    return Character.objects.select_related("rank", "user").get(pk=pk)


def _characters() -> dict[str, Character]:
    return {one.name_key: one for one in Character.objects.select_related("rank", "user")}


def _aliases() -> dict[str, str]:
    return dict(CharacterAlias.objects.values_list("name_key", "character__name_key"))


def _without_characters() -> dict[str, User]:
    """Return those of the guild who have no character, by the key of their name; nobody for a name that two of them have."""
    found: dict[str, list[User]] = {}
    rows = User.objects.filter(is_active=True, is_bot=False, merged_into=None, role_group__in=OF_THE_GUILD)
    for person in rows.filter(characters=None):
        found.setdefault(name_key(person.display_name), []).append(person)
    return {key: people[0] for key, people in found.items() if len(people) == 1}


def _ranks() -> dict[str, Rank]:
    return {name_key(rank.name): rank for rank in Rank.objects.all()}


def _compare(
    members: Sequence[DumpMember],
    is_partial: bool,
    characters: Mapping[str, Character],
    ranks: Mapping[str, Rank],
) -> DumpDifference:
    if not members:
        raise BadInput("There is nobody in this dump.", code="empty_dump", attr="text")
    if len(members) > MOST_MEMBERS:
        raise BadInput(f"At most {MOST_MEMBERS} members are read in one go.", code="too_many", attr="text")
    difference = DumpDifference(is_partial=is_partial)
    difference.given = [is_partial, [astuple(member) for member in members]]
    unknown = {name_key(one.rank): one.rank[:60] for one in members if one.rank and name_key(one.rank) not in ranks}
    difference.unknown_ranks = sorted(unknown.values())
    seen, aliases = set(), _aliases()
    kin = _Kin(members, characters, aliases, _people_named(members))
    for member in members:
        key = name_key(member.name)
        known = characters.get(key) or characters.get(aliases.get(key, ""))
        if known is None:
            difference.steps.append(
                DumpStep("add", member.name, owner=_owner(member, characters), whose=kin.whose(member))
            )
            continue
        seen.add(known.pk)
        changes = tuple(_changes(member, known))
        gone = known.status == Character.Status.REMOVED
        action = "bring_back" if gone else "update" if changes else "same"
        whose = kin.whose(member) if known.user_id is None else None
        difference.steps.append(DumpStep(action, member.name, known.pk, _name(known.user), changes, whose))
    if not is_partial:
        for one in characters.values():
            if one.pk not in seen and one.status == Character.Status.ACTIVE:
                difference.steps.append(DumpStep("missing", one.name, one.pk, _name(one.user)))
    return difference


def _people_named(members: Sequence[DumpMember]) -> dict[int, User]:
    """Return who was said by hand to be somebody of the dump, and has no character yet. At most one query."""
    wanted = {one.person_id for one in members if one.person_id is not None}
    return people_without_characters().in_bulk(wanted) if wanted else {}


class _Kin:
    """Whose alt each member is, by the notes and by what was written by hand, through as many steps as they take."""

    def __init__(
        self,
        members: Sequence[DumpMember],
        characters: Mapping[str, Character],
        aliases: Mapping[str, str],
        people: Mapping[int, User],
    ) -> None:
        self._members = {name_key(member.name): member for member in members}
        self._characters, self._aliases, self._people = characters, aliases, people
        self._mains: dict[int, str] = {}
        for member in members:
            if member.person_id is not None:
                self._mains.setdefault(member.person_id, member.name)
        self._waiting = _without_characters()

    def whose(self, member: DumpMember) -> Whose | None:
        """Return whose this member without an owner becomes; None where it already comes to somebody by being added."""
        key, seen = name_key(member.name), set[str]()
        at = member
        while True:
            seen.add(name_key(at.name))
            if at.person_id is not None:
                return self._person(at, at.person_id, is_main=name_key(at.name) == key)
            main = name_key(at.main_name or "")
            if main == NOBODY or (not main and at.is_alt):
                doubt = "" if main else f"the dump says that {at.name} is an alt, but not whose"
                return Whose(doubt=doubt)
            if main in ("", NEW, name_key(at.name)):
                return self._of(at.name, is_main=name_key(at.name) == key, is_somebody_new=main == NEW)
            main = self._aliases.get(main, main) if main not in self._members else main
            if main in seen:
                return Whose(doubt=f"{member.name} and {at.main_name} are each the alt of the other")
            known = self._characters.get(main)
            if known is not None and (known.user is not None or main not in self._members):
                if known.status == Character.Status.REMOVED:
                    return Whose(doubt=f"{known.name} is off the roster; bring it back first")
                return self._of(known.name, is_main=False)
            if main not in self._members:
                return Whose(doubt=f"no {at.main_name} in this list or on the roster")
            at = self._members[main]

    def _person(self, main: DumpMember, person_id: int, *, is_main: bool) -> Whose:
        person = self._people.get(person_id)
        if person is None:
            return Whose(doubt="this person has an account no longer, or a character by now")
        if self._mains[person_id] != main.name:
            return Whose(doubt=f"{self._mains[person_id]} is the main of {person} already: write that name")
        known = self._characters.get(name_key(main.name))
        if known is not None and known.user is not None:
            return self._of(main.name, is_main=False)
        return Whose(main.name, str(person), False, is_main, person_id=person_id)

    def _of(self, main: str, *, is_main: bool, is_somebody_new: bool = False) -> Whose:
        known = self._characters.get(self._aliases.get(name_key(main), name_key(main)))
        name = main if known is None else known.name
        if known is not None and known.user is not None:
            return Whose(name, _name(known.user), False, is_main)
        waiting = None if is_somebody_new else self._waiting.get(name_key(name))
        if waiting is not None:
            return Whose(name, _name(waiting), False, is_main, person_id=waiting.pk)
        return Whose(name, None, True, is_main)


def _changes(member: DumpMember, known: Character) -> Iterable[FieldChange]:
    if member.level is not None and member.level != known.level:
        yield FieldChange("level", str(known.level or ""), str(member.level))
    if member.character_class and member.character_class != known.character_class:
        yield FieldChange("character_class", known.character_class, member.character_class)
    rank = known.rank.name if known.rank else ""
    if member.rank and name_key(member.rank) != name_key(rank):
        yield FieldChange("rank", rank, member.rank)


def _owner(member: DumpMember, characters: Mapping[str, Character]) -> str | None:
    main = characters.get(name_key(member.main_name)) if member.main_name else None
    return _name(main.user) if main else None


def _name(user: User | None) -> str | None:
    return str(user) if user else None
