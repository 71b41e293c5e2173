"""`/dkp`, `/standings`, `/history`: what the API's points endpoints tell, to the same people."""

from __future__ import annotations

from guildhall.accounts.models import User
from guildhall.core.errors import NotFound
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import show_points
from guildhall.discord.interactions.context import Choices, Context, Reply
from guildhall.discord.interactions.registry import INTEGER, USER, Option, command, completer
from guildhall.discord.messages.embeds import Embed, escape, lines, message, page, when
from guildhall.points.models import DKPPool
from guildhall.points.selectors import (
    balances_of,
    default_pool,
    standings,
    standings_queryset,
    statement,
    with_balances,
)
from guildhall.points.visibility import sees_sealed
from guildhall.roster.models import Character
from guildhall.roster.selectors import find_character, find_person, suggest_names

WHO = Option("who", "A character or a person; you, if left out", complete="people")
MEMBER = Option("member", "Somebody of this server", kind=USER)
POOL = Option("pool", "Which pool of points", complete="pools")


def person_meant(context: Context) -> User:
    """Return the person that `member` or `who` names, else the asker.

    Raises:
        NotFound: ``unknown_user`` or ``unknown_character``, with names that look alike.
    """
    if context.text("member"):
        try:
            return find_person(discord_id=context.text("member"))
        except NotFound:
            raise NotFound("Nobody here is linked to that Discord account.", code="unknown_user") from None
    name = context.text("who")
    if not name:
        return context.user
    found = find_character(name)
    if found is not None:
        if found.user is None:
            raise NotFound(f"{found.name} belongs to nobody here.", code="unknown_user")
        return found.user
    person = User.objects.filter(display_name__iexact=name, merged_into=None, is_bot=False).first()
    if person is None:
        near = suggest_names([name]).get(name, [])
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise NotFound(f"Nobody is called {name[:40]}.{hint}", code="unknown_character")
    return person


def asked_about(context: Context) -> User:
    """Return the person whose points are asked for: anybody for members, one's own for whoever may see those, as the API has it.

    Raises:
        NotFound: as `person_meant`; NotAllowed: ``permission_denied``.
    """
    if not context.is_member and context.user and context.principal.can("own:read"):
        try:
            found = person_meant(context)
        except NotFound:
            found = None
        if found == context.user:
            return context.user
    context.require_member()
    return person_meant(context)


def pool_meant(context: Context) -> DKPPool:
    """Return the pool that is named, else the default one.

    Raises:
        NotFound: ``unknown_pool``, ``no_pool``.
    """
    name = context.text("pool")
    if not name:
        return default_pool()
    found = DKPPool.objects.filter(name__iexact=name).first()
    if found is None:
        raise NotFound(f"There is no pool called {name[:40]}.", code="unknown_pool")
    return found


@completer("people")
def complete_people(context: Context, typed: str) -> Choices:
    """Return characters whose names begin with what is typed, then those that contain it."""
    if not context.principal.can("roster:read"):
        return Choices([])
    visible = Character.objects.exclude(status=Character.Status.REMOVED).exclude(rank__is_hidden=True)
    first = list(visible.filter(name__istartswith=typed).values_list("name", flat=True)[:25])
    more = visible.filter(name__icontains=typed).exclude(name__in=first) if typed and len(first) < 25 else []
    return Choices([(name, name) for name in [*first, *[c.name for c in more][: 25 - len(first)]]])


@completer("pools")
def complete_pools(context: Context, typed: str) -> Choices:
    """Open pools."""
    if not context.principal.can("points:read"):
        return Choices([])
    names = DKPPool.objects.filter(is_active=True, name__icontains=typed).values_list("name", flat=True)[:25]
    return Choices([(name, name) for name in names])


@command("dkp", "Points of yours, or of somebody else", WHO, MEMBER)
def dkp(context: Context) -> Reply:
    """Return balance, held and available in each pool."""
    person = asked_about(context)
    embed = Embed(f"Points of {escape(person)}", url=page(f"/people/{person.pk}/"))
    for balance in balances_of(user_id=person.pk, with_sealed=sees_sealed(context.principal, person.pk)):
        held = f"\n{show_points(balance.held)} held by bids" if balance.held else ""
        embed.add(
            escape(balance.dkp_pool),
            f"**{show_points(balance.available)}** available{held}\nearned {show_points(balance.earned)}, "
            f"spent {show_points(balance.spent)}, adjusted {show_points(balance.adjusted)}",
            inline=False,
        )
    if not embed.fields:
        embed.description = "There is no pool of points yet."
    return Reply(message(embed))


@command("standings", "Who has how many points", POOL, Option("from", "From which place on", kind=INTEGER, least=1))
def show_standings(context: Context) -> Reply:
    """Twenty places of the standings."""
    context.require_member()
    pool = pool_meant(context)
    start = max(int(context.options.get("from") or 1), 1) - 1
    rows = standings(rows=standings_queryset(pool=pool)[start : start + 20])
    listed = []
    for row in rows:
        attendance = f" · {row.attendance_30d:.0f} %" if row.attendance_30d is not None else ""
        name = escape(row.main_character or row.display_name)
        listed.append(f"`{row.rank:>3}.` **{show_points(row.balance)}** {name}{attendance}")
    embed = Embed(
        f"Standings: {escape(pool.name)}", lines(listed) or "Nobody has points here yet.", url=page("/standings/")
    )
    return Reply(message(embed))


@command("history", "What came in and went out", WHO, MEMBER, POOL)
def history(context: Context) -> Reply:
    """Return the last fifteen movements, newest first."""
    person = asked_about(context)
    pool = pool_meant(context) if context.text("pool") else None
    found = statement(user_id=UserId(person.pk), pool_id=PoolId(pool.pk) if pool else None, balances=False)
    rows = with_balances(person.pk, found[:15])
    several = len({row.pool_id for row in rows}) > 1  # each balance is that of its own pool: say which
    listed = [
        f"{when(row.occurred_at, 'd')} **{row.amount:+.2f}** → {show_points(row.balance_after)} "  # type: ignore[attr-defined]
        + (f"{escape(row.pool.name)}: " if several else "")
        + escape(row.description or row.get_kind_display())
        for row in rows
    ]
    title = f"History of {escape(person)}" + (f" in {escape(pool.name)}" if pool else "")
    return Reply(message(Embed(title, lines(listed) or "Nothing yet.", url=page(f"/people/{person.pk}/"))))
