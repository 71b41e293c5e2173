"""Adding a character, or changing one that is there: the function ``character``."""

from __future__ import annotations

from typing import Any

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import Principal
from guildhall.accounts.services import create_person
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.transactions import use_case
from guildhall.eqdkp import game
from guildhall.roster.models import Character, Rank
from guildhall.roster.names import name_key
from guildhall.roster.services import create_character, edit_character

from .fields import Body, text
from .site import NATIVE, Kind, Site, digits


@use_case
def add_character(*, site: Site, body: Body, actor: User, by: Principal) -> dict[str, object]:
    """Add a character. Returns ``character_id``; that of the character who has the name already, whose fields it
    changes.

    With ``mainid`` it is a twink of that main, with ``user_id`` that account's. With neither it is a main of its own, as
    every character is there: it belongs to a placeholder person, who can be merged with the real one later, so that what
    it earns is kept. A character never changes hands here.

    Raises:
        BadInput: no name, or one that EverQuest does not allow; a class, race or level that there is not.
        Conflict: ``belongs_to_another`` where a character is to become somebody else's.
        NotAllowed: ``role_beyond_yours`` where it would become that of somebody who may do more than the key.
        NotFound: a rank, main or account that does not exist.
    """
    name = text(body, "name", required=True)
    fields = _fields(site, body)
    known = Character.objects.select_for_update().filter(name_key=name_key(name)).first()
    owner, main = _owner(site, body, known)
    if known is not None:
        if owner is not None and known.user_id is not None and owner.pk != known.user_id:
            raise Conflict(
                f"{known} belongs to {known.user}. Move it to its new owner in the roster first.",
                code="belongs_to_another",
                attr="mainid" if main is not None else "user_id",
            )
        if owner is not None and known.user_id is None:
            fields["user"] = owner
        edit_character(character=known, actor=actor, by=by, changes=fields)
        return {"character_id": str(site.numbers(Kind.MEMBER).old(known.pk))}
    if owner is None:
        owner = create_person(display_name=name, role_group=RoleGroup.GUEST, is_placeholder=True, actor=actor)
    made = create_character(name=name, user=owner, main_character=main, actor=actor, **fields)
    return {"character_id": str(NATIVE + made.pk)}


def _fields(site: Site, body: Body) -> dict[str, Any]:
    """Return the plain fields that were sent, by our names; what was not sent is left as it is."""
    found: dict[str, object] = {}
    for field, ours, names in (("class", "character_class", game.CLASSES), ("race", "race", game.RACES)):
        value = text(body, field)
        if value and value != "0":
            found[ours] = _named(value, names, field)
    if digits(body.get("level") or 0):
        found["level"] = digits(body["level"])
    if text(body, "status"):
        active = digits(body["status"]) > 0
        found["status"] = Character.Status.ACTIVE if active else Character.Status.INACTIVE
    if text(body, "notes"):
        found["note"] = text(body, "notes")
    if text(body, "rankid"):
        key = site.numbers(Kind.RANK).ours(digits(body["rankid"]))
        rank = Rank.objects.filter(pk=key or 0).first()
        if rank is None:
            raise NotFound(f"rank {text(body, 'rankid')[:40]} not found", code="unknown_rank", attr="rankid")
        found["rank"] = rank
    return found


def _named(value: str, names: dict[int, str], field: str) -> str:
    """Return the name of a class or race, sent by its number or by its name."""
    name = names.get(digits(value)) or {name.lower(): name for name in names.values()}.get(value.lower())
    if name is None:
        raise BadInput(f"There is no {field} {value[:40]} in EverQuest.", code=f"unknown_{field}", attr=field)
    return name


def _owner(site: Site, body: Body, known: Character | None) -> tuple[User | None, Character | None]:
    """Return the person and the main that a body names; a character that names itself as its main names none."""
    main = None
    number = digits(body.get("mainid") or 0)
    if number > 0:
        key = site.numbers(Kind.MEMBER).ours(number) or 0
        main = Character.objects.select_related("user", "main_character").filter(pk=key).first()
        if main is None:
            raise NotFound(f"character {number} not found", code="unknown_character", attr="mainid")
        main = main.main_character or main
        if known is not None and main.pk == known.pk:
            main = None
        elif main.user is None:
            raise Conflict(f"{main} belongs to nobody yet.", code="character_without_owner", attr="mainid")
    if main is not None:
        return main.user, main
    number = digits(body.get("user_id") or 0)
    if number <= 0:
        return None, None
    owner = User.objects.filter(pk=site.numbers(Kind.USER).ours(number) or 0, is_active=True, is_bot=False).first()
    if owner is None:
        raise NotFound(f"user {number} not found", code="unknown_user", attr="user_id")
    return owner, None
