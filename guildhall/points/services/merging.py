"""Two people who turn out to be one: the only way an entry changes its owner (DESIGN.md 2).

Invariants: nothing is lost and nothing is counted twice. The entries keep their amounts, times and descriptions; the
summaries of the two add up; the source stays as a closed account that points to the target (`merged_into`), with its
Discord id given up and its summaries closed, so that nothing is posted to it any more. The trigger on the ledger lets
the owner change only while the `UserMerge` row is open, and only from its source to its target. Later rooms move their
own rows by `hooks.on_merge`, in the same transaction.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Sum

from guildhall.accounts.models import APIKey, User
from guildhall.accounts.services import announce_member_change
from guildhall.core import audit, clock, revisions
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.money import ZERO
from guildhall.core.transactions import use_case
from guildhall.points import hooks, ledger
from guildhall.points.models import Bucket, DKPPool, Hold, LedgerEntry, PointAdjustment, UserMerge, UserPointsSummary
from guildhall.roster.models import Character, CharacterOwnership


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would move: characters by name, entries, and the balance per pool before and after."""

    source: User
    target: User
    characters: list[str]
    entries: int
    balances: list[tuple[str, Decimal, Decimal]] = field(default_factory=list)
    """(pool, the source's balance, the target's balance); after the merge the target has their sum."""


def merge_source(*, user_id: int) -> User:
    """The person with this id, even if merged already (a merge then says into whom).

    Raises:
        NotFound: ``unknown_user``.
    """
    found = User.objects.select_related("merged_into").filter(pk=user_id).first()
    if found is None:
        raise NotFound(f"There is nobody with id {user_id}.", code="unknown_user", attr="source_user_id")
    return found


def preview_merge(*, source: User, target: User) -> MergePreview:
    """What merging `source` into `target` would move; nothing is changed. Three queries.

    Raises:
        BadInput, Conflict: as `merge_people`.
    """
    _refuse(source, target)
    rows: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in UserPointsSummary.objects.filter(user__in=[source, target]).select_related("pool"):
        rows[row.pool.name][0 if row.user_id == source.pk else 1] = row.balance
    return MergePreview(
        source=source,
        target=target,
        characters=list(Character.objects.filter(user=source).values_list("name", flat=True)),
        entries=LedgerEntry.objects.filter(user=source).count(),
        balances=[(pool, mine, theirs) for pool, (mine, theirs) in sorted(rows.items())],
    )


def _refuse(source: User, target: User) -> None:
    if source.pk == target.pk:
        raise BadInput("These are the same person.", code="same_person", attr="source_user_id")
    for person in (source, target):
        if person.merged_into_id:
            raise Conflict(f"{person} has been merged into {person.merged_into} already.", code="already_merged")
        if person.is_bot:
            raise BadInput(f"{person} is a bot.", code="is_bot")
    if source.discord_id and target.discord_id:
        raise Conflict(
            f"Both have a Discord account ({source.discord_username or source.discord_id}, "
            f"{target.discord_username or target.discord_id}). Unlink one of them first.",
            code="both_linked",
        )
    if Hold.objects.filter(user=source).exists():
        raise Conflict(
            f"{source} leads in an auction that is still open. Wait until it is settled.", code="has_open_bids"
        )


