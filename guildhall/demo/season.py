"""The demo guild's year: pools, events, raids with checks and loot, adjustments, decay, and what went wrong."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from guildhall.core import clock
from guildhall.core.ids import UserId
from guildhall.core.money import ZERO
from guildhall.loot import services as loot
from guildhall.loot.models import Item, LootDistribution
from guildhall.points import services as points
from guildhall.points.models import DKPPool, PointRule
from guildhall.points.selectors import balances_in
from guildhall.raids import services as raids
from guildhall.raids.models import AttendanceCheck, Event, Raid
from guildhall.roster import services as roster

from .content import EVENTS, EventContent
from .people import Guild, Player

Kind = AttendanceCheck.Kind
STRANGERS = ("Gobbix", "Velthraz", "Sneakypaws", "Mirthwind", "Bobthewiz", "Karanella", "Oggdor", "Lunastra")


@dataclass(slots=True)
class Season:
    """The year while it is played."""

    guild: Guild
    rng: random.Random
    now: dt.datetime
    pools: dict[str, DKPPool] = field(default_factory=dict)
    events: dict[str, tuple[Event, EventContent]] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    rules: dict[str, PointRule] = field(default_factory=dict)
    awards: list[LootDistribution] = field(default_factory=list)
    raids: list[Raid] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def play_season(*, guild: Guild, rng: random.Random, start: dt.datetime, now: dt.datetime) -> Season:
    """Play the year from `start` to `now`."""
    season = Season(guild, rng, now)
    with clock.frozen(start - dt.timedelta(days=5)) as held:
        _found(season)
        for at, kind in _calendar(start, now):
            held.set(at)
            if kind == "raid":
                _raid_night(season, at, held)
            elif kind == "weekend":
                _weekend(season, at, held)
            elif kind == "month":
                _month(season, at)
            else:
                _adjust(season)
    with clock.frozen(now - dt.timedelta(hours=20)):
        _mistakes(season)
        _plans(season)
        raids.end_forgotten_raids()
    return season


def _calendar(start: dt.datetime, now: dt.datetime) -> list[tuple[dt.datetime, str]]:
    """Return what happens when: raids on Tuesdays and Thursdays, every other Sunday for alts, decay on the first."""
    found: list[tuple[dt.datetime, str]] = []
    day = start.replace(hour=20, minute=0)
    while day < now - dt.timedelta(hours=21):
        # The second night falls out every third week.
        if day.weekday() == 1 or (day.weekday() == 3 and day.isocalendar().week % 3):
            found.append((day, "raid"))
        if day.weekday() == 6 and day.isocalendar().week % 2:
            found.append((day.replace(hour=15), "weekend"))
        if day.day == 1:
            found.append((day.replace(hour=5), "month"))
        if day.weekday() == 5 and day.day % 2:
            found.append((day.replace(hour=11), "adjust"))
        day += dt.timedelta(days=1)
    return sorted(found)


def _found(season: Season) -> None:
    """Pools, rules, events and the catalogue of items."""
    officer = season.guild.officer
    season.pools = {
        "Velious": points.create_pool(
            name="Velious", description="The raids of the current age.", is_default=True, actor=officer
        ),
        "Kunark": points.create_pool(
            name="Kunark", description="Older dragons, still worth the trip.", actor=officer
        ),
        "Weekend": points.create_pool(
            name="Weekend",
            description="For alts and friends: whole points, an alt earns half.",
            decimal_places=0,
            alt_policy="part",
            alt_share_percent=50,
            actor=officer,
        ),
    }  # fmt: skip
    season.rules["decay"] = points.create_rule(
        name="Monthly decay", pool=season.pools["Velious"], kind="decay_percent", percent=Decimal(10), period="month",
        actor=officer,
    )  # fmt: skip
    season.rules["cap"] = points.create_rule(
        name="Weekend cap", pool=season.pools["Weekend"], kind="cap_upper", amount=Decimal(120), period="month",
        actor=officer,
    )  # fmt: skip
    for content in EVENTS:
        group = raids.save_item_pool(name=f"Loot of {content.name}", pools=[season.pools[content.pool]], actor=officer)
        event = raids.create_event(
            name=content.name,
            pools=[season.pools[content.pool]],
            item_pools=[group],
            default_points=content.worth,
            difficulty_modifier=content.modifier,
            actor=officer,
        )
        season.events[content.name] = (event, content)
        for name, category, rarity, _ in content.items:
            season.items[name] = loot.create_item(
                name=name, category=category, rarity=rarity, item_pool=group, actor=officer
            )
    people = [UserId(player.user.pk) for player in season.guild.players if player.there_at(clock.now())]
    for name, amount in (("Velious", "40"), ("Kunark", "25")):
        points.adjust_points(
            user_ids=people,
            pool=season.pools[name],
            amount=amount,
            reason="Points from before the new book",
            actor=officer,
        )
        season.counts["adjustments"] += len(people)


def _who(season: Season, at: dt.datetime, *, alts: bool = False) -> list[tuple[Player, dict[str, Any]]]:
    """Return who comes, as which character, and how: most in time, some late, a few on standby."""
    rng, found = season.rng, []
    for player in season.guild.players:
        if not player.there_at(at) or rng.random() > player.keenness * (0.55 if alts else 1):
            continue
        use_alt = player.alts and rng.random() < (0.7 if alts else 0.06)
        character = rng.choice(player.alts) if use_alt else player.main
        assert character is not None
        name = season.guild.current_name(character)
        dice = rng.random()
        status = "late" if dice < 0.04 else "early_leave" if dice < 0.06 else "standby" if dice < 0.09 else "present"
        found.append((player, {"character_name": name, "status": status}))
    return found


def _raid_night(season: Season, at: dt.datetime, held: clock.FrozenClock) -> None:
    choices = [pair for name, pair in season.events.items() if pair[1].pool != "Weekend"]
    event, content = season.rng.choices(choices, [6, 5, 3, 2, 3])[0]
    raid = raids.create_raid(
        event=event, started_at=at, ended_at=at + dt.timedelta(hours=3, minutes=20), leader=season.guild.leader,
        actor=season.guild.leader,
    )  # fmt: skip
    there = _who(season, at)
    held.set(at + dt.timedelta(minutes=10))
    _award(season, raid, None, there)
    moments: list[tuple[str, str, int, str]] = []
    if season.rng.random() < 0.4:
        moments.append((Kind.HOURLY, "second hour", 120, "3"))
    if season.rng.random() < 0.3:
        moments.append((Kind.KILL, "last kill", 190, "5"))
    for kind, label, minutes, worth in moments:
        held.set(at + dt.timedelta(minutes=minutes))
        stayed = [row for row in there if row[1]["status"] != "early_leave" and season.rng.random() < 0.95]
        stayed = [(player, {**row, "status": "present"}) for player, row in stayed]
        check = raids.add_check(
            raid=raid, kind=kind, label=label, taken_at=clock.now(), points=worth, actor=season.guild.leader
        )
        _award(season, raid, check, stayed)
    held.set(at + dt.timedelta(hours=3, minutes=25))
    _drops(season, raid, content, [player for player, _ in there], season.rng.randrange(2, 5))
    season.raids.append(raid)


def _weekend(season: Season, at: dt.datetime, held: clock.FrozenClock) -> None:
    event, content = next(pair for pair in season.events.values() if pair[1].pool == "Weekend")
    raid = raids.create_raid(event=event, started_at=at, leader=season.guild.leader, actor=season.guild.leader)
    there = _who(season, at, alts=True)
    held.set(at + dt.timedelta(minutes=20))
    _award(season, raid, None, there)
    held.set(at + dt.timedelta(hours=2))
    _drops(season, raid, content, [player for player, _ in there], 2)
    season.raids.append(raid)


def _award(
    season: Season, raid: Raid, check: AttendanceCheck | None, there: list[tuple[Player, dict[str, Any]]]
) -> None:
    rows = [row for _, row in there]
    rng = season.rng
    strangers = rng.sample(STRANGERS, 1) if rng.random() < 0.06 else []
    names = strangers + ([season.guild.names.typo(rows[0]["character_name"])] if rows and rng.random() < 0.04 else [])
    result = raids.award_attendance(
        raid=raid, check=check, attendees=[*rows, *({"character_name": name} for name in names)],
        actor=season.guild.leader,
    )  # fmt: skip
    season.counts["attendances"] += len(result.awarded)
    old = clock.now() < season.now - dt.timedelta(days=20)
    for unmatched in result.unmatched:
        season.counts["unmatched names"] += 1
        if not old:
            continue
        if unmatched.name in STRANGERS:
            raids.resolve_unmatched(unmatched=unmatched, ignore=True, actor=season.guild.leader)
        elif there and (main := there[0][0].main) is not None:
            raids.resolve_unmatched(unmatched=unmatched, character=main, actor=season.guild.leader)


def _drops(season: Season, raid: Raid, content: EventContent, there: list[Player], count: int) -> None:
    """Award what dropped to who wanted it most and could pay: richer people bid more."""
    rng = season.rng
    pool = season.pools[content.pool]
    balances = balances_in(pool=pool, user_ids=[player.user.pk for player in there])
    for name, _, _, usual in rng.sample(content.items, min(count, len(content.items))):
        bidders = rng.sample(there, min(6, len(there)))
        if not bidders:
            return
        winner = max(bidders, key=lambda player: balances.get(player.user.pk, ZERO))
        have = balances.get(winner.user.pk, ZERO)
        drift = 1 + 0.35 * (raid.started_at - season.now).days / 365
        wanted = Decimal(round(usual * drift * rng.lognormvariate(0, 0.28)))
        price = max(min(wanted, Decimal(int(have * Decimal("0.85")))), Decimal(1))
        if have < price:
            price = ZERO
        assert winner.main is not None
        award = loot.award_item(
            award=loot.NewAward(
                item=season.items[name], user=winner.user, raid=raid, points_spent=price, awarded_at=clock.now()
            ),
            actor=season.guild.leader,
        )
        balances[winner.user.pk] = have - price
        season.awards.append(award)
    season.counts["awards"] += min(count, len(content.items))


def _month(season: Season, at: dt.datetime) -> None:
    run = points.run_rule(rule=season.rules["decay"], actor=season.guild.officer)
    points.run_rule(rule=season.rules["cap"], actor=season.guild.officer)
    season.counts["rule runs"] += 2
    if at.month == 3:  # once it ran a day before the siege's points were in
        points.reverse_rule_run(run=run, actor=season.guild.officer, reason="Sunday's raid was not booked yet")
        points.run_rule(rule=season.rules["decay"], actor=season.guild.officer)
        season.counts["rule runs"] += 1


_GOOD = ("Brought the key for everybody", "Farmed resist gear for the alts", "Led a corpse recovery", "Spotted the pop")
_BAD = ("Went to sleep in the second hour", "Trained the raid, again", "Rolled on the wrong item")


def _adjust(season: Season) -> None:
    rng = season.rng
    there = [player for player in season.guild.players if player.there_at(clock.now())]
    player = rng.choice(there)
    good = rng.random() < 0.7
    points.adjust_points(
        user_ids=[UserId(player.user.pk)],
        pool=season.pools["Velious"],
        amount=rng.choice(["5", "7.50", "10"]) if good else rng.choice(["-5", "-2.50"]),
        reason=rng.choice(_GOOD if good else _BAD),
        actor=season.guild.officer,
    )
    season.counts["adjustments"] += 1


def _mistakes(season: Season) -> None:
    """Make and correct mistakes: a raid that was booked twice, a wrong price, a wrong buyer, an award that was
    returned, a character that changed hands, a penalty reversed."""
    guild, rng = season.guild, season.rng
    leader, officer = guild.leader, guild.officer
    raids.reverse_raid(
        raid=season.raids[len(season.raids) // 3], reason="Booked twice: see the raid before", actor=leader
    )
    standing = [award for award in season.awards[len(season.awards) // 2 :] if award.points_spent > 20]
    dear, wrong, returned = rng.sample(standing, 3)
    loot.correct_award(award=dear, points_spent=dear.points_spent - 10, reason="Typed 10 too many", actor=leader)
    buyer = next(p for p in guild.players if p.main and p.left is None and p.user.pk != wrong.user_id)
    balance = balances_in(pool=wrong.pool, user_ids=[buyer.user.pk]).get(buyer.user.pk, ZERO)
    if balance >= wrong.points_spent:
        loot.correct_award(award=wrong, user=buyer.user, reason="It went to the other warrior", actor=leader)
    loot.reverse_award(award=returned, actor=leader, reason="Cannot use it, given back")
    made = points.adjust_points(
        user_ids=[UserId(guild.personas["member"].pk)], pool=season.pools["Velious"], amount="-5", reason="Missed the count",
        actor=officer,
    )  # fmt: skip
    points.reverse_adjustment(adjustment=made[0], reason="Was there after all, see the log", actor=officer)
    giver = next(p for p in guild.players[10:] if p.alts)
    taker = guild.players[3]
    roster.reassign_character(
        character=giver.alts[0], user=taker.user, actor=officer, reason="Plays it from now on, by agreement"
    )


def _plans(season: Season) -> None:
    """Plan the next raid in the calendar."""
    event, _ = season.events["The Sleeper's Vault"]
    soon = (season.now + dt.timedelta(days=1)).replace(hour=20, minute=0, second=0, microsecond=0)
    raids.create_raid(
        event=event, started_at=soon, leader=season.guild.leader, notes="Bring fire resist. Keys at the door.",
        actor=season.guild.leader,
    )  # fmt: skip
