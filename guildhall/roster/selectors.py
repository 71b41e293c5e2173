"""Reading the roster."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Prefetch, Q, QuerySet

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput, NotFound
from guildhall.core.likeness import alike

from .hidden import without_hidden, without_hidden_people
from .models import Character, CharacterAlias, Rank, RankChange
from .names import name_key


def find_character(name: str) -> Character | None:
    """Return the character called `name`, whatever the case, else the one that has it as an alias. At most two
    queries."""
    key = name_key(name)
    found = Character.objects.select_related("user", "rank", "main_character").filter(name_key=key).first()
    if found is None:
        alias = CharacterAlias.objects.select_related("character__user").filter(name_key=key).first()
        found = alias.character if alias else None
    return found


def character_by_name(name: str) -> Character:
    """Return what `find_character` does.

    Raises:
        NotFound: ``unknown_character``, with names that look like it.
    """
    found = find_character(name)
    if found is None:
        near = suggest_names([name]).get(name, [])
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise NotFound(f"Nobody is called {name[:40]}.{hint}", code="unknown_character", attr="character_name")
    return found


def person_by_name(name: str, *, attr: str = "who") -> User:
    """Return the person who has the character of this name or alias, else the one who is called so.

    Raises:
        BadInput: ``unknown_person`` (with names that look like it), ``character_without_owner``, ``several_people``.
    """
    found = find_character(name)
    if found is not None and found.user is not None:
        return found.user
    people = User.objects.filter(is_bot=False, merged_into=None, display_name__iexact=name.strip()).order_by("pk")[:2]
    if len(people) == 1:
        return people[0]
    if people:
        text = f"Several people are called {name[:40]}; name one of their characters instead."
        raise BadInput(text, code="several_people", attr=attr)
    if found is not None:
        text = f"{found} belongs to nobody; name a person, or a character that somebody has."
        raise BadInput(text, code="character_without_owner", attr=attr)
    near = suggest_names([name]).get(name, [])
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    raise BadInput(f"Nobody is known by {name[:40]}.{hint}", code="unknown_person", attr=attr)


@dataclass(frozen=True, slots=True)
class Match:
    """How a name from outside was recognised. `how` is exact, case, alias, fuzzy or none (docs/api-contract.md, parse-attendance);
    with fuzzy and none there is no character, only suggestions: a guess is never acted upon."""

    name: str
    how: str
    character: Character | None
    suggestions: list[str]


def match_names(names: Iterable[str], *, suggest: bool = True) -> dict[str, Match]:
    """Recognise many names at once. Two queries for the names, one more if any needs a suggestion.

    Returns:
        A `Match` for each given name, under the name as given.
    """
    wanted = {name: name_key(name) for name in names}
    keys = set(wanted.values())
    by_key = {c.name_key: c for c in Character.objects.select_related("user", "rank").filter(name_key__in=keys)}
    left = keys - by_key.keys()
    aliases: dict[str, Character] = {}
    if left:
        rows = CharacterAlias.objects.select_related("character__user", "character__rank").filter(name_key__in=left)
        aliases = {alias.name_key: alias.character for alias in rows}
    unknown = [name for name, key in wanted.items() if key not in by_key and key not in aliases]
    near = suggest_names(unknown) if unknown and suggest else {}
    found = {}
    for name, key in wanted.items():
        if key in by_key:
            how = "exact" if by_key[key].name == name.strip() else "case"
            found[name] = Match(name, how, by_key[key], [])
        elif key in aliases:
            found[name] = Match(name, "alias", aliases[key], [])
        else:
            suggestions = near.get(name, [])
            found[name] = Match(name, "fuzzy" if suggestions else "none", None, suggestions)
    return found


def suggest_names(names: Collection[str], *, limit: int = 3, cutoff: int = 72) -> dict[str, list[str]]:
    """Return characters that each unknown name probably means, the likeliest first; of very many names the first
    alone get suggestions (`core/likeness.py`). One query."""
    known = list(Character.objects.exclude(status=Character.Status.REMOVED).values_list("name", flat=True))
    return alike(names, known, limit=limit, cutoff=cutoff, longest=60)


def ownership_of(character: Character) -> list[dict[str, object]]:
    """Return who owned a character when, oldest first, as docs/api-contract.md's ownership history. One query."""
    return [
        {
            "user_id": row.user_id,
            "display_name": str(row.user) if row.user else None,
            "started_at": row.started_at,
            "ended_at": row.ended_at,
            "reason": row.reason,
            "changed_by": str(row.changed_by) if row.changed_by else None,
        }
        for row in character.ownerships.select_related("user", "changed_by")
    ]


