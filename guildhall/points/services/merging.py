"""Two people who turn out to be one: the only way an entry changes its owner (docs/architecture.md, "The ledger", 2).

Invariants: nothing is lost and nothing is counted twice. The entries keep their amounts, times and descriptions; the
summaries of the two add up; the source stays as a closed account that points to the target (`merged_into`), with its
Discord id given up and its summaries closed, so that nothing is posted to it any more. The trigger on the ledger lets
the owner change only while the `UserMerge` row is open, and only from its source to its target. Later apps move their
own rows by `hooks.on_merge`, in the same transaction.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Sum

from guildhall.accounts.access_history import record_access_change
from guildhall.accounts.authority import Change, asker, require_authority_over
from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal
from guildhall.accounts.services import announce_member_change, end_access
from guildhall.core import batches, clock, previews
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.ids import PoolId, UserId
from guildhall.core.model_updates import set_fields
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
    changes: dict[ledger.Key, Decimal] = field(default_factory=dict)
    """What the target's balances change by: debts of the source take points that bids of the target may hold."""

    @property
    def sums(self) -> list[tuple[str, Decimal, Decimal, Decimal]]:
        """Return for each pool the target's balance, the source's, and what the target has after the merge."""
        return [(pool, theirs, mine, theirs + mine) for pool, mine, theirs in self.balances]

    @property
    def shown(self) -> previews.Shown:
        rows = {
            **{f"the character {name}": True for name in self.characters},
            **{f"the balance in {pool}": [mine, theirs] for pool, mine, theirs in self.balances},
            f"the entries of {self.source}": self.entries,
        }
        return previews.Shown("points.merge_people", [self.source.pk, self.target.pk], rows)

    @property
    def digest(self) -> str:
        return self.shown.digest


def merge_source(*, user_id: int) -> User:
    """Return the person with this id, even if merged already (a merge then says into whom).

    Raises:
        NotFound: ``unknown_user``.
    """
    found = User.objects.select_related("merged_into").filter(pk=user_id).first()
    if found is None:
        raise NotFound(f"There is nobody with id {user_id}.", code="unknown_user", attr="source_user_id")
    return found


def preview_merge(*, source: User, target: User, actor: User | None, by: Principal | None = None) -> MergePreview:
    """Return what merging `source` into `target` would move; nothing is changed. Three queries.

    Raises:
        BadInput, Conflict, NotAllowed: as `merge_people`.
    """
    _require_authority(source, target, asker(by=by, actor=actor))
    _refuse(source, target)
    rows: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    changes: dict[ledger.Key, Decimal] = {}
    for row in UserPointsSummary.objects.filter(user__in=[source, target]).select_related("pool"):
        rows[row.pool.name][0 if row.user_id == source.pk else 1] = row.balance
        if row.user_id == source.pk:
            changes[UserId(target.pk), PoolId(row.pool_id)] = row.balance
    return MergePreview(
        source=source,
        target=target,
        characters=list(Character.objects.filter(user=source).values_list("name", flat=True)),
        entries=LedgerEntry.objects.filter(user=source).count(),
        balances=[(pool, mine, theirs) for pool, (mine, theirs) in sorted(rows.items())],
        changes=changes,
    )


def _refuse(source: User, target: User) -> None:
    if source.pk == target.pk:
        raise _same_person()
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
            f"{source} has a bid in an auction that still runs. Wait until it is settled.", code="has_open_bids"
        )


def _same_person() -> BadInput:
    return BadInput("These are the same person.", code="same_person", attr="source_user_id")


def _lock_both(source: User, target: User) -> tuple[set[PoolId], dict[int, User]]:
    """Lock the two in every pool and then themselves; returns the pools' keys and the people by key."""
    pools: set[PoolId] = set()
    while True:
        new = {PoolId(pk) for pk in DKPPool.objects.values_list("pk", flat=True)} - pools
        ledger.lock_summaries((UserId(person.pk), pk) for pk in new for person in (source, target))
        pools |= new
        both = User.objects.select_for_update().filter(pk__in=[source.pk, target.pk]).order_by("pk")
        people = {person.pk: person for person in both}
        # Somebody may have been paid in a pool that was made while we waited.
        if not DKPPool.objects.exclude(pk__in=pools).exists():
            return pools, people


def _require_authority(source: User, target: User, who: Principal) -> None:
    """Require authority over both people: a merge gives each what the other had, ways to sign in too."""
    for person in (source, target):
        if not person.is_bot:  # refused in other words
            require_authority_over(who, person, change=Change.MERGE)


