"""The pages of how far a raid is, of an event's plan, and of loot from another pool."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from guildhall.core import clock
from guildhall.loot.models import LootDistribution
from guildhall.loot.services import create_item
from guildhall.points.services import create_pool
from guildhall.raids import services
from guildhall.raids.calendar.services import answer_date
from guildhall.raids.models import Event, Raid

from .conftest import Guild, token, version

pytestmark = pytest.mark.django_db
LINES = {
    "on_time": "1",
    "on_time_points": "4",
    "hourly": "1",
    "hourly_every": "60",
    "hourly_points": "2",
    "hourly_label": "hour",
}
EVENT = {
    "form": "create", "name": "Kael", "default_points": "10", "usual_minutes": "180", "usual_weekday": "2",
    "usual_time": "20:30", "full_bonus": "5", "is_active": "1", "bosses_text": "Vulak; 8; Cloak, Belt\n\nVyemm\n", "loot_is_new": "1",
}  # fmt: skip


def send(client, path: str, **fields):
    page = client.get(path)
    return client.post(path, {"once": token(page), **version(page, fields["form"]), **fields}, follow=True)


def planned(guild: Guild, **values) -> Raid:
    event = services.create_event(name="Siege", pools=[guild.pool], default_points=10, **values)
    return services.create_raid(event=event, started_at=clock.now() + dt.timedelta(minutes=5), actor=guild.officer)


def text(response) -> str:
    return response.content.decode()


def test_an_event_is_made_with_its_plan_and_shows_it_again(sign_in, guild: Guild) -> None:
    officer = sign_in("officer")
    send(officer, "/officers/events/", **EVENT, **LINES, pools=guild.pool.pk)
    event = Event.objects.get()
    assert [(line.kind, line.label, line.every_minutes, line.points) for line in event.planned_checks.all()] == [
        ("on_time", "", 0, 4), ("hourly", "hour", 60, 2),
    ]  # fmt: skip
    assert [(boss.name, boss.points, boss.loot) for boss in event.bosses.all()] == [
        ("Vulak", 8, ["Cloak", "Belt"]), ("Vyemm", None, []),
    ]  # fmt: skip
    assert (event.usual_weekday, f"{event.usual_time:%H:%M}", event.usual_minutes, event.full_bonus) == (
        2,
        "20:30",
        180,
        5,
    )
    page = text(officer.get(f"/officers/events/{event.pk}/"))
    assert "Vulak; 8.00; Cloak, Belt\nVyemm" in page
    assert 'value="20:30"' in page


def test_a_plan_takes_several_lines_of_a_kind_without_javascript(sign_in, guild: Guild) -> None:
    officer = sign_in("officer")
    fields = {**EVENT, **LINES, "pools": guild.pool.pk}
    page = send(officer, "/officers/events/", **fields, step="more-hourly")
    assert page.status_code == 200
    assert not Event.objects.exists()
    assert 'name="hourly_2_every"' in text(page)
    assert 'name="hourly_3_every"' not in text(page)
    assert 'value="Kael"' in text(page)
    more = {"hourly_2": "1", "hourly_2_every": "30", "hourly_2_points": "1", "kill": "1", "kill_points": "3"}
    page = send(officer, "/officers/events/", **fields, **more, step="more-kill")
    assert 'name="kill_2_points"' in text(page)
    assert re.search(r'name="hourly_2_every" value="30"', text(page))
    send(officer, "/officers/events/", **fields, **more, kill_2="1", kill_2_points="5")
    event = Event.objects.get()
    lines = [(line.kind, line.every_minutes, line.points) for line in event.planned_checks.all()]
    assert lines == [("on_time", 0, 4), ("hourly", 60, 2), ("hourly", 30, 1), ("kill", 0, 3), ("kill", 0, 5)]
    path = f"/officers/events/{event.pk}/"
    page = officer.get(path)
    form = page.context["form"]
    sent = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in sent.items() if value not in (None, False)}
    page = send(officer, path, **{**sent, "form": "change", "hourly_2_points": "2"})
    assert "is changed" in text(page)
    lines = [(line.kind, line.every_minutes, line.points) for line in event.planned_checks.all()]
    assert lines == [("on_time", 0, 4), ("hourly", 60, 2), ("hourly", 30, 2), ("kill", 0, 3), ("kill", 0, 5)]


def test_expected_loot_is_an_item_or_said_to_be_new_and_of_this_pool(sign_in, guild: Guild) -> None:
    officer = sign_in("officer")
    pots = services.save_item_pool(
        name="Potions", pools=[create_pool(name="Luclin", actor=guild.officer)], actor=guild.officer
    )
    create_item(name="Cloak of Flames", actor=guild.officer)
    create_item(name="Potion of Haste", item_pool=pots, actor=guild.officer)
    fields = {name: value for name, value in EVENT.items() if name != "loot_is_new"}
    fields |= {"pools": guild.pool.pk, "bosses_text": "Vulak; 8; cloak of flame"}
    page = send(officer, "/officers/events/", **fields)
    assert page.status_code == 400
    assert "did you mean Cloak of Flames?" in text(page)
    page = send(officer, "/officers/events/", **{**fields, "bosses_text": "Vulak; 8; Potion of Haste"})
    assert "Charged in another pool as a rule: Potion of Haste (Potions)." in text(page)
    page = send(officer, "/officers/events/", **{**fields, "expected": "Belt", "step": "item"})
    assert "Vulak; 8; cloak of flame, Belt" in text(page)
    assert not Event.objects.exists()
    both = "Vulak; 8; cloak of flames, Potion of Haste, Belt"
    page = send(
        officer, "/officers/events/", **{**fields, "bosses_text": both, "loot_is_new": "1", "loot_elsewhere": "1"}
    )
    event = Event.objects.get()
    assert event.bosses.get().loot == ["Cloak of Flames", "Potion of Haste", "Belt"]
    page = send(officer, f"/officers/events/{event.pk}/", **{**fields, "form": "change", "bosses_text": f"{both} "})
    assert "is changed" in text(page)  # what stood there already is not asked about again


def test_what_is_wrong_with_a_plan_stands_in_the_form_with_what_was_typed(sign_in, guild: Guild) -> None:
    fields = {**EVENT, **LINES, "pools": guild.pool.pk}
    page = text(send(sign_in("officer"), "/officers/events/", **{**fields, "usual_time": "25:99"}))
    assert "Write it as 20:30." in page
    assert 'value="25:99"' in page
    page = text(send(sign_in("officer"), "/officers/events/", **{**fields, "usual_minutes": ""}))
    assert "Say how many minutes the raid lasts" in page
    assert not Event.objects.exists()


def test_a_planned_raid_is_started_closed_and_opened_again_on_its_page(sign_in, guild: Guild) -> None:
    raid = planned(guild)
    assert raid.date is not None
    answer_date(date=raid.date, character=guild.characters["Sorrel"], status=1, actor=guild.member)
    path = f"/raids/{raid.pk}/"
    assert "Start the raid" not in text(sign_in("member").get(path))
    officer = sign_in("officer")
    assert "1 comes." in text(officer.get(path))
    assert "is running" in text(send(officer, path, form="start"))
    services.award_attendance(raid=raid, attendees=["Brakkus", "Nobody"], actor=guild.officer)
    page = text(sign_in("member").get(path))
    page = page[page.index("Signed up and did not come") :]
    assert page.index("Sorrel") < page.index("Came without") < page.rindex("Brakkus")
    officer = sign_in("officer")
    refused = text(send(officer, f"{path}close/", form="close"))
    assert "1 name that nobody knew" in refused
    assert Raid.objects.get().state == "running"
    assert "is closed." in text(send(officer, f"{path}close/", form="close", anyway="1"))
    assert Raid.objects.get().state == "done"
    assert "is open again." in text(send(officer, path, form="again"))


def test_a_planned_raid_is_called_off_and_says_so_everywhere(sign_in, guild: Guild) -> None:
    raid = planned(guild)
    send(sign_in("officer"), f"/raids/{raid.pk}/", form="off")
    for path in (f"/raids/{raid.pk}/", "/raids/", f"/calendar/{raid.date_id}/", "/calendar/"):
        assert "called off" in text(sign_in("member").get(path)), path


def test_nobody_but_who_leads_says_how_far_a_raid_is(sign_in, guild: Guild) -> None:
    raid = planned(guild)
    client = sign_in("member")
    for name in ("start", "off", "again", "kill"):
        assert client.post(f"/raids/{raid.pk}/", {"form": name, "once": f"{name}-0123456789"}).status_code == 403
    assert client.get(f"/raids/{raid.pk}/close/").status_code == 403
    assert Raid.objects.get().state == "planned"


def test_a_date_without_an_event_asks_for_it_when_it_is_started(sign_in, guild: Guild) -> None:
    from guildhall.raids.calendar.services import plan_date

    event = services.create_event(name="Siege", pools=[guild.pool])
    date = plan_date(title="Something", starts_at=clock.now() + dt.timedelta(minutes=5), actor=guild.officer)
    officer, path = sign_in("officer"), f"/calendar/{date.pk}/"
    assert "Say which event it is" in text(send(officer, path, form="start"))
    assert "is running" in text(send(officer, path, form="start", event=event.pk))
    assert Raid.objects.get().date == date


def test_an_item_of_another_pool_is_questioned_and_charged_where_one_says(sign_in, guild: Guild) -> None:
    other = create_pool(name="Legacy", allow_negative=True)
    group = services.save_item_pool(name="Old world", pools=[other])
    create_item(name="Cloak", item_pool=group, actor=guild.officer)
    raid = planned(guild)
    services.start_raid(raid=raid, actor=None)
    services.update_raid(raid=raid, started_at=clock.now(), actor=None)
    officer, path = sign_in("officer"), f"/raids/{raid.pk}/"
    fields = {"form": "loot", "item_name": "cloak", "character_name": "Sorrel", "points_spent": "5", "anyway": "1"}
    asked = text(send(officer, path, **fields))
    assert "Cloak is charged in Legacy as a rule, and this raid pays into Velious." in asked
    assert not LootDistribution.objects.exists()
    for where in ("raid", "item"):
        send(officer, path, **fields, charged_in=where)
    assert [award.pool for award in LootDistribution.objects.order_by("pk")] == [guild.pool, other]


@pytest.mark.parametrize("path", ["/calendar/new/", "/raids/new/"])
def test_a_new_date_and_raid_begin_with_the_usual_night_of_an_event(sign_in, guild: Guild, path: str) -> None:
    usual = {"usual_time": "20:30", "usual_minutes": 180}
    event = services.create_event(name="Sky", pools=[guild.pool], default_points=10, **usual)
    services.create_event(name="Kael", pools=[guild.pool], default_points=10)
    officer = sign_in("officer")
    plain = text(officer.get(path))
    assert f'href="?event={event.pk}"' in plain  # the event with a usual time is offered, the other one is not
    assert plain.count("?event=") == 1
    with clock.frozen(dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)):
        begun = text(officer.get(f"{path}?event={event.pk}"))
    assert 'value="2026-11-28T20:30"' in begun
    assert 'value="2026-11-28T23:30"' in begun
    assert f'<option value="{event.pk}" selected' in begun
    assert officer.get(f"{path}?event=nothing").status_code == 400
    assert officer.get(f"{path}?event=999").status_code == 200