@use_case
def merge_people(*, source: User, target: User, actor: User | None, reason: str) -> UserMerge:
    """Make `source` and `target` one person, who is `target`: characters, points, history and Discord link move.

    Raises:
        BadInput: ``same_person``, ``is_bot``, ``required`` without a reason.
        Conflict: ``already_merged``, ``both_linked``, ``has_open_bids``.
    """
    if not reason.strip():
        raise BadInput("Say how you know that they are the same person.", code="required", attr="reason")
    people = {u.pk: u for u in User.objects.select_for_update().filter(pk__in=[source.pk, target.pk]).order_by("pk")}
    source, target = people[source.pk], people[target.pk]
    pools = set(UserPointsSummary.objects.filter(user=source).values_list("pool_id", flat=True))
    # The source in every pool there is, also where they have nothing: an award under way waits here and then finds it closed.
    every = DKPPool.objects.values_list("pk", flat=True)
    ledger.lock_summaries([*((source.pk, pk) for pk in every), *((target.pk, pk) for pk in pools)])
    _refuse(source, target)
    merge = UserMerge.objects.create(source=source, target=target, merged_by=actor, reason=reason[:300])
    merge.moved_entries = LedgerEntry.objects.filter(user=source).update(user=target)
    for pool_id in sorted(pools):
        _recompute(source.pk, pool_id)
        _recompute(target.pk, pool_id)
    UserPointsSummary.objects.filter(user=source).update(is_closed=True)
    PointAdjustment.objects.filter(user=source).update(user=target)
    characters = _move_characters(source, target, actor, reason)
    moved = hooks.run_merge_hooks(source.pk, target.pk)
    target.refresh_from_db()  # a hook may have given the target the role that the source had
    # Last: what the hooks move is append-only too, and lets its owner change while this row is open.
    merge.is_open = False
    merge.save(update_fields=["moved_entries", "is_open"])
    _close(source, target)
    audit.record(
        action="points.merge_people",
        summary=f"{source} merged into {target} ({reason})",
        actor=actor,
        target=target,
        data={
            "source_id": source.pk,
            "target_id": target.pk,
            "entries": merge.moved_entries,
            "characters": characters,
            "moved": moved,
        },
    )
    announce_member_change(user_id=target.pk, change="merged", before=str(source), after=str(target))
    revisions.bump("roster")
    return merge


def _recompute(user_id: int, pool_id: int) -> None:
    """Set a locked summary from its entries; `held` is not touched."""
    sums = dict(
        LedgerEntry.objects.filter(user_id=user_id, pool_id=pool_id)
        .order_by()
        .values_list("bucket")
        .annotate(total=Sum("amount"))
    )
    row = UserPointsSummary.objects.get(user_id=user_id, pool_id=pool_id)
    row.earned = sums.get(Bucket.EARNED, ZERO)
    row.spent = -sums.get(Bucket.SPENT, ZERO) + ZERO
    row.adjusted = sums.get(Bucket.ADJUSTED, ZERO)
    row.balance = row.earned - row.spent + row.adjusted
    row.version += 1
    row.updated_at = clock.now()
    row.save()


def _move_characters(source: User, target: User, actor: User | None, reason: str) -> list[str]:
    main = Character.objects.filter(user=target, is_main=True).first()
    moving = list(Character.objects.select_for_update().filter(user=source).order_by("pk"))
    now = clock.now()
    for character in moving:
        if main is None and character.is_main:
            main = character
        elif character.is_main:
            character.is_main = False
        character.user = target
    if main is not None:
        for character in moving:
            character.main_character = None if character is main else main
    for character in moving:
        character.save()
        character.ownerships.filter(ended_at=None).update(ended_at=now)
        CharacterOwnership.objects.create(
            character=character,
            user=target,
            started_at=now,
            reason=f"merged: {reason}"[:300],
            changed_by=actor,
        )
    return [character.name for character in moving]


def _close(source: User, target: User) -> None:
    """Give the target what the source's account had that it lacks, and close the source."""
    names = ("discord_id", "discord_username", "discord_discriminator", "discord_global_name", "avatar_url", "email")
    carried = {} if target.discord_id else {name: getattr(source, name) for name in names if getattr(source, name)}
    source.discord_id, source.is_active, source.merged_into = None, False, target
    source.save()
    for name, value in carried.items():
        if name != "email" or not target.email:
            setattr(target, name, value)
    if target.is_placeholder and not source.is_placeholder:
        target.is_placeholder = False
    target.save()
    # Whoever was merged into the source before is the target now: who asks needs to follow one step only.
    User.objects.filter(merged_into=source).update(merged_into=target)
    APIKey.objects.filter(user=source, revoked_at=None).update(revoked_at=clock.now())
