"""Items without typos, what awards warn of, and the loot log."""

from __future__ import annotations

import json
import re

import pytest

from guildhall.accounts.visitors import edit_visitor_access
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.services import NewAward, award_item, create_item, reverse_award
from guildhall.points.selectors import balance_of
from guildhall.raids.models import Raid
from guildhall.roster.services import create_rank, set_rank

from .conftest import Guild
from .test_character_pages import send
from .test_raids_and_items import raid

__all__ = ["raid"]


def give(guild: Guild, item: str, to: str, price: str, raid: Raid | None = None) -> LootDistribution:
    return award_item(
        award=NewAward(item_name=item, character_name=to, points_spent=price, raid=raid), actor=guild.officer
    )


def test_a_near_miss_is_asked_about_and_a_new_item_is_said_to_be_new(sign_in, guild: Guild, raid: Raid) -> None:
    create_item(name="Cloak of Tides", actor=guild.officer)
    client, path = sign_in("officer"), f"/raids/{raid.pk}/"
    fields = {"form": "loot", "character_name": "Sorrel", "points_spent": "5"}
    page = send(client, path, item_name="Cloak of Tidse", **fields)
    assert page.status_code == 400
    assert "Did you mean Cloak of Tides?" in page.content.decode()
    assert not LootDistribution.objects.exists()
    assert send(client, path, item_name="cloak  of tides", **fields).status_code == 200
    send(client, path, item_name="Cloak of Tidse", is_new="1", **fields)
    assert sorted(LootDistribution.objects.values_list("item__name", flat=True)) == ["Cloak of Tides", "Cloak of Tidse"]


def test_a_buyer_who_was_not_there_or_just_got_the_same_is_asked_about(sign_in, guild: Guild, raid: Raid) -> None:
    client, path = sign_in("officer"), f"/raids/{raid.pk}/"
    fields = {"form": "loot", "item_name": "Cloak of Tides", "points_spent": "5"}
    send(client, path, character_name="Sorrel", is_new="1", **fields)
    page = send(client, path, character_name="Tibble", **fields)  # the same person's alt
    assert page.status_code == 409
    assert "Sorrel got Cloak of Tides already in the last day, for 5.00." in page.content.decode()
    page = send(client, path, character_name="Nimwe", **fields)
    assert "Nimwe is at no check of this raid." in page.content.decode()
    assert 'name="anyway"' in page.content.decode()
    assert LootDistribution.objects.count() == 1
    send(client, path, character_name="Nimwe", anyway="1", **fields)
    assert str(balance_of(user_id=guild.recruiter.pk, pool=guild.pool).balance) == "20.50"


def test_putting_right_can_change_the_item(sign_in, guild: Guild, raid: Raid) -> None:
    create_item(name="Cloak of Tides", actor=guild.officer)
    award = give(guild, "Cloak of Tidse", "Sorrel", "5", raid)
    client, path = sign_in("officer"), f"/awards/{award.pk}/"
    fields = {"form": "correct", "character_name": "Sorrel", "points_spent": "5", "reason": "Misspelt"}
    assert send(client, path, item_name="Cloak of Tide", **fields).status_code == 400
    send(client, path, item_name="Cloak of Tides", **fields)
    made = LootDistribution.objects.get(corrected_from=award)
    assert (made.item.name, made.item_name, made.user) == ("Cloak of Tides", "Cloak of Tides", guild.member)
    assert str(balance_of(user_id=guild.member.pk, pool=guild.pool).balance) == "30.50"


def test_items_are_suggested_as_one_types(sign_in, guild: Guild) -> None:
    give(guild, "Cloak of Tides", "Sorrel", "5")
    client = sign_in("officer")
    assert 'value="Cloak of Tides"' in client.get("/items/suggest/?item_name=of+ti").content.decode()
    assert "usually goes for 5.00" in client.get("/items/suggest/?item_name=cloak+of+tides").content.decode()
    page = client.get("/items/suggest/?item_name=Cloak+of+Tidse&field=id_loot_item_name").content.decode()
    assert 'data-fill="id_loot_item_name" data-value="Cloak of Tides"' in page
    assert sign_in("member").get("/items/suggest/?item_name=x").status_code == 403


