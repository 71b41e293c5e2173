"""What is done as one is listed as one and undone as one: every kind, on the API and the page."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.core import batches, clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.models import AuditEvent, Batch
from guildhall.core.previews import PreviewChanged
from guildhall.points import services as points
from guildhall.points.models import DKPPool, LedgerEntry, PointAdjustment, PointRule
from guildhall.points.selectors import balance_of
from guildhall.raids.models import RaidAttendance, UnmatchedName
from guildhall.raids.parsers import parse_attendance
from guildhall.raids.services import award_attendance, commit_parsed_attendance, create_event, create_raid
from guildhall.roster.models import Character
from guildhall.roster.services import (
    DumpChoices,
    DumpMember,
    apply_guild_dump,
    bulk_set_rank,
    create_character,
    create_rank,
    set_rank,
    update_character,
)

pytestmark = pytest.mark.django_db
NAMES = ("Aelric", "Borin", "Calla")


@pytest.fixture
def officer() -> User:
    return create_person(display_name="Officer", role_group=RoleGroup.OFFICER)


@pytest.fixture
def people(officer: User) -> list[User]:
    found = [create_person(display_name=name) for name in NAMES]
    for person in found:
        create_character(name=str(person), user=person, level=50, character_class="Cleric", actor=officer)
    return found


@pytest.fixture
def pool() -> DKPPool:
    return points.create_pool(name="Velious")


@pytest.fixture
def api(officer: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(officer)
    return client


def adjust(people: list[User], pool: DKPPool, officer: User, amount: str = "10") -> Batch:
    made = points.adjust_points(
        user_ids=[one.pk for one in people], pool=pool, amount=amount, reason="Brought food", actor=officer
    )
    return batches.find(made[0].batch)


def balance(person: User, pool: DKPPool) -> str:
    return str(balance_of(user_id=person.pk, pool=pool).balance)


def test_an_adjustment_of_many_is_undone_in_one_go(people, pool, officer) -> None:
    batch = adjust(people, pool, officer)
    assert (batch.kind, batch.size, batch.title) == ("adjustment", 3, "10.00 in Velious for 3 people")
    done = batches.undo_batch(batch=batch, actor=officer, reason="wrong pool")
    assert [row.label for row in done.standing] == list(NAMES)
    assert {balance(one, pool) for one in people} == {"0.00"}
    assert AuditEvent.objects.filter(action="batches.undo").count() == 1
    with pytest.raises(Conflict) as refused:
        batches.undo_batch(batch=batch, actor=officer, reason="again")
    assert refused.value.code == "already_reversed"
    assert LedgerEntry.objects.count() == 6


def test_what_was_undone_before_is_left_and_named(people, pool, officer) -> None:
    batch = adjust(people, pool, officer)
    first = PointAdjustment.objects.get(user=people[0])
    points.reverse_adjustment(adjustment=first, reason="not there", actor=officer)
    assert batches.preview_undo_batch(batch=batch).state == "partly_undone"
    done = batches.undo_batch(batch=batch, actor=officer, reason="wrong pool")
    assert [(row.label, row.state) for row in done.left] == [("Aelric", "undone")]
    assert len(done.standing) == 2
    assert {balance(one, pool) for one in people} == {"0.00"}


def test_it_is_undone_as_it_was_seen_or_not_at_all(people, pool, officer) -> None:
    batch = adjust(people, pool, officer)
    digest = batches.preview_undo_batch(batch=batch).digest
    points.reverse_adjustment(adjustment=PointAdjustment.objects.first(), reason="x", actor=officer)
    with pytest.raises(PreviewChanged):
        batches.undo_batch(batch=batch, actor=officer, reason="wrong", digest=digest)
    assert Batch.objects.get(pk=batch.pk).undone_at is None


def test_who_undid_it_first_stays_on_the_record(people, pool, officer) -> None:
    batch = adjust(people, pool, officer)
    batches.mark_undone(batch_id=batch.pk, actor=officer, reason="first")
    at = batches.find(batch.pk).undone_at
    batches.mark_undone(batch_id=batch.pk, actor=people[0], reason="second")
    now = batches.find(batch.pk)
    assert (now.undo_reason, now.undone_by, now.undone_at) == ("first", officer, at)


def test_a_reason_is_asked_for(people, pool, officer) -> None:
    with pytest.raises(BadInput):
        batches.undo_batch(batch=adjust(people, pool, officer), actor=officer, reason="  ")


def test_one_person_makes_no_batch(people, pool, officer) -> None:
    points.adjust_points(user_ids=[people[0].pk], pool=pool, amount="1", reason="x", actor=officer)
    assert not Batch.objects.exists()


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_run_is_a_batch_whoever_undoes_it(people, pool, officer, by_itself: bool) -> None:
    adjust(people, pool, officer)
    rule = points.create_rule(name="Bonus", pool=pool, kind=PointRule.Kind.BONUS, amount=5, actor=officer)
    run = points.run_rule(rule=rule, actor=officer)
    batch = batches.find(run.document)
    assert batch.kind == "rule_run"
    if by_itself:
        points.reverse_rule_run(run=run, actor=officer, reason="no")
    else:
        batches.undo_batch(batch=batch, actor=officer, reason="no")
    batch = batches.find(batch.pk)
    assert (batches.preview_undo_batch(batch=batch).state, batch.undone_by) == ("undone", officer)
    run.refresh_from_db()
    assert run.reversed_at is not None
    assert {balance(one, pool) for one in people} == {"10.00"}


@pytest.fixture
def raid(pool, officer):
    event = create_event(name="Siege", pools=[pool], default_points="10", actor=officer)
    return create_raid(event=event, started_at=clock.now() - dt.timedelta(hours=1), actor=officer)


def test_an_upload_is_undone_and_may_then_be_committed_again(people, pool, raid, officer) -> None:
    parse = parse_attendance("\n".join([*NAMES, "Stranger"]))
    first = commit_parsed_attendance(raid=raid, parse=parse, actor=officer)
    assert len(first.awarded) == 3
    batch = Batch.objects.get(kind="attendance")
    done = batches.undo_batch(batch=batch, actor=officer, reason="wrong raid")
    assert {row.label for row in done.standing} == {*NAMES, "Stranger"}
    assert not RaidAttendance.objects.filter(reversed_at=None).exists()
    assert not UnmatchedName.objects.filter(resolution="").exists()
    assert {balance(one, pool) for one in people} == {"0.00"}
    again = commit_parsed_attendance(raid=raid, parse=parse, actor=officer)
    assert (again.is_repeat, len(again.awarded)) == (False, 3)


def test_a_list_that_was_awarded_is_undone_but_for_who_was_taken_off_before(people, pool, raid, officer) -> None:
    award_attendance(raid=raid, attendees=list(NAMES), actor=officer)
    from guildhall.raids.services import remove_attendee

    remove_attendee(attendance=RaidAttendance.objects.get(character_name="Borin"), actor=officer)
    done = batches.undo_batch(batch=Batch.objects.get(), actor=officer, reason="wrong raid")
    assert ([row.label for row in done.standing], [row.label for row in done.left]) == (["Aelric", "Calla"], ["Borin"])


def test_ranks_that_were_changed_again_are_left(people, officer) -> None:
    raider, leader = create_rank(name="Raider", actor=officer), create_rank(name="Leader", actor=officer)
    characters = list(Character.objects.order_by("name"))
    result = bulk_set_rank(
        character_ids=[one.pk for one in characters], rank=raider, actor=officer, reason="Trial passed"
    )
    set_rank(character=characters[0], rank=leader, actor=officer)
    done = batches.undo_batch(batch=batches.find(result.batch), actor=officer, reason="too early")
    assert [(row.label, row.state) for row in done.left] == [("Aelric", "changed")]
    assert {one.name: str(one.rank) for one in Character.objects.all()} == {
        "Aelric": "Leader", "Borin": "None", "Calla": "None"
    }  # fmt: skip


def test_ranks_are_undone_with_the_reason_and_each_row_says_from_what_to_what(api, people, officer) -> None:
    raider, trial = create_rank(name="Raider", actor=officer), create_rank(name="Trial", actor=officer)
    first = Character.objects.order_by("name")[0]
    set_rank(character=first, rank=trial, actor=officer)
    result = bulk_set_rank(character_ids=[one.pk for one in Character.objects.all()], rank=raider, actor=officer)
    path = f"/api/batches/{result.batch}/"
    shown = [(row["label"], row["what"], row["state"]) for row in api.get(path).data["rows"]]
    assert shown[:2] == [("Aelric", "Trial → Raider", "standing"), ("Borin", "no rank → Raider", "standing")]
    done = api.post(f"{path}undo/", {"reason": "too early"}, format="json").data
    assert (done["undo_reason"], {row["state"] for row in done["undone"]}) == ("too early", {"undone"})
    assert [(row["label"], row["state"], row["note"]) for row in done["rows"]][:2] == [
        ("Aelric", "undone", "is Trial again"), ("Borin", "undone", "is no rank again")
    ]  # fmt: skip
    assert first.rank_changes.first().reason == "undone: too early"
    undoing = Batch.objects.get(kind="rank_change", undone_at=None)
    assert undoing.reason == "undone: too early"
    rows = batches.preview_undo_batch(batch=undoing).rows
    assert [(row.label, row.what) for row in rows][:2] == [("Aelric", "Raider → Trial"), ("Borin", "Raider → no rank")]
    first.refresh_from_db()
    set_rank(character=first, rank=raider, actor=officer)
    again = api.get(path).data["rows"][0]
    assert (again["label"], again["state"], again["note"]) == ("Aelric", "changed", "is so again, by a later change")


@pytest.mark.parametrize("reason", ["", "too early"])
def test_the_older_undo_of_ranks_keeps_its_reason_too(api, people, officer, reason: str) -> None:
    raider = create_rank(name="Raider", actor=officer)
    result = bulk_set_rank(character_ids=[Character.objects.first().pk], rank=raider, actor=officer)
    body = {"undo": str(result.batch), "reason": reason} if reason else {"undo": str(result.batch)}
    assert api.post("/api/admin/bulk-rank-update/", body, format="json").status_code == 200
    assert batches.find(result.batch).undo_reason == (reason or "undone")


@pytest.mark.parametrize("kind", ["adjustment", "rank_change", "attendance"])
def test_what_an_undo_undid_is_said_to_be_undone(api, people, pool, raid, officer, kind: str) -> None:
    if kind == "adjustment":
        adjust(people, pool, officer)
    elif kind == "rank_change":
        rank = create_rank(name="Raider", actor=officer)
        bulk_set_rank(character_ids=[one.pk for one in Character.objects.all()], rank=rank, actor=officer)
    else:
        award_attendance(raid=raid, attendees=list(NAMES), actor=officer)
    batch = Batch.objects.get(kind=kind)
    done = api.post(f"/api/batches/{batch.pk}/undo/", {"reason": "wrong"}, format="json").data
    assert [(row["label"], row["state"]) for row in done["undone"]] == [(name, "undone") for name in NAMES]
    assert {row["state"] for row in done["rows"]} == {"undone"}
    assert done["undo_reason"] == "wrong"


def test_a_guild_dump_is_undone_but_for_what_was_changed_since(people, officer) -> None:
    members = [
        DumpMember("Aelric", 60, "Cleric", "Raider"), DumpMember("Borin", 60, "Cleric", ""),
        DumpMember("Newling", 12, "Monk", "Raider"),
    ]  # fmt: skip
    apply_guild_dump(
        members=members,
        is_partial=False,
        choices=DumpChoices(make_ranks=True, remove_missing=True),
        actor=officer,
    )
    update_character(character=Character.objects.get(name="Borin"), level=61, actor=officer)
    done = batches.undo_batch(batch=Batch.objects.get(), actor=officer, reason="another guild's")
    assert {row.label for row in done.standing} == {"Aelric", "Calla", "Newling"}
    assert [(row.label, row.note) for row in done.left] == [("Borin", "was changed again since")]
    now = {one.name: (one.level, one.status, str(one.rank)) for one in Character.objects.all()}
    assert now["Aelric"] == (50, "active", "None")
    assert now["Borin"][0] == 61
    assert now["Calla"][1] == "active"
    assert now["Newling"][1] == "removed"


def test_a_merge_is_listed_and_says_why_it_cannot_be_undone(api, people, officer) -> None:
    points.merge_people(source=people[0], target=people[1], actor=officer, reason="told us")
    row = api.get("/api/batches/").data["results"][0]
    assert row["kind"] == "merge"
    assert "cannot be undone, because" in row["cannot_be_undone"]
    browser = Client()
    browser.force_login(officer)
    listed = browser.get("/batches/").content.decode()
    assert "A merge cannot be undone, because" in listed
    assert ">stands<" not in listed
    page = browser.get(f"/batches/{row['id']}/").content.decode()
    assert "A merge cannot be undone, because" in page
    assert '<button class="danger"' not in page
    detail = api.get(f"/api/batches/{row['id']}/").data
    assert detail["can_undo"] is False
    assert "cannot be undone" in detail["why_not"]
    refused = api.post(f"/api/batches/{row['id']}/undo/", {"reason": "x"}, format="json")
    assert (refused.status_code, refused.data["errors"][0]["code"]) == (409, "cannot_be_undone")


def test_the_api_lists_shows_and_undoes(api, people, pool, officer) -> None:
    batch = adjust(people, pool, officer)
    listed = api.get("/api/batches/", {"kind": "adjustment"}).data["results"]
    assert [(row["id"], row["size"], row["is_undone"]) for row in listed] == [(str(batch.pk), 3, False)]
    path = f"/api/batches/{batch.pk}/"
    seen = api.get(path).data
    assert [row["label"] for row in seen["rows"]] == list(NAMES)
    body = {"reason": "wrong pool", "digest": "not.this"}
    refused = api.post(f"{path}undo/", body, format="json")
    assert refused.data["errors"][0]["figures"]["preview"]["digest"] == seen["digest"]
    for _ in range(2):  # with an Idempotency-Key it is done once and answered twice
        done = api.post(
            f"{path}undo/", {**body, "digest": seen["digest"]}, format="json", headers={"Idempotency-Key": "undo-1"}
        )
        assert done.status_code == 200, done.data
        assert (done.data["state"], len(done.data["undone"]), done.data["left"]) == ("undone", 3, [])
    assert LedgerEntry.objects.count() == 6
    assert api.get("/api/batches/", {"is_undone": "true"}).data["count"] == 1


@pytest.mark.parametrize("role", ["member", "applicant", "guest"])
def test_members_see_nothing_of_it(people, pool, officer, role: str) -> None:
    batch = adjust(people, pool, officer)
    stranger = create_person(display_name=role, role_group=RoleGroup(role))
    client = APIClient()
    client.force_authenticate(stranger)
    browser = Client()
    browser.force_login(stranger)
    for path in ("", f"{batch.pk}/"):
        assert client.get(f"/api/batches/{path}").status_code == 403
        assert browser.get(f"/batches/{path}").status_code == 403
    assert client.post(f"/api/batches/{batch.pk}/undo/", {"reason": "x"}, format="json").status_code == 403


def test_who_keeps_the_roster_alone_undoes_no_points(people, pool, officer) -> None:
    from guildhall.accounts.services import create_api_key

    batch = adjust(people, pool, officer)
    raider = create_rank(name="Raider", actor=officer)
    bulk_set_rank(character_ids=[Character.objects.first().pk], rank=raider, actor=officer)
    _, key = create_api_key(user=officer, name="roster", scopes=["roster:write"], actor=officer)
    client = APIClient(headers={"Authorization": f"Bearer {key}"})
    assert [row["kind"] for row in client.get("/api/batches/").data["results"]] == ["rank_change"]
    assert client.get(f"/api/batches/{batch.pk}/").status_code == 403
    assert client.post(f"/api/batches/{batch.pk}/undo/", {"reason": "x"}, format="json").status_code == 403


def test_there_is_no_such_batch(api) -> None:
    assert api.get(f"/api/batches/{uuid.uuid4()}/").status_code == 404
    assert api.post(f"/api/batches/{uuid.uuid4()}/undo/", {"reason": "x"}, format="json").status_code == 404


def test_the_page_undoes_what_it_shows(people, pool, officer) -> None:
    batch = adjust(people, pool, officer)
    client = Client()
    client.force_login(officer)
    assert batch.title in client.get("/batches/").content.decode()
    path = f"/batches/{batch.pk}/"
    form = {"form": "undo", "once": "k", "reason": "wrong pool"}
    assert client.post(path, form).status_code == 409
    page = client.get(path)
    assert "cannot be undone" not in page.content.decode()
    view = page.context["view"]
    points.reverse_adjustment(adjustment=PointAdjustment.objects.get(user=people[0]), reason="x", actor=officer)
    shown = client.post(path, {**form, "digest": view.digest, "shown": "{}"})
    assert shown.status_code == 409
    done = client.post(path, {**form, "digest": shown.context["view"].digest}, follow=True)
    assert "Undone: 2. 1 left as they are" in done.content.decode()
    assert {balance(one, pool) for one in people} == {"0.00"}
