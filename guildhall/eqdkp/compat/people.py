"""The functions about people and characters: data, user, me, user_chars, character (the form), search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from django.db.models import Q

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput
from guildhall.eqdkp import game
from guildhall.roster.models import Character, Rank
from guildhall.roster.names import name_key

from .site import Kind, Site, digits, stamp

Params = Mapping[str, str]
_Found: TypeAlias = tuple[dict[str, Any], dict[str, Any]]


def class_id(character: Character) -> int:
    """Return the number of a character's class: EverQuest's, else what the old site had."""
    old = character.profile.get("eqdkp", {}) if isinstance(character.profile, dict) else {}
    known = game.CLASS_IDS.get(character.character_class)
    return known if known is not None else digits(old.get("class", 0))


def class_name(site: Site, character: Character) -> str | bool:
    """Return the name of a character's class as EQdkp has it, False where it knows none."""
    if not site.shows_class_names:
        return "Default" if class_id(character) == 1 else False  # all that EQdkp knows without a game
    return character.character_class or False


def roster() -> list[Character]:
    """Return every character who was not taken off the roster, by name. One query."""
    rows = Character.objects.exclude(status=Character.Status.REMOVED).select_related("rank", "main_character")
    return sorted(rows, key=lambda character: character.name)


def data(site: Site, params: Params) -> dict[str, object]:
    """Return what site this is."""
    return {
        "eqdkp": {
            "name": site.name, "guild": site.name, "dkp_name": site.dkp_name, "forum_url": False,
            "language": site.settings.get("game_language", "english"), "version": site.version,
        },
        "game": site.game,
        "status": 1,
    }  # fmt: skip


def _user_row(site: Site, user: User, *, see_mail: bool) -> dict[str, object]:
    picture = user.avatar_url or f"{site.address}static/web/avatar.svg"
    return {
        "user_id": site.numbers(Kind.USER).old(user.pk), "username": user.username, "user_login_key": None,
        "user_rlimit": 100, "user_date_time": None, "user_date_short": None, "user_date_long": None,
        "user_style": None, "user_lang": None, "user_timezone": None, "user_email_confirmed": 1,
        "user_email_confirmkey": None, "user_temp_email": None, "user_lastvisit": stamp(user.last_login),
        "user_registered": stamp(user.date_joined), "user_active": int(user.is_active), "custom_fields": False,
        "plugin_settings": False, "privacy_settings": None, "rules": 0, "auth_account": None, "hide_nochar_info": 0,
        "notifications": None, "awaymode_enabled": 0, "awaymode_startdate": 0, "awaymode_enddate": 0,
        "awaymode_note": None, "username_clean": user.username.lower(), "email": user.email if see_mail else "",
        "usergroups": [], "avatar_big": picture, "avatar_small": picture,
    }  # fmt: skip


def user(site: Site, params: Params, *, see_mail: bool) -> dict[str, object]:
    """Return one account.

    Raises:
        BadInput: ``user not found``.
    """
    key = site.numbers(Kind.USER).ours(digits(params.get("user_id", params.get("userid", "0"))))
    found = User.objects.filter(pk=key).first() if key else None
    if found is None:
        raise BadInput("user not found", code="unknown_user")
    return {"data": _user_row(site, found, see_mail=see_mail), "status": 1}


def me(site: Site, person: User) -> dict[str, object]:
    """Return the account of the person whose key it is."""
    return {"data": _user_row(site, person, see_mail=True), "status": 1}


def role_rows(site: Site, character: Character, flag: str) -> dict[str, object]:
    """Return the roles in a raid, with `flag` 1 at the one that the character usually has."""
    default = digits(character.profile.get("eqdkp", {}).get("role", 0)) if isinstance(character.profile, dict) else 0
    return {f"role:{key}": {"id": key, "name": name, flag: int(key == default)} for key, name in site.roles}


def profile_data(character: Character) -> dict[str, str]:
    """Return what the old site keeps in a character's profile, by its field names."""
    return {"level": str(character.level or ""), "race": character.race, "class": str(class_id(character))}


def _group_rows(site: Site) -> dict[str, object]:
    status = 1 if len(site.raid_groups) == 1 else 0
    return {
        f"raidgroup:{row['id']}": {
            "id": row["id"], "name": row["name"], "default": int(row["default"]), "color": row["color"], "status": status,
        }
        for row in site.raid_groups
    }  # fmt: skip


