"""Characters: made, taken over where they are here already, brought up to date, and set inactive where they are
gone."""

from __future__ import annotations

from typing import Any

from guildhall.core import clock
from guildhall.eqdkp import game
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import LegacyRecord
from guildhall.roster.models import Character, CharacterOwnership, RankChange
from guildhall.roster.names import name_key

from .context import Context, Kind, Known, fingerprint
from .who_is_who import PersonPlan

BATCH = 500


def characters_here(plans: list[PersonPlan]) -> dict[str, Character]:
    keys = [name_key(member.name) for plan in plans for member in plan.members]
    found: dict[str, Character] = {}
    for start in range(0, len(keys), BATCH):
        for character in Character.objects.filter(name_key__in=keys[start : start + BATCH]):
            found[character.name_key] = character
    return found


def character_values(ctx: Context, member: r.LegacyMember) -> dict[str, Any]:
    """Return the plain attributes of a character as EQdkp has them."""
    ids = {key: value for key, value in member.profile.items() if key in ("class", "race") and value}
    profile: dict[str, Any] = {k: v for k, v in member.profile.items() if k not in ("class", "race", "level")}
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
    table, counts = r.MEMBERS.name, ctx.counts[r.MEMBERS.name]
    first_of_name: dict[str, r.LegacyMember] = {}
    duplicates: set[int] = set()
    ranks = {0, *(rank.id for rank in ctx.snapshot.rows(r.RANKS))}  # 0 is none where there is no rank 0
    for member in sorted((m for plan in plans for m in plan.members), key=lambda m: m.id):
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

    def work() -> None:
        known = ctx.known(Kind.MEMBER)
        mains_here: set[int | None] = set(Character.objects.filter(is_main=True).values_list("user_id", flat=True))
        new: list[tuple[PersonPlan, r.LegacyMember, Character, str, Known | None]] = []
        for plan in plans:
            user_id = ctx.object_id(Kind.PERSON, plan.main_id)
            assert user_id is not None
            for member in plan.members:
                counts.read += 1
                content = _member_content(member, plan.main_id)
                before = known.get(member.id)
                data = {"main": plan.main_id, "name": member.name}
                if member.id in duplicates and (before is None or not before.live):
                    ctx.remember(
                        Kind.MEMBER, member.id, None, content, state=LegacyRecord.State.HELD, before=before, data=data
                    )  # fmt: skip
                    continue
                if before is not None and before.here:
                    if before.content == content:
                        counts.same += 1
                    else:
                        counts.changed += 1
                        _change_character(ctx, before, member, user_id, content, plan)
                    continue
                here = existing.get(name_key(member.name))
                if here is not None:
                    counts.new += 1
                    if here.user_id is None and ctx.commit:
                        _adopt(here, user_id)
                    elif here.user_id not in (None, user_id):
                        ctx.problem(
                            table, member.id, "owned_here", f"{here.name} is {here.user}'s in Guildhall already and stays "
                            "so; its points from EQdkp are kept for a person of its own (merge the two if they are one)",
                        )  # fmt: skip
                    ctx.remember(Kind.MEMBER, member.id, here.pk, content, created=False, before=before, data=data)
                    continue
                counts.new += 1
                new.append((plan, member, _new_character(ctx, member, user_id), content, before))
        _store_characters(ctx, new, mains_here)
        if not ctx.snapshot.partial:
            _characters_gone(ctx)
        ctx.progress(table, counts.read)

    ctx.batch(work)


def _characters_gone(ctx: Context) -> None:
    """Set characters that the old system deleted inactive: their history here names them."""
    for legacy_id, before in list(ctx.known(Kind.MEMBER).items()):
        if legacy_id in ctx.mains or not before.live:
            continue
        ctx.counts[r.MEMBERS.name].gone += 1
        character = Character.objects.filter(pk=before.key).first()
        if character is not None and before.created:
            ctx.problem(
                r.MEMBERS.name, legacy_id, "deleted_there",
                f"{character.name} was deleted in EQdkp; it stays here, inactive and without points from there",
            )  # fmt: skip
            ctx.note_change(before, _character_state(character), {})
            if ctx.commit:
                Character.objects.filter(pk=character.pk).update(status=Character.Status.INACTIVE, is_active=False)
        ctx.remember(Kind.MEMBER, legacy_id, before.object_id, "", state=LegacyRecord.State.GONE, before=before,
                     created=before.created)  # fmt: skip


