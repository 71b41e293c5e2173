"""Claims: "that character is mine", "that person in the imported history is me" (PRD 3.9.4).

Invariants:
1. A claim changes nothing until it is approved: by an officer, or, for a character that belongs to nobody or to a
   placeholder, by its one-time code spoken by that very character in a log that somebody else uploaded. The claimant's
   own log proves nothing: a text file is easily written.
2. Approving a character claim moves the character and no points; approving a claim on a person merges the two, with
   all their history, through `points.services.merging`.
3. A code works once and for seven days. One open claim per claimant and target (`Claim.open_key`).
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Iterable

from django.db import IntegrityError, transaction

from guildhall.accounts.authority import Change, require_authority_over
from guildhall.accounts.models import User
from guildhall.accounts.permissions import SYSTEM, Principal
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed
from guildhall.core.transactions import use_case
from guildhall.discord.messages.posting import direct_message
from guildhall.discord.models import Claim
from guildhall.points.services.merging import merge_people
from guildhall.roster.models import Character
from guildhall.roster.names import name_key
from guildhall.roster.services import reassign_character

CODE_GOOD_FOR = dt.timedelta(days=7)
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # no I and O: read aloud and typed in a hurry
OPEN_AT_ONCE = 5

_CODE = re.compile(r"\bGH-?([A-HJ-NP-Z]{6})\b", re.IGNORECASE)
# "[Mon Nov 23 20:08:52 2026] Aldwin says out of character, 'GH-ABCDEF'"; tells to the logger count too.
_SPOKEN = re.compile(
    r"^\[[^\]]{10,40}\]\s+(?P<who>[A-Za-z`']+)\s+(?:says?|tells?|shouts?|auctions?)\b[^']*'(?P<said>.*)'\s*$"
)


def _open(claim: Claim, target: str) -> Claim:
    claim.open_key = f"{claim.user_id}:{target}"
    if Claim.objects.filter(user_id=claim.user_id, state=Claim.State.OPEN).count() >= OPEN_AT_ONCE:
        raise Conflict(
            f"You have {OPEN_AT_ONCE} open claims. Wait for an officer, or withdraw one.", code="too_many_claims"
        )
    claim.code = "GH-" + "".join(secrets.choice(ALPHABET) for _ in range(6))
    claim.code_expires_at = clock.now() + CODE_GOOD_FOR
    try:
        with transaction.atomic():
            claim.save()
    except IntegrityError as error:
        raise Conflict("You have claimed this already; the claim is still open.", code="claim_open") from error
    audit.record(action="discord.claim", summary=str(claim), actor=claim.user, target=claim)
    return claim


@use_case
def claim_character(*, user: User, character: Character, message: str = "") -> Claim:
    """Say that a character is one's own. The answer carries the code to speak in the game.

    Raises:
        Conflict: ``own_already``, ``claim_open``, ``too_many_claims``.
        NotAllowed: ``account_closed``.
    """
    _refuse_closed(user)
    if character.user_id == user.pk:
        raise Conflict(f"{character} is yours already.", code="own_already", attr="character_name")
    claim = Claim(kind=Claim.Kind.CHARACTER, user=user, character=character, message=message.strip()[:500])
    return _open(claim, f"character:{character.pk}")


@use_case
def claim_person(*, user: User, person: User, message: str = "") -> Claim:
    """Say that one is the person who came with an import. Only placeholders without a Discord account can be claimed.

    Raises:
        Conflict: ``not_claimable``, ``claim_open``, ``too_many_claims``.
        NotAllowed: ``account_closed``.
    """
    _refuse_closed(user)
    if not person.is_placeholder or person.discord_id or person.merged_into_id or person.pk == user.pk:
        raise Conflict(
            f"{person} has an account of their own. If both are you, ask an officer to merge them.",
            code="not_claimable",
            attr="user_id",
        )
    claim = Claim(kind=Claim.Kind.PERSON, user=user, person=person, message=message.strip()[:500])
    return _open(claim, f"person:{person.pk}")


def _refuse_closed(user: User) -> None:
    if not user.is_active or user.merged_into_id:
        raise NotAllowed("This account is closed.", code="account_closed")


def _lock_open(claim: Claim) -> Claim:
    locked = Claim.objects.select_for_update().get(pk=claim.pk)
    if locked.state != Claim.State.OPEN:
        raise Conflict(f"This claim was {locked.get_state_display()} already.", code="claim_decided")
    return locked


def _decide(claim: Claim, state: str, actor: User | None, words: str, proof: str = "") -> Claim:
    claim.state, claim.decision, claim.decided_by, claim.decided_at = state, words[:500], actor, clock.now()
    claim.open_key = None
    if proof:
        claim.proof = proof
    claim.save()
    audit.record(
        action=f"discord.claim_{state}",
        summary=f"{claim}: {state}" + (f" ({words})" if words else ""),
        actor=actor,
        target=claim,
        data={"proof": claim.proof},
    )
    if claim.user.discord_id and (actor is None or actor.pk != claim.user_id):
        direct_message(
            discord_id=claim.user.discord_id, build="claim_decided", key=f"claim:{claim.pk}:{state}", claim_id=claim.pk
        )
    return claim


def _require_approver(locked: Claim, principal: Principal) -> None:
    if principal.user is not None and principal.user.pk == locked.user_id:
        raise NotAllowed("Somebody else has to approve your own claim.", code="own_claim")
    loser = locked.person if locked.person is not None else locked.character.user if locked.character else None
    for concerned in (locked.user, loser):
        if concerned is not None:
            require_authority_over(principal, concerned, change=Change.CLAIM)


def may_approve(claim: Claim, principal: Principal) -> bool:
    """Return whether the pages offer `principal` to approve `claim`."""
    try:
        _require_approver(claim, principal)
    except NotAllowed:
        return False
    return True


@use_case
def approve_claim(*, claim: Claim, principal: Principal, reason: str = "") -> Claim:
    """Approve a claim, as an officer or as a bot that may link members: the character, or the whole person, moves.

    Raises:
        NotAllowed: ``permission_denied``; ``own_claim`` where an officer would approve their own;
            ``role_beyond_yours`` where the claimant, or whoever would lose, may do more than whoever approves.
        Conflict: ``claim_decided``, and whatever moving or merging refuses.
    """
    _refuse_stranger(principal, "discord:write")
    locked = _lock_open(claim)
    _require_approver(locked, principal)
    _carry_out(locked, principal.user, reason, principal)
    return _decide(locked, Claim.State.APPROVED, principal.user, reason, locked.proof or Claim.Proof.OFFICER)


def _carry_out(claim: Claim, actor: User | None, reason: str, by: Principal) -> None:
    words = f"claim {claim.pk} approved" + (f": {reason}" if reason else "")
    if claim.kind == Claim.Kind.CHARACTER:
        assert claim.character is not None
        # Who approves has been asked for already, in `approve_claim`; a code said in the game vouches for itself.
        reassign_character(character=claim.character, user=claim.user, actor=actor, by=SYSTEM, reason=words)
    else:
        assert claim.person is not None
        merge_people(source=claim.person, target=claim.user, actor=actor, by=by, reason=words)


@use_case
def refuse_claim(*, claim: Claim, principal: Principal, reason: str) -> Claim:
    """Turn a claim down, with the reason that the claimant is told.

    Raises:
        NotAllowed: ``permission_denied``.
        BadInput: ``required``.
        Conflict: ``claim_decided``.
    """
    _refuse_stranger(principal, "discord:write")
    if not reason.strip():
        raise BadInput("Say why, so that the claimant knows what is missing.", code="required", attr="reason")
    return _decide(_lock_open(claim), Claim.State.REFUSED, principal.user, reason.strip())


@use_case
def withdraw_claim(*, claim: Claim, principal: Principal) -> Claim:
    """Take one's own claim back.

    Raises:
        NotAllowed: ``permission_denied`` for somebody else's.
        Conflict: ``claim_decided``.
    """
    if principal.user is None or principal.user.pk != claim.user_id:
        raise NotAllowed("This is somebody else's claim.")
    return _decide(_lock_open(claim), Claim.State.WITHDRAWN, principal.user, "")


def _refuse_stranger(principal: Principal, scope: str) -> None:
    principal.require(scope)
    if not principal.acts_for_others:
        raise NotAllowed("Only an officer decides on claims.")


def codes_in(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Return every code that somebody spoke, as ``(name_key of the speaker, CODE)``."""
    found = []
    for line in lines:
        spoken = _SPOKEN.match(line.strip())
        if spoken is None:
            continue
        for code in _CODE.findall(spoken["said"]):
            found.append((name_key(spoken["who"]), f"GH-{code.upper()}"))
    return found


