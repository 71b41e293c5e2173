"""Every change to people, roles and keys: one verb each, one transaction, an audit row inside it.

`people` (who comes in, names, e-mail), `roles` (roles and what is announced of them), `access` (closing, opening, ending
sessions and keys), `managing` (what an officer changes at once), `groups` (permission groups), `keys` (keys of people and bots),
`sign_in_links` (invitations, and links for a new password).
"""

from .access import deactivate_person, end_access, reactivate_person
from .credentials import Credentials, change_own_password
from .founding import code_opens, found_guild, is_setup_open, make_setup_code, on_founded, setup_address
from .groups import (
    create_group,
    edit_group,
    follow_roles,
    give_group,
    groups_out_of_step,
    remove_group,
    set_groups_by_discord,
    take_group,
)
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
from .sign_in_links import (
    find_link,
    link_path,
    make_invitation,
    make_sign_in_link,
    revoke_link,
    use_link,
    why_closed,
)

__all__ = [
    "MEMBER_CHANGED",
    "SIGN_IN",
    "Credentials",
    "KeyIssuer",
    "announce_member_change",
    "change_own_password",
    "clean_discord_id",
    "code_opens",
    "create_api_key",
    "create_bot_key",
    "create_group",
    "create_own_key",
    "create_person",
    "deactivate_person",
    "edit_group",
    "end_access",
    "ensure_groups",
    "find_link",
    "follow_roles",
    "found_guild",
    "get_or_create_bot",
    "give_group",
    "groups_out_of_step",
    "is_setup_open",
    "link_path",
    "make_invitation",
    "make_setup_code",
    "make_sign_in_key",
    "make_sign_in_link",
    "manage_person",
    "note_email_change",
    "on_founded",
    "password_was_set",
    "reactivate_person",
    "refuse_own_role",
    "refuse_taken_discord_id",
    "remove_group",
    "revoke_api_key",
    "revoke_link",
    "rotate_api_key",
    "set_bot_permissions",
    "set_groups_by_discord",
    "set_role_group",
    "setup_address",
    "take_group",
    "unused_username",
    "update_person",
    "use_link",
    "why_closed",
]
