"""Who may know what somebody has tied up in sealed auctions that still run (docs/api-contract.md, "Bidding").

Invariant: the person themselves, and the bots that bid for people: service accounts that came with `bidding:write`, which
an administrator granted. Nobody else: no member, no recruiter, no officer, no superuser. For everybody else what is held
is what open auctions hold, and what is available is the balance less that, wherever the two are shown; and no ETag, time
or version of theirs changes when a sealed bid does (`ledger.set_holds`).

A bot that may bid in anybody's name is told, as it must say "you have 14.51 left" and may be asked to bid everything;
docs/decisions says more. `tests/test_sealed_secrets.py` reads every operation, page, admin page and slash
command as everybody else and fails without this.
"""

from __future__ import annotations

from guildhall.accounts.permissions import Principal


def sees_sealed_of_anybody(caller: Principal) -> bool:
    """Return whether `caller` is a bot that bids for people."""
    return caller.is_bot and caller.can("bidding:write")


def sees_sealed(caller: Principal, user_id: int | None) -> bool:
    """Return whether `caller` may know what the person `user_id` has tied up in running sealed auctions."""
    if caller.user is None or user_id is None:
        return False
    return caller.user.pk == user_id or sees_sealed_of_anybody(caller)
