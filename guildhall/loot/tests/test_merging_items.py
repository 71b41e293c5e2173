"""Two entries of the catalogue turn out to be one item: history and prices follow, the old name finds it, and it can be undone."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from guildhall.auctions.models import BidSession
from guildhall.auctions.services import NewSession, award_session, close_session, start_session
from guildhall.core import batches
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.models import AuditEvent, Batch
from guildhall.core.previews import PreviewChanged
from guildhall.loot import selectors, services
from guildhall.loot.history import PastAward, record_past_awards
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.services import NewAward, award_item, correct_award, create_item, merge_items, preview_merge_items
from guildhall.points.verification import verify
from guildhall.raids.models import EventBoss, ItemPool

from . import build

pytestmark = [pytest.mark.django_db, pytest.mark.every_database]


class Guild:
    """A guild in which “Clok of Flames” was once typed for “Cloak of Flames”."""

    def __init__(self) -> None:
        self.pool = build.pool()
        self.aeli = build.person("Aeli", points=1000, pool=self.pool)
        self.officer = build.person("Officer", role="officer")
        self.raid = build.raid(self.pool)
        self.right = self.award("Cloak of Flames", 40).item
        self.typo = self.award("Clok of Flames", 20).item

    def award(self, name: str, price: int) -> LootDistribution:
        """Aeli gets an item of that name."""
        return award_item(
            award=NewAward(item_name=name, character_name="Aeli", raid=self.raid, points_spent=price), actor=None
        )

    def merge(self) -> Batch:
        """The typo is the right one."""
        return merge_items(source=self.typo, target=self.right, actor=self.officer, reason="a typo")


@pytest.fixture
def guild() -> Guild:
    return Guild()


def names_of(item: Item) -> list[str]:
    return list(LootDistribution.objects.filter(item=item).order_by("pk").values_list("item_name", flat=True))


def undo(batch: Batch) -> batches.BatchView:
    return batches.undo_batch(batch=batches.find(batch.pk), actor=None, reason="they are two")


def test_awards_and_prices_follow_and_no_point_moves(guild: Guild) -> None:
    before = build.balance(guild.aeli, guild.pool)
    shown = preview_merge_items(source=guild.typo, target=guild.right)
    assert (shown.awards, shown.source_prices.awards, shown.target_prices.awards) == (1, 1, 1)
    guild.merge()
    prices = selectors.price_reference(item=guild.right)
    assert (prices.awards, str(prices.minimum), str(prices.median), str(prices.maximum)) == (
        2,
        "20.00",
        "30.00",
        "40.00",
    )
    assert names_of(guild.right) == ["Cloak of Flames", "Clok of Flames"]  # each keeps the name it was made under
    assert build.balance(guild.aeli, guild.pool) == before
    assert AuditEvent.objects.get(action="loot.merge_items").data["moved"] == {"awards": 1, "auctions": 0}
    assert verify() == []


def test_the_old_name_and_the_old_id_find_the_item_that_stays(guild: Guild) -> None:
    guild.merge()
    assert selectors.find_item("clok  of flames") == guild.right
    assert selectors.item_by_id(guild.typo.pk) == guild.right
    assert selectors.suggest_items(["Clok of Flame"]) == {"Clok of Flame": ["Cloak of Flames"]}
    assert selectors.items_like("clok") == ["Cloak of Flames"]
    assert list(selectors.items_list(search="clok")) == [guild.right]
    assert list(selectors.items()) == [guild.right]
    assert selectors.former_names(guild.right) == ["Clok of Flames"]
    assert guild.award("Clok of Flames", 1).item == guild.right
    award = NewAward(item=guild.typo, character_name="Aeli", raid=guild.raid, points_spent=1)
    assert award_item(award=award, actor=None).item == guild.right  # read before the merge
    assert start_session(session=NewSession(item=guild.typo), actor=None).item == guild.right
    assert start_session(session=NewSession(item_name="Clok of Flames"), actor=None).item == guild.right
    assert Item.objects.count() == 2
    assert verify() == []


def test_an_import_finds_the_item_by_its_old_name(guild: Guild) -> None:
    guild.merge()
    now = guild.raid.started_at
    past = [
        PastAward(item_name=name, user_id=guild.aeli.pk, pool_ids=[guild.pool.pk], points_spent=1, awarded_at=now)  # type: ignore[arg-type]
        for name in ("Clok of Flames", "Cloak of Flames", "Something New")
    ]
    made = record_past_awards(awards=past, actor=None)
    assert [row.item_id == guild.right.pk for row in made] == [True, True, False]


def test_details_and_planned_loot_follow(guild: Guild) -> None:
    group = ItemPool.objects.create(name="Velious drops")
    services.update_item(item=guild.typo, actor=None, category="cloak", game_id="5405", item_pool=group)
    services.update_item(item=guild.right, actor=None, category="back")
    boss = EventBoss.objects.create(
        event=guild.raid.event, name="Nagafen", loot=["Clok of Flames", "Cloak of Flames", "Eye"]
    )
    other = EventBoss.objects.create(event=guild.raid.event, name="Vox", loot=["clok of flames"], position=1)
    batch = guild.merge()
    for row in (boss, other, guild.right):
        row.refresh_from_db()
    assert (boss.loot, other.loot) == (["Cloak of Flames", "Eye"], ["Cloak of Flames"])
    assert (guild.right.category, guild.right.game_id, guild.right.item_pool) == ("back", "5405", group)
    services.update_item(item=guild.right, actor=None, game_id="77")
    other.loot = ["Nothing"]
    other.save()
    done = undo(batch)
    assert [(row.label, row.note) for row in done.left] == [
        ("Vox", "the plan was changed since"), ("its game id", "was changed since")
    ]  # fmt: skip
    for row in (boss, other, guild.right):
        row.refresh_from_db()
    assert (boss.loot, other.loot) == (["Clok of Flames", "Cloak of Flames", "Eye"], ["Nothing"])
    assert (guild.right.game_id, guild.right.item_pool) == ("77", None)


def test_an_auction_follows_also_while_it_runs(guild: Guild) -> None:
    running = start_session(session=NewSession(item=guild.typo), actor=guild.officer)
    assert preview_merge_items(source=guild.typo, target=guild.right).followers == {"auctions": 1}
    guild.merge()
    running.refresh_from_db()
    assert (running.item, running.item_name) == (guild.right, "Clok of Flames")


def test_undoing_gives_back_what_was_its_own_and_what_came_of_it(guild: Guild) -> None:
    mine = start_session(session=NewSession(item=guild.typo), actor=guild.officer)
    theirs = start_session(session=NewSession(item=guild.right), actor=guild.officer)
    moved = LootDistribution.objects.get(item=guild.typo)
    batch = guild.merge()
    since = guild.award("Clok of Flames", 5)  # of the item that stays, whatever it was called
    moved.refresh_from_db()
    once = correct_award(award=moved, points_spent="21", reason="heard wrong", actor=None)
    twice = correct_award(award=once, points_spent="22", reason="heard wrong again", actor=None)
    elsewhere = correct_award(
        award=guild.award("Clok of Flames", 6), item_name="Eye", reason="another item", actor=None
    )
    for session in (mine, theirs):
        close_session(session_id=session.pk, actor=guild.officer)
    won = [
        award_session(session_id=one.pk, winner=guild.aeli, amount="7", actor=guild.officer)[0]
        for one in (mine, theirs)
    ]
    assert [row.item for row in won] == [guild.right, guild.right]
    undo(batch)
    back = LootDistribution.objects.filter(item=guild.typo).order_by("pk")
    assert list(back) == [moved, once, twice, won[0]]
    for row in (since, elsewhere, won[1]):
        row.refresh_from_db()
    assert (since.item, elsewhere.item.name, won[1].item) == (guild.right, "Eye", guild.right)
    assert [BidSession.objects.get(pk=one.pk).item for one in (mine, theirs)] == [guild.typo, guild.right]
    assert selectors.find_item("Clok of Flames") == guild.typo
    assert guild.award("Clok of Flames", 1).item == guild.typo
    assert verify() == []
    with pytest.raises(Conflict) as refusal:
        undo(batch)
    assert refusal.value.code == "already_reversed"


def test_what_was_built_on_a_merge_is_undone_first(guild: Guild) -> None:
    third = guild.award("Flaming Cloak", 9).item
    first = guild.merge()
    guild.right.refresh_from_db()
    second = merge_items(source=guild.right, target=third, actor=None)
    assert selectors.item_by_id(guild.typo.pk) == third  # one step
    assert len(names_of(third)) == 3
    view = batches.preview_undo_batch(batch=first)
    assert not view.can_undo
    assert view.state == "standing"
    assert view.why_not == "Cloak of Flames was merged into Flaming Cloak since. Undo that merge first."
    with pytest.raises(Conflict) as refusal:
        undo(first)
    assert refusal.value.code == "cannot_be_undone"
    undo(second)
    undo(first)
    assert [names_of(item) for item in (guild.typo, guild.right, third)] == [
        ["Clok of Flames"], ["Cloak of Flames"], ["Flaming Cloak"]
    ]  # fmt: skip
    assert verify() == []


def test_a_merge_of_another_item_into_it_does_not_hinder(guild: Guild) -> None:
    third = guild.award("Cloak of Flame", 9).item
    first = guild.merge()
    second = merge_items(source=third, target=guild.right, actor=None)
    undo(first)
    assert names_of(guild.right) == ["Cloak of Flames", "Cloak of Flame"]
    undo(second)
    assert names_of(third) == ["Cloak of Flame"]


def test_what_is_refused(guild: Guild) -> None:
    with pytest.raises(BadInput) as same:
        merge_items(source=guild.typo, target=guild.typo, actor=None)
    assert same.value.code == "same_item"
    guild.merge()
    third = create_item(name="Flaming Cloak", actor=None)
    for source, target in ((guild.typo, third), (third, guild.typo)):
        with pytest.raises(Conflict) as merged:
            merge_items(source=source, target=target, actor=None)
        assert (merged.value.code, merged.value.figures["item_id"]) == ("item_merged", guild.right.pk)
    for change in (
        lambda: services.update_item(item=guild.typo, actor=None, name="X"),
        lambda: services.delete_item(item=guild.typo, actor=None),
    ):
        with pytest.raises(Conflict) as refusal:
            change()
        assert refusal.value.code == "item_merged"
    with pytest.raises(Conflict) as taken:
        create_item(name="Clok of Flames", actor=None)
    assert taken.value.code == "name_taken"
    empty = create_item(name="Flming Cloak", actor=None)
    merge_items(source=empty, target=third, actor=None)
    with pytest.raises(Conflict) as used:
        services.delete_item(item=third, actor=None)
    assert used.value.code == "item_in_use"


def test_what_was_previewed_is_what_is_done(guild: Guild) -> None:
    shown = preview_merge_items(source=guild.typo, target=guild.right)
    guild.award("Clok of Flames", 3)
    with pytest.raises(PreviewChanged):
        merge_items(source=guild.typo, target=guild.right, actor=None, digest=shown.digest)
    assert selectors.find_item("Clok of Flames") == guild.typo
    again = preview_merge_items(source=guild.typo, target=guild.right)
    merge_items(source=guild.typo, target=guild.right, actor=None, digest=again.digest)


def test_the_books_name_what_was_left_with_a_merged_item(guild: Guild) -> None:
    session = start_session(session=NewSession(item=guild.right), actor=None)
    guild.merge()
    award = LootDistribution.objects.filter(item=guild.right).first()
    assert award is not None
    LootDistribution.objects.filter(pk=award.pk).update(item=guild.typo)
    BidSession.objects.filter(pk=session.pk).update(item=guild.typo)
    assert {found.check for found in verify()} == {"item of an award", "item of an auction"}
    LootDistribution.objects.filter(pk=award.pk).update(item=guild.right)
    BidSession.objects.filter(pk=session.pk).update(item=guild.right)


def test_the_api_previews_merges_and_undoes(guild: Guild) -> None:
    client = APIClient()
    client.force_authenticate(guild.officer)
    path = f"/api/items/{guild.right.pk}/merge/"
    shown = client.post(path, {"source_item_id": guild.typo.pk, "preview": True}, format="json").json()
    assert (shown["merged"], shown["awards"], shown["source_prices"]["median"]) == (False, 1, "20.00")
    assert names_of(guild.typo) == ["Clok of Flames"]
    done = client.post(path, {"source_item_id": guild.typo.pk, "digest": shown["digest"]}, format="json").json()
    assert done["merged"]
    assert client.get(f"/api/items/{guild.typo.pk}/").json()["id"] == guild.right.pk
    assert len(client.get(f"/api/loot/?item_id={guild.typo.pk}").json()["results"]) == 2
    changed = client.patch(f"/api/items/{guild.typo.pk}/", {"category": "cloak"}, format="json")
    assert (changed.status_code, changed.json()["errors"][0]["code"]) == (409, "item_merged")
    both = {"item_id": guild.typo.pk, "item_name": "Cloak of Flames", "character_name": "Aeli", "points_spent": "1"}
    assert client.post(f"/api/raids/{guild.raid.pk}/loot/", both, format="json").status_code == 201
    undone = client.post(f"/api/batches/{done['batch_id']}/undo/", {"reason": "they are two"}, format="json")
    assert undone.status_code == 200
    assert client.get(f"/api/items/{guild.typo.pk}/").json()["name"] == "Clok of Flames"
