"""Pages for what only the admin did: how the guild recruits, item pools, what a status earns."""

from __future__ import annotations

from typing import Any

from django.test import Client

from guildhall.raids.models import ItemPool, StatusShare
from guildhall.raids.services import create_event, save_item_pool
from guildhall.recruitment.models import ApplicationQuestion
from guildhall.recruitment.services.transitions import policy
from guildhall.roster.services import create_rank

from .conftest import Guild, token, version

RECRUITMENT = "/recruitment/settings/"


def send(client: Client, path: str, form: str, **values: Any) -> Any:
    page = client.get(path)
    return client.post(path, {"form": form, "once": token(page), **version(page, form), **values}, follow=True)


def policy_values(**more: Any) -> dict[str, Any]:
    return {
        "is_open": "1", "intro": "Be kind.", "trial_days": "20", "trial_reminder_days": "2", "trial_end": "vote",
        "voting_hours": "24", "minimum_attendance": "10", "quorum": "3", "threshold_percent": "60", "tie": "fail",
        "recycle_days": "7", "cooldown_days": "30", "most_a_day": "20", "most_a_day_from_one": "3", **more,
    }  # fmt: skip


def test_officers_set_how_the_guild_recruits(sign_in: Any, guild: Guild) -> None:
    client = sign_in("officer")
    assert RECRUITMENT in client.get("/recruitment/").content.decode()
    rank = create_rank(name="Trial", order=10, is_trial=True, actor=guild.officer)
    done = send(client, RECRUITMENT, "policy", **policy_values(trial_rank=rank.pk))
    assert "Stored." in done.content.decode()
    now = policy()
    assert (now.intro, now.trial_days, now.trial_end, now.quorum, str(now.threshold_percent), now.trial_rank) == (
        "Be kind.", 20, "vote", 3, "60.00", rank,
    )  # fmt: skip
    for field, value in (("trial_days", "0"), ("threshold_percent", "101"), ("tie", "coin"), ("quorum", "many")):
        opened = version(client.get(RECRUITMENT), "policy")
        refused = client.post(
            RECRUITMENT, {"form": "policy", "once": field, **opened, **policy_values(**{field: value})}
        )
        assert refused.status_code == 400, field
        assert 'aria-invalid="true"' in refused.content.decode(), field
    assert policy().trial_days == 20


def test_recruiters_write_questions_but_officers_the_policy(sign_in: Any, guild: Guild) -> None:
    client = sign_in("recruiter")
    assert 'name="threshold_percent"' not in client.get(RECRUITMENT).content.decode()
    refused = client.post(RECRUITMENT, {"form": "policy", "once": "a", **policy_values()})
    assert refused.status_code == 403
    assert policy().trial_days == 30
    lines = "Fri\r\n\r\nSat"
    asked = {"wording": "Which nights?", "kind": "multiple", "order": "5", "choices_text": lines, "is_active": "1"}
    refused = client.post(RECRUITMENT, {"form": "question", "once": "b", **asked, "choices_text": ""})
    assert refused.status_code == 400
    assert "something to choose from" in refused.content.decode()
    assert "Which nights?" in send(client, RECRUITMENT, "question", **asked, must="1").content.decode()
    made = ApplicationQuestion.objects.get()
    assert (made.choices, made.required, made.order) == (["Fri", "Sat"], True, 5)
    path = f"/recruitment/questions/{made.pk}/"
    assert "Fri\nSat" in client.get(path).content.decode()
    gone = send(client, path, "question", wording="Which?", kind="multiple", order="5", choices_text=lines)
    assert "not asked" in gone.content.decode()
    made.refresh_from_db()
    assert (made.wording, made.is_active, made.required) == ("Which?", False, False)
    assert client.get("/recruitment/questions/99999/").status_code == 404
    member = sign_in("member")
    assert member.get(RECRUITMENT).status_code == member.get(path).status_code == 403


def test_an_item_pool_is_made_changed_and_removed(sign_in: Any, guild: Guild) -> None:
    client = sign_in("officer")
    path = "/officers/item-pools/"
    assert path in client.get("/officers/events/").content.decode()
    assert "No item pool yet" in client.get(path).content.decode()
    send(client, path, "create", name="Armour", description="What is worn", pools=[guild.pool.pk])
    made = ItemPool.objects.get()
    assert list(made.pools.all()) == [guild.pool]
    refused = client.post(path, {"form": "create", "once": "again", "name": "Armour"})
    assert refused.status_code == 409
    assert "already" in refused.content.decode()
    here = f"{path}{made.pk}/"
    send(client, here, "change", name="Plate", description="")
    made.refresh_from_db()
    assert (made.name, made.description, made.pools.count()) == ("Plate", "", 0)
    send(client, here, "remove")
    assert not ItemPool.objects.exists()
    assert client.get(here).status_code == 404


def test_an_item_pool_of_an_event_is_shown_there(sign_in: Any, guild: Guild) -> None:
    group = save_item_pool(name="Armour", pools=[guild.pool], actor=guild.officer)
    event = create_event(name="Siege", pools=[guild.pool], item_pools=[group], actor=guild.officer)
    assert "Armour" in sign_in("officer").get(f"/officers/events/{event.pk}/").content.decode()


def test_what_a_status_earns_is_set_and_forgotten(sign_in: Any, guild: Guild) -> None:
    client = sign_in("officer")
    path = "/officers/shares/"
    assert path in client.get("/officers/pools/").content.decode()
    done = send(client, path, "share", status="late", percent="40", pool=guild.pool.pk)
    assert "late: 40.00 % in Velious" in done.content.decode().lower().replace("velious", "Velious")
    share = StatusShare.objects.get()
    assert (share.status, str(share.percent), share.pool) == ("late", "40.00", guild.pool)
    refused = client.post(path, {"form": "share", "once": "b", "status": "late", "percent": "101"})
    assert refused.status_code == 400
    send(client, path, "drop", share=str(share.pk))
    assert not StatusShare.objects.exists()
    again = client.post(path, {"form": "drop", "once": "c", "share": str(share.pk)})
    assert again.status_code == 404
    for role in ("recruiter", "member"):
        assert sign_in(role).get(path).status_code == 403
        assert sign_in(role).get("/officers/item-pools/").status_code == 403