_WRITTEN = ("character_class", "race", "level", "rank_id", "status", "is_active", "note", "profile")


def _character_state(character: Character) -> dict[str, Any]:
    """Return what an import may write of a character, as it is now."""
    names = (*_WRITTEN, "name", "user_id", "is_main")
    return {name: getattr(character, name) for name in names}


def _member_content(member: r.LegacyMember, main_id: int) -> str:
    return fingerprint(
        member.name,
        member.active,
        member.rank_id,
        main_id,
        member.notes,
        member.default_role,
        sorted(member.profile.items()),
    )


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


def _store_characters(
    ctx: Context,
    new: list[tuple[PersonPlan, r.LegacyMember, Character, str, Known | None]],
    mains_here: set[int | None],
) -> None:
    """Store the characters: mains first, so that twinks can name them; histories as if each had been made by hand."""
    mains: dict[int, Character] = {}
    for plan, member, character, _, _ in new:
        if member is plan.main and character.user_id not in mains_here:
            character.is_main = True
            mains[plan.main_id] = character
    if ctx.commit:
        Character.objects.bulk_create(list(mains.values()), batch_size=BATCH)
        here = {c.user_id: c for c in Character.objects.filter(is_main=True, user__isnull=False)}
        twinks = [character for _, _, character, _, _ in new if not character.is_main]
        for character in twinks:
            character.main_character = here.get(character.user_id)
        Character.objects.bulk_create(twinks, batch_size=BATCH)
        made = [character for _, _, character, _, _ in new]
        CharacterOwnership.objects.bulk_create(
            [
                CharacterOwnership(character=c, user_id=c.user_id, started_at=c.joined_at, reason="EQdkp import")
                for c in made
            ],
            batch_size=BATCH,
        )
        RankChange.objects.bulk_create(
            [RankChange(character=c, to_rank_id=c.rank_id, reason="EQdkp import") for c in made if c.rank_id],
            batch_size=BATCH,
        )
        Character.history.bulk_history_create(made, batch_size=BATCH)
    for plan, member, character, content, before in new:
        data = {"main": plan.main_id, "name": member.name}
        ctx.remember(Kind.MEMBER, member.id, character.pk or ctx.fake_id(), content, before=before, data=data)


def _change_character(
    ctx: Context, before: Known, member: r.LegacyMember, user_id: int, content: str, plan: PersonPlan
) -> None:
    """Bring a character up to date: attributes, and its name and person where these changed *there*.

    What officers here decided of its name, owner or main stays until EQdkp changes the same. A character that was here
    before the import is not written to at all.
    """
    character = Character.objects.filter(pk=before.key).first()
    if character is None:
        ctx.problem(
            "members", member.id, "deleted_here", f"{member.name} was deleted in Guildhall; it is left so", held=True
        )
        return
    ctx.look("members", member.id)
    brought = LegacyRecord.objects.filter(pk=before.pk or 0).values_list("data", flat=True).first() or {}
    data = {"main": plan.main_id, "name": member.name}
    if before.created:
        moved, renamed = brought.get("main") != plan.main_id, brought.get("name") != member.name
        is_main = member is plan.main if moved else character.is_main
        becomes = dict(
            character_values(ctx, member), name=character.name, user_id=user_id if moved else character.user_id
        )
        if renamed and name_key(member.name) != character.name_key:
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
            apply_character(character, becomes, is_main=is_main)
    ctx.remember(Kind.MEMBER, member.id, before.object_id, content, before=before, created=before.created, data=data,
                 same_row=True)  # fmt: skip


def apply_character(character: Character, values: dict[str, Any], *, is_main: bool) -> None:
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
    if is_main and not character.is_main:
        Character.objects.filter(user_id=values["user_id"], is_main=True).update(is_main=False)
        character.is_main, character.main_character = True, None
        character.save()
        others = Character.objects.filter(user_id=values["user_id"]).exclude(pk=character.pk)
        others.update(main_character=character)
        return
    if not character.is_main:
        character.main_character = (
            Character.objects.filter(user_id=values["user_id"], is_main=True).exclude(pk=character.pk).first()
        )
    character.save()