def characters() -> QuerySet[Character]:
    """Return every character with what a list shows of it. Joined, so a list is one query."""
    return Character.objects.select_related("user", "rank", "main_character")


def public_character_by_name(name: str) -> Character:
    """Return the character with this very name, as a stranger may find it: no alias, no suggestion, nobody hidden.

    Raises:
        NotFound: ``unknown_character``.
    """
    found = without_hidden(characters()).filter(name_key=name_key(name)).first()
    if found is None:
        raise NotFound(f"There is no character {name[:60]}.", code="unknown_character")
    return found


def hierarchy_characters(*, include_hidden: bool = True, for_visitor: bool = False) -> QuerySet[Character]:
    """Return the characters that `hierarchy` shows."""
    shown = Character.objects.exclude(status=Character.Status.REMOVED)
    if for_visitor:
        return without_hidden(shown)
    return shown if include_hidden else shown.exclude(rank__is_hidden=True)


def hierarchy(*, search: str = "", include_hidden: bool = True, for_visitor: bool = False) -> QuerySet[User]:
    """Return people with their characters, the main first (PRD 3.3.2); removed characters are left out. Two queries.

    Args:
        search: part of the person's name or of one of their characters' names.
        include_hidden: whether characters of a hidden rank are shown.
        for_visitor: only what a stranger may be shown (`hidden`).
    """
    shown = hierarchy_characters(include_hidden=include_hidden, for_visitor=for_visitor)
    mine = shown.select_related("rank").order_by("-is_main", "name")
    owners = shown.filter(user__isnull=False)
    people = User.objects.filter(merged_into=None)
    if for_visitor:
        people = without_hidden_people(people, user="pk")
    if search:
        found = owners.filter(name__icontains=search).values("user_id")
        people = people.filter(Q(display_name__icontains=search) | Q(pk__in=found))
    return (
        people.filter(pk__in=owners.values("user_id"))
        .order_by("display_name", "pk")
        .prefetch_related(Prefetch("characters", queryset=mine))
    )


def find_person(*, discord_id: str | None = None, user_id: int | None = None) -> User:
    """Return a person by Discord id or by id; whoever was merged into somebody is that somebody.

    Raises:
        NotFound: ``unknown_user``.
    """
    known = {"discord_id": str(discord_id)} if discord_id is not None else {"pk": user_id or 0}
    found = next(iter(User.objects.filter(**known)), None)  # both are unique
    if found is None:
        who = f"Discord id {str(discord_id)[:30]}" if discord_id is not None else f"id {user_id}"
        raise NotFound(f"Nobody here has the {who}.", code="unknown_user")
    return found.merged_into or found


def speaking_character(discord_id: str) -> str:
    """Return the name of the character in whose name a person writes in Discord: the main, else the first by name.

    Returns:
        "" where nobody is linked to `discord_id`, the account is closed, or the person has no active character.
    """
    try:
        person = find_person(discord_id=discord_id)
    except NotFound:
        return ""
    if not person.is_active:
        return ""
    characters = Character.objects.filter(user=person).exclude(status=Character.Status.REMOVED)
    found = characters.order_by("-is_main", "name").values_list("name", flat=True).first()
    return found or ""


