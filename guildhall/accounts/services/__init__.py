"""Every change to people, roles and keys: one verb each, one transaction, an audit row inside it.

`people` (who comes in, names, e-mail), `roles` (roles and what is announced of them), `access` (closing, opening, ending
sessions and keys), `managing` (what an officer changes at once), `keys` (keys of people and bots).
"""

from .access import deactivate_person, end_access, reactivate_person
from .keys import (
    SIGN_IN,
    KeyIssuer,
    create_api_key,
    create_bot_key,
    create_own_key,
    get_or_create_bot,
    make_sign_in_key,
    revoke_api_key,
    rotate_api_key,
    set_bot_permissions,
)
from .managing import manage_person
from .people import (
    clean_discord_id,
    create_person,
    note_email_change,
    password_was_set,
    refuse_own_role,
    refuse_taken_discord_id,
    unused_username,
    update_person,
)
from .roles import MEMBER_CHANGED, announce_member_change, ensure_groups, set_role_group

__all__ = [
    "MEMBER_CHANGED",
    "SIGN_IN",
    "KeyIssuer",
    "announce_member_change",
    "clean_discord_id",
    "create_api_key",
    "create_bot_key",
    "create_own_key",
    "create_person",
    "deactivate_person",
    "end_access",
    "ensure_groups",
    "get_or_create_bot",
    "make_sign_in_key",
    "manage_person",
    "note_email_change",
    "password_was_set",
    "reactivate_person",
    "refuse_own_role",
    "refuse_taken_discord_id",
    "revoke_api_key",
    "rotate_api_key",
    "set_bot_permissions",
    "set_role_group",
    "unused_username",
    "update_person",
]
