"""Characters: made, taken over where they are here already, brought up to date, and set inactive where they are
gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

from django.db.models import Q

from guildhall.core import clock
from guildhall.eqdkp import game
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import LegacyRecord
from guildhall.roster.models import Character, CharacterOwnership, RankChange
from guildhall.roster.names import name_key

from .context import Context, Kind, fingerprint
from .difference import Changed, Created, Excluded, Known, State
from .loop import RowKind, bring
from .who_is_who import PersonPlan

BATCH = 500


class CharacterValues(TypedDict):
    """The plain attributes of a character that an import writes."""

    character_class: str
    race: str
    level: int | None
    rank_id: int | None
    status: str
    is_active: bool
    note: str
    profile: dict[str, object]


class CharacterState(CharacterValues):
    """A character as a change keeps it, so that it can be put back."""

    name: str
    user_id: int | None


def characters_here(plans: list[PersonPlan]) -> dict[str, Character]:
    keys = [name_key(member.name) for plan in plans for member in plan.members]
    found: dict[str, Character] = {}
    for start in range(0, len(keys), BATCH):
        for character in Character.objects.filter(name_key__in=keys[start : start + BATCH]):
            found[character.name_key] = character
    return found


def character_values(ctx: Context, member: r.LegacyMember) -> CharacterValues:
    """Return the plain attributes of a character as EQdkp has them."""
    ids = {key: value for key, value in member.profile.items() if key in ("class", "race") and value}
    profile: dict[str, object] = {k: v for k, v in member.profile.items() if k not in ("class", "race", "level")}
    if ids:
        profile["eqdkp"] = {**ids, "role": member.default_role}
    return {
        "character_class": game.class_name(member.class_id, ctx.game),
        "race": game.race_name(member.race_id, ctx.game),
        "level": member.level if 0 < member.level <= 200 else None,
        "rank_id": ctx.object_id(Kind.RANK, member.rank_id),
        "status": Character.Status.ACTIVE if member.active else Character.Status.INACTIVE,
        "is_active": member.active,
        "note": member.notes,
        "profile": profile,
    }


def import_characters(ctx: Context, plans: list[PersonPlan], existing: dict[str, Character]) -> None:
    """Import the characters of these persons."""
    bring(Characters(ctx, plans, existing))


@dataclass(frozen=True, slots=True)
class Member:
    """A character of the old system with its person."""

    row: r.LegacyMember
    plan: PersonPlan

    @property
    def id(self) -> int:
        """Return the id of the character."""
        return self.row.id

    @property
    def is_main(self) -> bool:
        """Return whether it is the main of its person."""
        return self.row is self.plan.main

    @property
    def data(self) -> dict[str, object]:
        """Return what the record keeps: by what a later import sees that the main or the name changed there."""
        return {"main": self.plan.main_id, "name": self.row.name}


class Characters(RowKind[Member, Member]):
    """Characters with their ranks and owners.

    What officers here decided of a character's name, owner or main stays until EQdkp changes the same. A character that
    was here before the import is not written to at all, and one whose name another has is not made twice.
    """

    kind = Kind.MEMBER
    table = r.MEMBERS.name
    called = "character"
    batch_size = None
    excluded_until_changed = False

    def __init__(self, ctx: Context, plans: list[PersonPlan], existing: dict[str, Character]) -> None:
        super().__init__(ctx)
        self.plans = plans
        self.existing = existing
        self.duplicates = self._report_names()

    def _report_names(self) -> set[int]:
        """Report ranks and names that are missing or taken; returns the characters that cannot be made."""
        ctx, table = self.ctx, self.table
        first_of_name: dict[str, r.LegacyMember] = {}
        duplicates: set[int] = set()
        ranks = {0, *(rank.id for rank in ctx.snapshot.rows(r.RANKS))}  # 0 is none where there is no rank 0
        for member in sorted((m for plan in self.plans for m in plan.members), key=lambda m: m.id):
            if member.rank_id not in ranks:
                ctx.problem(
                    table, member.id, "rank_missing",
                    f"{ctx.names[member.id]} has rank {member.rank_id}, which does not exist; it is left without one",
                )  # fmt: skip
            other = first_of_name.setdefault(name_key(member.name), member)
            if not member.name:
                duplicates.add(member.id)
                ctx.problem(table, member.id, "no_name", f"character {member.id} has no name; its points are kept",
                            held=True, row=member)  # fmt: skip
            elif other is not member:
                duplicates.add(member.id)
                ctx.problem(
                    table, member.id, "duplicate_name",
                    f"{member.name} (character {member.id}) has the name of character {other.id}; its points are kept for "
                    "its own person, the character itself is not made twice", held=True, row=member,
                )  # fmt: skip
        return duplicates

    # -- the difference ------------------------------------------------------------------------------------------------
    def rows(self) -> Iterator[Member]:
        """Yield the characters of every person."""
        return (Member(member, plan) for plan in self.plans for member in plan.members)

    def prepare(self, rows: Sequence[Member]) -> None:
        """Read who has a main here."""
        self.mains_here = set(Character.objects.filter(is_main=True).values_list("user_id", flat=True))

    def fingerprint(self, row: Member) -> str:
        """Return a fingerprint of what is brought of a character."""
        member = row.row
        return fingerprint(
            member.name, member.active, member.rank_id, row.plan.main_id, member.notes, member.default_role,
            sorted(member.profile.items()),
        )  # fmt: skip

    def build(self, row: Member, before: Known | None) -> Member | None:
        """Return the character; None where its name is missing or taken, and it is not here yet."""
        return None if row.id in self.duplicates and (before is None or not before.live) else row

    # -- writing -------------------------------------------------------------------------------------------------------
    def exclude(self, step: Excluded[Member]) -> None:
        """Record a character that is not made; its points are kept for its person."""
        self.ctx.remember(
            self.kind, step.row.id, None, step.content, state=State.HELD, before=step.before, data=step.row.data
        )  # fmt: skip

    def create(self, new: Sequence[Created[Member, Member]]) -> None:
        """Make characters, or take those that are here already."""
        made: list[tuple[Created[Member, Member], Character]] = []
        for step in new:
            self.counts.new += 1
            member, user_id = step.row.row, self._user_of(step.row.plan)
            here = self.existing.get(name_key(member.name))
            if here is None:
                made.append((step, _new_character(self.ctx, member, user_id)))
                continue
            if here.user_id is None and self.ctx.commit:
                _adopt(here, user_id)
            elif here.user_id not in (None, user_id):
                self.ctx.problem(
                    self.table, member.id, "owned_here", f"{here.name} is {here.user}'s in Guildhall already and stays "
                    "so; its points from EQdkp are kept for a person of its own (merge the two if they are one)",
                )  # fmt: skip
            self.ctx.remember(
                self.kind, member.id, here.pk, step.content, created=False, before=step.before, data=step.row.data
            )
        self._choose_mains(made)
        if self.ctx.commit:
            _store([character for _, character in made])
        for step, character in made:
            self.ctx.remember(
                self.kind, step.row.id, character.pk or self.ctx.fake_id(), step.content, before=step.before,
                data=step.row.data,
            )  # fmt: skip

    def _user_of(self, plan: PersonPlan) -> int:
        user_id = self.ctx.object_id(Kind.PERSON, plan.main_id)
        assert user_id is not None
        return user_id

    def _choose_mains(self, made: Sequence[tuple[Created[Member, Member], Character]]) -> None:
        for step, character in made:
            if step.row.is_main and character.user_id not in self.mains_here:
                character.is_main = True

    def change(self, step: Changed[Member, Member]) -> None:
        """Bring a character up to date: attributes, and its name and person where these changed *there*."""
        self.counts.changed += 1
        member, before, ctx = step.row.row, step.before, self.ctx
        character = Character.objects.filter(pk=before.key).first()
        if character is None:
            ctx.problem(
                "members",
                member.id,
                "deleted_here",
                f"{member.name} was deleted in Guildhall; it is left so",
                held=True,
            )
            return
        data = step.row.data
        if before.created:
            brought = LegacyRecord.objects.filter(pk=before.pk or 0).values_list("data", flat=True).first() or {}
            moved = brought.get("main") != step.row.plan.main_id
            becomes = CharacterState(
                **character_values(ctx, member),
                name=character.name,
                user_id=self._user_of(step.row.plan) if moved else character.user_id,
            )
            if brought.get("name") != member.name and name_key(member.name) != character.name_key:
                if not member.name or Character.objects.filter(name_key=name_key(member.name)).exists():
                    ctx.problem(
                        "members", member.id, "name_taken", f"{character.name} is called {member.name or 'nothing'} now, "
                        "a name that is taken here; it keeps its old one",
                    )  # fmt: skip
                    data["name"] = brought.get("name", "")
                else:
                    becomes["name"] = member.name[:120]
            ctx.note_change(before, _character_state(character), becomes)
            if ctx.commit:
                apply_character(character, becomes, is_main=step.row.is_main if moved else character.is_main)
        ctx.remember(
            self.kind, member.id, before.object_id, step.content, before=before, created=before.created, data=data,
            same_row=True,
        )  # fmt: skip

    def vanish(self, legacy_id: int, before: Known) -> None:
        """Set a character that was deleted there inactive: its history here names it."""
        character = Character.objects.filter(pk=before.key).first()
        if character is not None and before.created:
            what = f"{character.name} was deleted in EQdkp; it stays here, inactive and without points from there"
            self.ctx.problem(self.table, legacy_id, "deleted_there", what)
            self.ctx.note_change(before, _character_state(character), {})
            if self.ctx.commit:
                Character.objects.filter(pk=character.pk).update(status=Character.Status.INACTIVE, is_active=False)


_WRITTEN = ("character_class", "race", "level", "rank_id", "status", "is_active", "note", "profile")


def _character_state(character: Character) -> dict[str, object]:
    """Return what an import may write of a character, as it is now."""
    names = (*_WRITTEN, "name", "user_id", "is_main")
    return {name: getattr(character, name) for name in names}


def _new_character(ctx: Context, member: r.LegacyMember, user_id: int) -> Character:
    return Character(
        name=member.name[:120],
        name_key=name_key(member.name),
        user_id=user_id,
        joined_at=member.created or clock.now(),
        **character_values(ctx, member),
    )


def _adopt(character: Character, user_id: int) -> None:
    """Give a character that nobody owned here yet the owner that EQdkp knows."""
    character.user_id = user_id
    character.save()
    character.ownerships.filter(ended_at=None).update(ended_at=clock.now())
    CharacterOwnership.objects.create(character=character, user_id=user_id, reason="EQdkp import")


def _store(made: Sequence[Character]) -> None:
    """Store characters: mains first, so that twinks can name them; histories as if each had been made by hand."""
    Character.objects.bulk_create([one for one in made if one.is_main], batch_size=BATCH)
    here = {one.user_id: one for one in Character.objects.filter(is_main=True, user__isnull=False)}
    twinks = [one for one in made if not one.is_main]
    for character in twinks:
        character.main_character = here.get(character.user_id)
    Character.objects.bulk_create(twinks, batch_size=BATCH)
    CharacterOwnership.objects.bulk_create(
        [
            CharacterOwnership(character=one, user_id=one.user_id, started_at=one.joined_at, reason="EQdkp import")
            for one in made
        ],
        batch_size=BATCH,
    )
    RankChange.objects.bulk_create(
        [RankChange(character=one, to_rank_id=one.rank_id, reason="EQdkp import") for one in made if one.rank_id],
        batch_size=BATCH,
    )
    Character.history.bulk_history_create(list(made), batch_size=BATCH)


def apply_character(character: Character, values: CharacterState, *, is_main: bool) -> None:
    """Write attributes, name, owner and main of a character, with the records that a change by hand would leave."""
    now = clock.now()
    if character.rank_id != values["rank_id"]:
        RankChange.objects.create(
            character=character, from_rank_id=character.rank_id, to_rank_id=values["rank_id"], reason="EQdkp import"
        )
    moved = character.user_id != values["user_id"]
    for name, value in values.items():
        setattr(character, name, value)
    character.name_key = name_key(character.name)
    if moved:
        Character.objects.filter(main_character=character).update(main_character=None)
        character.is_main = False
        character.ownerships.filter(ended_at=None).update(ended_at=now)
        CharacterOwnership.objects.create(
            character=character, user_id=values["user_id"], started_at=now, reason="EQdkp import"
        )
    owned = Character.objects.filter(Q(user_id=values["user_id"]))
    if is_main and not character.is_main:
        owned.filter(is_main=True).update(is_main=False)
        character.is_main, character.main_character = True, None
        character.save()
        owned.exclude(pk=character.pk).update(main_character=character)
        return
    if not character.is_main:
        character.main_character = owned.filter(is_main=True).exclude(pk=character.pk).first()
    character.save()