def user_chars(site: Site, params: Params, person: User | None) -> dict[str, object]:
    """Return the characters of one account (``userid``), else of the person whose key it is."""
    wanted = digits(params.get("userid", "0"))
    key = site.numbers(Kind.USER).ours(wanted) if wanted else (person.pk if person is not None else None)
    members = site.numbers(Kind.MEMBER)
    rows = [character for character in roster() if key is not None and character.user_id == key]
    chars = {
        f"char:{members.old(character.pk)}": {
            "id": members.old(character.pk),
            "name": character.name,
            "main": int(character.is_main),
            "class": class_id(character),
            "classname": class_name(site, character),
            "roles": role_rows(site, character, "default"),
            "raidgroups": _group_rows(site),
            "profiledata": profile_data(character),
        }
        for character in rows
    }
    return {"chars": chars or None, "status": 1}


def character_fields(site: Site, params: Params) -> dict[str, object]:
    """Return the fields that `character` takes in a POST. (The recorded installation fails here; ours answers.)"""
    ranks = site.numbers(Kind.RANK)
    return {
        "name": {"type": "text", "required": 1},
        "mainid": {"type": "dropdown", "required": 0},
        "rankid": {"type": "dropdown", "options": {f"rank:{ranks.old(r.pk)}": r.name for r in Rank.objects.all()}},
        "class": {"type": "dropdown", "options": {f"class:{key}": name for key, name in game.CLASSES.items()}},
        "race": {"type": "dropdown", "options": {f"race:{key}": name for key, name in game.RACES.items()}},
        "level": {"type": "int", "required": 0},
        "status": 1,
    }


def _member_row(site: Site, character: Character) -> dict[str, object]:
    number_ = site.numbers(Kind.MEMBER).old(character.pk)
    return {
        "id": number_, "name": character.name, "name_export": character.name, "main": character.is_main,
        "class": class_id(character), "classname": class_name(site, character),
        "roles": role_rows(site, character, "default"), "raidgroups": _group_rows(site),
        "profiledata": profile_data(character),
        "user_id": site.numbers(Kind.USER).old(character.user_id) if character.user_id else 0,
        "main_id": site.numbers(Kind.MEMBER).old(character.main_character_id or character.pk),
    }  # fmt: skip


def search(site: Site, params: Params) -> dict[str, object]:
    """Accounts or characters: ``in`` is username, userid, charname (also for none), charid, or auth_account, which finds
    the characters of a Discord id. ``direct`` is what is exactly meant, ``relevant`` what has it in its name."""
    where = params.get("in", "charname")
    found = _SEARCHES[where](site, params.get("for", "").strip()) if where in _SEARCHES else ({}, {})
    answer: dict[str, object] = {name: rows for name, rows in zip(("direct", "relevant"), found, strict=True) if rows}
    return {**answer, "status": 1}


def _users(site: Site, wanted: str) -> _Found:
    if not wanted:
        return {}, {}
    direct: dict[str, object] = {}
    relevant: dict[str, object] = {}
    named = Q(username__icontains=wanted) | Q(display_name__icontains=wanted)
    for row in User.objects.filter(named, is_bot=False).order_by("pk"):
        exact = wanted.lower() in (row.username.lower(), row.display_name.lower())
        (direct if exact else relevant).update(_account(site, row))
    return direct, relevant


def _user_by_number(site: Site, wanted: str) -> _Found:
    found = User.objects.filter(pk=site.numbers(Kind.USER).ours(digits(wanted)) or 0, is_bot=False).first()
    return (_account(site, found) if found is not None else {}), {}


def _account(site: Site, user: User) -> dict[str, object]:
    number = site.numbers(Kind.USER).old(user.pk)
    return {f"user:{number}": {"user_id": number, "username": user.username}}


def _characters(site: Site, wanted: str) -> _Found:
    needle = name_key(wanted)
    if not needle:
        return {}, {}
    named = [character for character in roster() if needle in character.name_key]
    exact = [character for character in named if character.name_key == needle]
    return _member_rows(site, exact), _member_rows(site, [c for c in named if c.name_key != needle])


def _character_by_number(site: Site, wanted: str) -> _Found:
    key = site.numbers(Kind.MEMBER).ours(digits(wanted)) or 0
    return _member_rows(site, list(Character.objects.filter(pk=key))), {}


def _characters_of_discord_id(site: Site, wanted: str) -> _Found:
    owner = User.objects.filter(discord_id=wanted).first() if wanted else None
    return (_member_rows(site, [c for c in roster() if c.user_id == owner.pk]) if owner is not None else {}), {}


def _member_rows(site: Site, characters: list[Character]) -> dict[str, object]:
    members = site.numbers(Kind.MEMBER)
    return {f"member:{members.old(character.pk)}": _member_row(site, character) for character in characters}


_SEARCHES: dict[str, Callable[[Site, str], _Found]] = {
    "username": _users, "userid": _user_by_number, "charname": _characters, "charid": _character_by_number,
    "auth_account": _characters_of_discord_id,
}  # fmt: skip