@use_case
@previews.executes_preview(preview_merge)
def merge_people(
    *,
    source: User,
    target: User,
    actor: User | None,
    reason: str,
    by: Principal | None = None,
    digest: str | None = None,
) -> UserMerge:
    """Make `source` and `target` one person, who is `target`: characters, points, history and Discord link move.

    Args:
        digest: of the `preview_merge` that this carries out; the reason is not part of it.
        by: what `actor` came with; without it they are taken to be here in person.

    Raises:
        PreviewChanged: other characters, entries or balances would move than were shown.
        BadInput: ``same_person``, ``is_bot``, ``required`` without a reason.
        NotAllowed: ``role_beyond_yours``, ``account_scope_needed``.
        Conflict: ``already_merged``, ``both_linked``, ``has_open_bids``.
    """
    if not reason.strip():
        raise BadInput("Say how you know that they are the same person.", code="required", attr="reason")
    if source.pk == target.pk:
        raise _same_person()
    # Both in every pool there is, also where they have nothing: an award under way waits here and then finds the source
    # closed, and what it wrote before is added up for the target. Summaries before people, as every posting does.
    pools, people = _lock_both(source, target)
    source, target = people[source.pk], people[target.pk]
    who = asker(by=by, actor=actor)
    _require_authority(source, target, who)
    former = [person.discord_id for person in (source, target) if person.discord_id]
    emails = [source.email, target.email]
    _refuse(source, target)
    previews.require(digest, lambda: preview_merge(source=source, target=target, actor=actor, by=by).shown)
    merge = UserMerge.objects.create(source=source, target=target, merged_by=actor, reason=reason[:300])
    merge.moved_entries = _move_points(source, target, pools)
    characters = _move_characters(source, target, actor, reason)
    moved = hooks.run_merge_hooks(source.pk, target.pk)
    target.refresh_from_db()  # a hook may have given the target the role that the source had
    # Last: what the hooks move is append-only too, and lets its owner change while this row is open.
    merge.is_open = False
    merge.save(update_fields=["moved_entries", "is_open"])
    _close(source, target)
    end_access(user=source, actor=actor, by=who, why=f"the account was merged into {target}")
    batches.record(
        kind="merge",
        title=f"{source} merged into {target}",
        reason=reason,
        size=merge.moved_entries,
        actor=actor,
        data={"characters": characters, "source_id": source.pk, "target_id": target.pk},
    )
    record_access_change(
        action="points.merge_people",
        user=target,
        summary=f"{source} merged into {target} ({reason})",
        actor=actor,
        by=who,
        former_discord_ids=former,
        former_emails=emails,
        data={
            "source_id": source.pk,
            "target_id": target.pk,
            "entries": merge.moved_entries,
            "characters": characters,
            "moved": moved,
        },
    )
    announce_member_change(user_id=target.pk, change="merged", before=str(source), after=str(target))
    return merge


def _move_points(source: User, target: User, pools: set[PoolId]) -> int:
    """Give the source's entries to the target in all of these pools, which are locked; returns how many there were."""
    moved = LedgerEntry.objects.filter(user=source).update(user=target)
    rows: dict[ledger.Key, UserPointsSummary] = {}
    owed: dict[ledger.Key, Decimal] = {}
    for pool_id in sorted(pools):
        theirs: ledger.Key = (UserId(target.pk), pool_id)
        _, owed[theirs] = _recompute(UserId(source.pk), pool_id)
        rows[theirs], _ = _recompute(*theirs)
    ledger.announce_net_taken(rows, owed)
    UserPointsSummary.objects.filter(user=source).update(is_closed=True)
    PointAdjustment.objects.filter(user=source).update(user=target)
    return moved


def _recompute(user_id: UserId, pool_id: PoolId) -> tuple[UserPointsSummary, Decimal]:
    """Set a locked summary from its entries; `held` is not touched. Returns it, and the balance that it had."""
    sums = dict(
        LedgerEntry.objects.filter(user_id=user_id, pool_id=pool_id)
        .order_by()
        .values_list("bucket")
        .annotate(total=Sum("amount"))
    )
    row = UserPointsSummary.objects.get(user_id=user_id, pool_id=pool_id)
    before = row.balance
    row.earned = sums.get(Bucket.EARNED, ZERO)
    row.spent = -sums.get(Bucket.SPENT, ZERO) + ZERO
    row.adjusted = sums.get(Bucket.ADJUSTED, ZERO)
    row.balance = row.earned - row.spent + row.adjusted
    row.version += 1
    row.updated_at = clock.now()
    row.save()
    return row, before


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
    set_fields(target, {name: value for name, value in carried.items() if name != "email" or not target.email})
    if target.is_placeholder and not source.is_placeholder:
        target.is_placeholder = False
    target.save()
    # Whoever was merged into the source before is the target now: who asks needs to follow one step only.
    User.objects.filter(merged_into=source).update(merged_into=target)
