"""What this app moves when two people turn out to be one (`points.services.merging`), in the same transaction.

Invariants: one person has one vote in a vote that is still open, and none on their own application. A vote that has
been decided stays as it was decided: where both accounts voted in it, both votes stay on record.
"""

from __future__ import annotations

from collections.abc import Mapping

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import set_role_group
from guildhall.core import clock
from guildhall.points.hooks import on_merge

from .models import Application, ApplicationVote, VoteChange
from .services.transitions import OPEN

S = Application.Status


@on_merge
def follow_merge(source_id: int, target_id: int) -> Mapping[str, int]:
    """Move applications and votes from one person to another; returns the counts."""
    list(Application.objects.select_for_update().filter(votes__voter__in=[source_id, target_id]).order_by("pk"))
    moving = list(Application.objects.select_for_update().filter(user=source_id).order_by("pk"))
    if Application.objects.filter(user=target_id, status=S.DRAFT).exists():
        Application.objects.filter(user=source_id, status=S.DRAFT).delete()
    applications = Application.objects.filter(user=source_id).update(user=target_id)
    Application.objects.filter(assigned_to=source_id).update(assigned_to=target_id)
    votes = _move_votes(source_id, target_id)
    _withdraw_own_votes(target_id)
    if any(row.status in OPEN and row.trial_started_at for row in moving):
        target = User.objects.get(pk=target_id)
        if target.role_group == RoleGroup.GUEST:
            set_role_group(user=target, role_group=RoleGroup.APPLICANT, actor=None, reason="merged; on trial")
    return {"applications": applications, "votes": votes}


def _move_votes(source_id: int, target_id: int) -> int:
    theirs = {(vote.application_id, vote.round): vote for vote in ApplicationVote.objects.filter(voter=target_id)}
    moved = 0
    for vote in ApplicationVote.objects.filter(voter=source_id).select_related("application"):
        other = theirs.get((vote.application_id, vote.round))
        if other is None:
            vote.voter_id = target_id
            vote.save(update_fields=["voter"])
            moved += 1
        elif vote.application.status == S.VOTING_ACTIVE and vote.round == vote.application.voting_round:
            _keep_one(vote, other, target_id)
            moved += 1
    return moved


def _keep_one(vote: ApplicationVote, other: ApplicationVote, target_id: int) -> None:
    """Keep the later of two votes of one person in an open vote, with its snapshot and the changes of both."""
    kept, dropped = sorted((vote, other), key=lambda row: (row.withdrawn_at is None, row.changed_at), reverse=True)
    VoteChange.objects.filter(vote=dropped).update(vote=kept)
    changes = kept.vote_changes + dropped.vote_changes + 1
    cast_at = min(kept.cast_at, dropped.cast_at)
    dropped.delete()
    kept.voter_id, kept.vote_changes, kept.cast_at = target_id, changes, cast_at
    kept.save(update_fields=["voter", "vote_changes", "cast_at"])


def _withdraw_own_votes(user_id: int) -> None:
    """Withdraw votes on one's own application; they stay on record as withdrawn."""
    now = clock.now()
    for vote in ApplicationVote.objects.filter(
        voter=user_id, withdrawn_at=None, application__user=user_id, application__status=S.VOTING_ACTIVE
    ):
        vote.withdrawn_at = now
        vote.vote_changes += 1
        vote.save(update_fields=["withdrawn_at", "vote_changes"])
        VoteChange.objects.create(
            vote=vote, from_vote=vote.vote, to_vote="", attendance_percentage=vote.attendance_percentage, at=now
        )
