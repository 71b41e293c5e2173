"""A guild dump brought to the roster: first the difference, then, if somebody says so, the change.

Invariants: nothing is changed but what the difference shows and the choices ask for; it is computed anew, under locks,
when it is applied, so what is applied is what is true then. Nobody is taken off the roster because a partial dump does
not name them, and nobody is taken off unless that is asked for. A name that is not known becomes a character without
an owner, or, where the dump says whose alt it is, of that main's person; it never becomes a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field

from django.db.models import Q

from guildhall.accounts.models import User
from guildhall.accounts.permissions import SYSTEM
from guildhall.core import audit, batches, previews
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.transactions import use_case
from guildhall.roster.models import Character, CharacterAlias, Rank
from guildhall.roster.names import name_key

from .characters import create_character, retire_character, update_character
from .ranks import create_rank, set_rank

MOST_MEMBERS = 5000

DUMP = "guild_dump"
"""The kind of its batch (`roster.batches`)."""
DUMP_FIELDS = ("status", "level", "character_class", "rank_id")


def state_of(character: Character) -> dict[str, object]:
    """Return what a guild dump may change of a character, JSON-ready."""
    return {name: getattr(character, name) for name in DUMP_FIELDS}


@dataclass(frozen=True, slots=True)
class DumpMember:
    """One row of a dump: `main_name` is the main that its note names."""

    name: str
    level: int | None = None
    character_class: str = ""
    rank: str = ""
    main_name: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class DumpChoices:
    """What of the difference is to be done."""

    add: bool = True
    update: bool = True
    set_ranks: bool = True
    make_ranks: bool = False
    bring_back: bool = True
    remove_missing: bool = False


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One thing of a character that differs."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class DumpStep:
    """What a dump means for one name: `add`, `update`, `bring_back`, `missing` or `same`."""

    action: str
    name: str
    character_id: int | None = None
    owner: str | None = None
    changes: tuple[FieldChange, ...] = ()


@dataclass(slots=True)
class DumpDifference:
    """The difference between a dump and the roster. `unknown_ranks` are ranks of the dump that the guild has not."""

    is_partial: bool
    steps: list[DumpStep] = field(default_factory=list)
    unknown_ranks: list[str] = field(default_factory=list)
    applied: bool = False
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
                        ],
                    )
                    for step in self.steps
                    if step.action != "same"
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


def preview_guild_dump(*, members: Sequence[DumpMember], is_partial: bool) -> DumpDifference:
    """Return what a dump would change; nothing is stored. Three queries.

    Raises:
        BadInput: ``empty_dump``, ``too_many``.
    """
    return _compare(members, is_partial, _characters(), _aliases(), _ranks())


@use_case
@previews.executes_preview(preview_guild_dump)
def apply_guild_dump(
    *,
    members: Sequence[DumpMember],
    is_partial: bool,
    choices: DumpChoices,
    actor: User | None,
    digest: str | None = None,
) -> DumpDifference:
    """Do what the difference shows and `choices` ask for, all or none; returns the difference that was applied.

    Args:
        digest: of the `preview_guild_dump` that this carries out.

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
    difference = _compare(members, is_partial, characters, _aliases(), ranks)
    previews.require(digest, lambda: difference.shown)
    made = []
    if choices.make_ranks:
        for name in difference.unknown_ranks:
            ranks[name_key(name)] = create_rank(name=name, actor=actor)
            made.append(ranks[name_key(name)].pk)
    former = {one.pk: state_of(one) for one in characters.values()}
    by_name = {member.name: member for member in members}
    for step in difference.steps:
        member = by_name.get(step.name)
        if step.action == "missing":
            if choices.remove_missing and step.character_id is not None:
                retire_character(
                    character=_get(step.character_id), actor=actor, by=SYSTEM, reason="not in the guild dump"
                )
        elif member is not None:
            _apply(step, member, choices, ranks, actor)
    _write_down(difference, former, made, actor)
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
    difference: DumpDifference, former: Mapping[int, dict[str, object]], ranks: list[int], actor: User | None
) -> None:
    """Keep what was changed of each character, so that the whole dump can be undone (`roster.batches`)."""
    keys = [name_key(step.name) for step in difference.steps if step.action == "add"]
    touched = [step.character_id for step in difference.steps if step.action != "same" and step.character_id]
    steps = []
    for one in Character.objects.filter(Q(pk__in=touched) | Q(name_key__in=keys)).order_by("name"):
        before, after = former.get(one.pk), state_of(one)
        if before != after:
            steps.append({"character_id": one.pk, "name": one.name, "before": before, "after": after})
    if steps or ranks:
        batches.record(
            kind=DUMP,
            title=f"Guild dump: {len(steps)} character{'' if len(steps) == 1 else 's'} changed",
            size=len(steps),
            actor=actor,
            data={"steps": steps, "ranks": ranks},
        )


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


def _ranks() -> dict[str, Rank]:
    return {name_key(rank.name): rank for rank in Rank.objects.all()}


def _compare(
    members: Sequence[DumpMember],
    is_partial: bool,
    characters: Mapping[str, Character],
    aliases: Mapping[str, str],
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
    seen = set()
    for member in members:
        key = name_key(member.name)
        known = characters.get(key) or characters.get(aliases.get(key, ""))
        if known is None:
            difference.steps.append(DumpStep("add", member.name, owner=_owner(member, characters)))
            continue
        seen.add(known.pk)
        changes = tuple(_changes(member, known))
        gone = known.status == Character.Status.REMOVED
        action = "bring_back" if gone else "update" if changes else "same"
        difference.steps.append(DumpStep(action, member.name, known.pk, _name(known.user), changes))
    if not is_partial:
        for one in characters.values():
            if one.pk not in seen and one.status == Character.Status.ACTIVE:
                difference.steps.append(DumpStep("missing", one.name, one.pk, _name(one.user)))
    return difference


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