@use_case
def verify_claims_from_log(*, text: str, principal: Principal) -> list[dict[str, object]]:
    """Look for spoken codes in a log and settle the claims they prove.

    Returns:
        One ``{claim_id, character_name, state, proof}`` for each claim whose code was found, spoken by the right name.

    Raises:
        NotAllowed: ``permission_denied``: the log of somebody who may not upload raids proves nothing.
    """
    principal.require("raids:write")
    spoken = set(codes_in(text.splitlines()))
    if not spoken:
        return []
    claims = (
        # Fetched beside the lock, not joined: PostgreSQL locks no row on the nullable side of a join.
        Claim.objects.select_for_update()
        .order_by("pk")
        .prefetch_related("character", "user")
        .filter(state=Claim.State.OPEN, code__in=[code for _, code in spoken], code_expires_at__gt=clock.now())
    )
    settled = []
    for claim in claims:
        if principal.user is not None and principal.user.pk == claim.user_id:
            continue
        speaker = _speaker(claim, spoken)
        if speaker is None:
            continue
        claim.proof = Claim.Proof.CODE
        claim.code = ""
        claim.save(update_fields=["proof", "code"])
        if claim.kind == Claim.Kind.CHARACTER and _nobody_would_lose(claim):
            _carry_out(claim, principal.user, "code spoken in the game", principal)
            _decide(claim, Claim.State.APPROVED, principal.user, "code spoken in the game", Claim.Proof.CODE)
        settled.append({"claim_id": claim.pk, "character_name": speaker, "state": claim.state, "proof": claim.proof})
    return settled


def _speaker(claim: Claim, spoken: set[tuple[str, str]]) -> str | None:
    """Return the claimed character, or one of the claimed person's, that spoke the claim's code."""
    if claim.kind == Claim.Kind.CHARACTER:
        candidates = [claim.character] if claim.character else []
    else:
        candidates = list(Character.objects.filter(user=claim.person))
    for character in candidates:
        if (character.name_key, claim.code) in spoken:
            return character.name
    return None


def _nobody_would_lose(claim: Claim) -> bool:
    """Return whether the character belongs to nobody, or to a placeholder whose only character it is not (those
    claim the person)."""
    owner = claim.character.user if claim.character else None
    return owner is None or (owner.is_placeholder and not owner.discord_id)
