"""What later apps hang onto the roster, called inside its transactions. An app registers in its `AppConfig.ready`.

The roster knows nothing of raids; how many raids were held for a person depends on when their first character came.
"""

from __future__ import annotations

from collections.abc import Callable

MembershipHook = Callable[[], None]

_membership_hooks: list[MembershipHook] = []


def on_membership_change(hook: MembershipHook) -> MembershipHook:
    """Register ``hook()``: a character came to somebody, changed hands, or joined on another day than was thought."""
    _membership_hooks.append(hook)
    return hook


def membership_changed() -> None:
    """Call every hook, in the order of registration."""
    for hook in _membership_hooks:
        hook()