def roster_list(
    *,
    search: str = "",
    character_class: str = "",
    rank_id: int | None = None,
    status: str = "",
    order: str = "name",
    for_visitor: bool = False,
) -> QuerySet[Character]:
    """Return characters for a list, filtered and ordered; one query, joined.

    Args:
        search: part of a character's name, of an alias, or of its owner's name.
        order: a name of `ROSTER_ORDERS`, downwards with a leading ``-``; the name decides between equals.
        for_visitor: only what a stranger may be shown (`without_hidden`), and aliases are not searched.
    """
    found = without_hidden(characters()) if for_visitor else characters()
    if search and for_visitor:
        found = found.filter(Q(name__icontains=search) | Q(user__display_name__icontains=search))
    elif search:
        by_alias = CharacterAlias.objects.filter(name__icontains=search).values("character_id")
        found = found.filter(Q(name__icontains=search) | Q(user__display_name__icontains=search) | Q(pk__in=by_alias))
    if character_class:
        found = found.filter(character_class=character_class)
    if rank_id is not None:
        found = found.filter(rank_id=rank_id)
    if status:
        found = found.filter(status=status)
    field = ROSTER_ORDERS.get(order.lstrip("-"), "name")
    down = order.startswith("-")
    column = F(field).desc(nulls_last=True) if down else F(field).asc(nulls_last=True)
    return found.order_by(column, "name", "pk")


ROSTER_ORDERS = {
    "name": "name_key",
    "class": "character_class",
    "level": "level",
    "rank": "rank__order",
    "status": "status",
    "owner": "user__display_name",
    "joined": "joined_at",
}


def character_page(character_id: int, *, for_visitor: bool = False) -> Character:
    """Return one character with owner, rank, main, and (prefetched) alts and aliases. Three queries.

    Args:
        for_visitor: only what a stranger may be shown.

    Raises:
        NotFound: ``unknown_character``.
    """
    rows, alts = characters(), Character.objects.order_by("name")
    if for_visitor:
        rows, alts = without_hidden(rows), without_hidden(alts)
    found = rows.prefetch_related(Prefetch("alts", queryset=alts), "aliases").filter(pk=character_id).first()
    if found is None:
        raise NotFound("There is no such character.", code="unknown_character")
    return found


def owned_by_nobody(*, most: int = 500) -> list[Character]:
    """Return the characters on the roster that belong to nobody, by name. One query."""
    rows = Character.objects.filter(user=None).exclude(status=Character.Status.REMOVED)
    return list(rows.select_related("rank").order_by("name")[:most])


def characters_of(user_id: int) -> list[Character]:
    """Return a person's characters, the main first. One query."""
    return list(Character.objects.select_related("rank").filter(user_id=user_id).order_by("-is_main", "name"))


def rank_history(character: Character) -> list[RankChange]:
    """Return a character's changes of rank, newest first. One query."""
    return list(character.rank_changes.select_related("from_rank", "to_rank", "changed_by"))


def ranks(*, for_visitor: bool = False) -> QuerySet[Rank]:
    """Return every rank, the highest first; for strangers those that are not hidden. One query."""
    rows = Rank.objects.order_by("order", "name")
    return rows.filter(is_hidden=False) if for_visitor else rows


@dataclass(frozen=True, slots=True)
class RankUse:
    """How many characters hold a rank, and whether any does or ever did: then it cannot be removed."""

    held: int
    is_used: bool


def rank_uses() -> dict[int, RankUse]:
    """Return how much each rank is used, by its id. Three queries."""
    once = set(RankChange.objects.order_by().values_list("from_rank", flat=True).distinct())
    once |= set(RankChange.objects.order_by().values_list("to_rank", flat=True).distinct())
    held = Rank.objects.order_by().annotate(held=Count("characters")).values_list("pk", "held")
    return {pk: RankUse(count, bool(count) or pk in once) for pk, count in held}