def test_an_item_is_renamed_and_its_history_follows(sign_in, guild: Guild) -> None:
    award = give(guild, "Cloak of Tidse", "Sorrel", "5")
    client, path = sign_in("officer"), f"/items/{award.item_id}/edit/"
    create_item(name="Robe", actor=guild.officer)
    assert send(client, path, form="item", name="robe", is_active="1").status_code == 409
    page = send(client, path, form="item", name="Cloak of Tides", category="back", rarity="rare", is_active="1")
    assert "<dt>awarded</dt><dd>1</dd>" in page.content.decode()
    assert Item.objects.get(pk=award.item_id).name == "Cloak of Tides"


def test_two_items_that_are_one_are_merged_after_a_look_and_taken_apart_again(sign_in, guild: Guild) -> None:
    right, typo = give(guild, "Cloak of Tides", "Sorrel", "9"), give(guild, "Cloak of Tidse", "Brakkus", "5")
    client, path = sign_in("officer"), f"/items/{typo.item_id}/merge/"
    assert "Merge into…" in client.get(f"/items/{typo.item_id}/").content.decode()
    page = send(client, path, form="merge", step="preview", item_name="Cloak of Tidex")
    assert page.status_code == 400
    assert "Did you mean" in page.content.decode()
    fields = {"form": "merge", "item_name": "cloak of tides", "reason": "Misspelt"}
    assert send(client, path, step="merge", **fields).status_code == 409  # not previewed
    text = send(client, path, step="preview", **fields).content.decode()
    assert "Cloak of Tidse becomes Cloak of Tides." in text
    digest = re.search(r'name="digest" value="([^"]+)"', text)
    assert digest is not None
    page = send(client, path, step="merge", digest=digest[1], **fields)
    text = page.content.decode()
    assert "<dt>awarded</dt><dd>2</dd>" in text
    assert "Also found as Cloak of Tidse." in text
    assert client.get(f"/items/{typo.item_id}/").content.decode().count("<dt>awarded</dt><dd>2</dd>") == 1
    assert client.get(path).headers["Location"] == f"/items/{right.item_id}/"
    undo = re.search(r'name="what" value="([^"]+)"', text)
    assert undo is not None
    page = client.post("/undo/", {"form": "undo", "once": "undo", "what": undo[1]}, follow=True)
    assert page.redirect_chain[-1][0] == f"/items/{typo.item_id}/"
    assert "<dt>awarded</dt><dd>1</dd>" in page.content.decode()
    assert "Merge of two items" in client.get("/batches/").content.decode()


def test_the_loot_log_is_filtered_and_taken_as_a_file(sign_in, guild: Guild, raid: Raid) -> None:
    give(guild, "Cloak of Tides", "Sorrel", "5", raid)
    undone = give(guild, "Robe", "Brakkus", "7")
    reverse_award(award=undone, actor=guild.officer, reason="Gave it back")
    client = sign_in("member")
    page = client.get("/loot/").content.decode()
    assert "Gave it back" in page
    assert "Cloak of Tides" in page
    for query, names in (
        ("q=robe", ["Robe"]), ("q=member", ["Cloak of Tides"]), ("state=standing", ["Cloak of Tides"]),
        (f"event={raid.event_id}", ["Cloak of Tides"]), ("until=2020-01-01", []), ("since=2020-01-01", ["Robe", "Cloak of Tides"]),
        (f"pool={guild.pool.pk}", ["Robe", "Cloak of Tides"]),
    ):  # fmt: skip
        rows = json.loads(client.get(f"/loot/export.json?{query}").content)
        assert [row["item"] for row in rows] == names, query
    assert client.get("/loot/?since=yesterday").status_code == 400


def test_strangers_see_no_hidden_buyer_and_no_reason_in_the_loot_log(client, guild: Guild) -> None:
    set_rank(
        character=guild.characters["Sorrel"], rank=create_rank(name="Hidden", is_hidden=True, actor=None), actor=None
    )
    give(guild, "Cloak of Tides", "Sorrel", "5")
    reverse_award(award=give(guild, "Robe", "Brakkus", "7"), actor=guild.officer, reason="Gave it back")
    assert client.get("/loot/").status_code == 302
    edit_visitor_access(actor=guild.officer, items=True)
    text = client.get("/loot/").content.decode() + b"".join(client.get("/loot/export.csv")).decode()
    assert "Robe" in text
    assert "Cloak" not in text
    assert "Gave it back" not in text


@pytest.mark.parametrize("path", ["/items/{}/edit/", "/items/{}/merge/", "/awards/{}/"])
def test_members_change_no_item(sign_in, guild: Guild, path: str) -> None:
    award = give(guild, "Robe", "Brakkus", "7")
    pk = award.item_id if "items" in path else award.pk
    assert sign_in("member").get(path.format(pk)).status_code == 403
