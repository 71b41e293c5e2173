"""Officers bring a guild over on a page; the worker does the work."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import F
from django.test import Client

from guildhall.accounts.models import RoleGroup, User
from guildhall.core import clock, jobs, leases
from guildhall.core.models import Batch, QueuedJob
from guildhall.eqdkp import running, services
from guildhall.eqdkp.importer.context import Context, touch
from guildhall.eqdkp.models import ImportRun, LegacyProblem
from guildhall.points.models import LedgerEntry
from guildhall.roster.models import Character

from . import legacy_data
from .importing import bring, equal
from .legacy_data import needs_oracle
from .maker import sample_guild

pytestmark = pytest.mark.django_db
PAGE = "/officers/eqdkp/"


@pytest.fixture
def officer(client: Client, settings: Any, tmp_path: Path) -> Client:
    settings.VAR_DIR = tmp_path
    user = User.objects.create_user("boss", password="x", display_name="Boss", role_group=RoleGroup.OFFICER)
    client.force_login(user)
    return client


def upload(client: Client, content: bytes, name: str = "guild.sql") -> ImportRun:
    response = client.post(
        PAGE, {"form": "upload", "once": name + str(len(content)), "files": SimpleUploadedFile(name, content)}
    )
    assert response.status_code == 302, response.content.decode()[:2000]
    jobs.run_queued()
    return ImportRun.objects.get()


def seen(officer: Client, run: ImportRun) -> str:
    """The digest of the dry run that the page shows."""
    found = re.search(r'name="digest" value="([^"]+)"', officer.get(f"{PAGE}{run.pk}/").content.decode())
    assert found
    return found.group(1)


def test_an_import_starts_as_its_dry_run_was_seen(officer: Client) -> None:
    run = upload(officer, sample_guild().sql())
    digest = seen(officer, run)
    ImportRun.objects.filter(pk=run.pk).update(report={**run.report, "explained": 1})  # checked again meanwhile
    for sent in ({}, {"digest": digest}):
        response = officer.post(f"{PAGE}{run.pk}/", {"form": "start", "once": "a", **sent})
        assert response.status_code == 409
    run.refresh_from_db()
    assert run.state == ImportRun.State.CHECKED


def test_an_import_is_a_batch_and_undone_as_one(officer: Client) -> None:
    run = upload(officer, sample_guild().sql())
    assert not Batch.objects.exists()
    officer.post(f"{PAGE}{run.pk}/", {"form": "start", "once": "a", "digest": seen(officer, run)})
    jobs.run_queued()
    path = f"/batches/{run.pk}/"
    digest = officer.get(path).context["view"].digest
    officer.post(path, {"form": "undo", "once": "b", "reason": "another guild's", "digest": digest})
    jobs.run_queued()
    run.refresh_from_db()
    assert run.state == ImportRun.State.UNDONE
    batch = Batch.objects.get(pk=run.pk)
    assert (batch.undone_at is not None, batch.undo_reason) == (True, "another guild's")
    assert officer.get(path).context["view"].state == "undone"


def test_upload_look_import_and_take_back(officer: Client, tmp_path: Path) -> None:
    run = upload(officer, sample_guild().sql())
    assert run.state == ImportRun.State.CHECKED
    assert not LedgerEntry.objects.exists()
    page = officer.get(f"{PAGE}{run.pk}/").content.decode()
    assert "8 compared: 8 equal, 0 different with a cause, 0 without." in page
    assert "Import it" in page
    start = {"form": "start", "once": "a", "digest": seen(officer, run)}
    assert officer.post(f"{PAGE}{run.pk}/", start).status_code == 302
    jobs.run_queued()
    run.refresh_from_db()
    assert run.state == ImportRun.State.DONE
    assert Character.objects.filter(name="Árni").exists()
    assert not list((tmp_path / "eqdkp-uploads").iterdir())
    assert "Take this import back" in officer.get(f"{PAGE}{run.pk}/").content.decode()
    assert officer.post(f"{PAGE}{run.pk}/", {"form": "undo", "once": "b"}).status_code == 302
    jobs.run_queued()
    run.refresh_from_db()
    assert run.state == ImportRun.State.UNDONE
    assert "movements reversed" in officer.get(f"{PAGE}{run.pk}/").content.decode()
    assert "undone" in officer.get(PAGE).content.decode()


def test_a_bad_file_is_refused_in_words(officer: Client) -> None:
    run = upload(officer, sample_guild().sql()[:-120])
    assert run.state == ImportRun.State.FAILED
    assert "cut off" in officer.get(f"{PAGE}{run.pk}/").content.decode()
    response = officer.post(f"{PAGE}{run.pk}/", {"form": "start", "once": "c"})
    jobs.run_queued()
    assert response.status_code in (302, 409)
    assert not LedgerEntry.objects.exists()


def test_an_upload_without_a_file_is_refused(officer: Client) -> None:
    response = officer.post(PAGE, {"form": "upload", "once": "d"})
    assert response.status_code == 400
    assert "Choose the dump" in response.content.decode()


def test_the_page_is_for_officers(client: Client) -> None:
    assert client.get(PAGE).status_code == 302
    client.force_login(User.objects.create_user("member", password="x", role_group=RoleGroup.MEMBER))
    assert client.get(PAGE).status_code == 403


def test_odd_rows_are_shown_to_officers_and_put_away(officer: Client, tmp_path: Path) -> None:
    guild = sample_guild()
    guild.item(4, "Ghost's <Blade>", 99, 5, raid=1, itempool=1)
    bring(guild, tmp_path)
    page = officer.get(f"{PAGE}issues/").content.decode()
    assert "was bought by character 99, which does not exist" in page
    assert "Ghost&#x27;s &lt;Blade&gt;" in page
    assert "2 import issues" in officer.get(PAGE).content.decode()
    problem = LegacyProblem.objects.get(table="items")
    sent = {"form": "close", "once": "x", "problem": problem.pk, "note": "he left years ago"}
    assert officer.post(f"{PAGE}issues/", sent).status_code == 302
    assert "character 99" not in officer.get(f"{PAGE}issues/").content.decode()
    assert "he left years ago" in officer.get(f"{PAGE}issues/?closed=1").content.decode()
    refused = officer.post(f"{PAGE}issues/", {**sent, "once": "y"})
    assert "closed already" in refused.content.decode()


def test_odd_rows_are_for_officers(client: Client) -> None:
    client.force_login(User.objects.create_user("member", password="x", role_group=RoleGroup.MEMBER))
    assert client.get(f"{PAGE}issues/").status_code == 403


def test_two_officers_who_press_at_once_import_once(officer: Client) -> None:
    run = upload(officer, sample_guild().sql())
    start = {"form": "start", "digest": seen(officer, run)}
    answers = [officer.post(f"{PAGE}{run.pk}/", {**start, "once": token}).status_code for token in "ab"]
    assert answers == [302, 409]
    jobs.run_queued()
    run.refresh_from_db()
    assert run.state == ImportRun.State.DONE
    equal(run)


def test_an_import_whose_worker_died_says_so_and_does_not_seem_to_go_on(officer: Client) -> None:
    run = upload(officer, sample_guild().sql())
    ImportRun.objects.filter(pk=run.pk).update(
        state=ImportRun.State.RUNNING, beat_at=clock.now(), settings={**run.settings, "worker": {"job": 0}}
    )
    page = officer.get(f"{PAGE}{run.pk}/").content.decode()
    assert "has stopped" in page
    assert "every 2s" in page  # the worker that takes it up is seen


def test_every_odd_row_of_a_dry_run_can_be_looked_at(officer: Client) -> None:
    guild = sample_guild()
    for member in range(1000, 1230):
        guild.add("raid_attendees", raid_id=1, member_id=member)
    run = upload(officer, guild.sql())
    seen, number = set(), 1
    while True:
        page = officer.get(f"{PAGE}{run.pk}/?page={number}").content.decode()
        assert "231 import issues" in page  # with the account that has two mains
        found = set(re.findall(r"lists character (\d+), which does not exist", page))
        seen |= found
        if f"page={number + 1}" not in page:
            break
        number += 1
    assert len(seen) == 230


@needs_oracle
def test_an_export_whose_figures_do_not_add_up_is_shown_and_not_offered_for_import(officer: Client) -> None:
    points = legacy_data.answer("api_points_items_adjustments.json.gz")
    points["players"]["player:112"]["points"]["multidkp_points:1"]["points_earned"] = "1.23"
    files = [
        SimpleUploadedFile("points.json", json.dumps(points).encode()),
        SimpleUploadedFile("raids.json.gz", legacy_data.path("api_raids.json.gz").read_bytes()),
    ]
    assert officer.post(PAGE, {"form": "upload", "once": "e", "files": files}).status_code == 302
    jobs.run_queued()
    page = officer.get(f"{PAGE}{ImportRun.objects.get().pk}/").content.decode()
    assert "1 without." in page
    assert "character 112 in pool 1: the export says" in page
    assert "Import it" not in page


def start(officer: Client) -> ImportRun:
    """An import that was checked and waits for the worker."""
    run = upload(officer, sample_guild().sql())
    form = {"form": "start", "digest": seen(officer, run), "once": "start"}
    assert officer.post(f"{PAGE}{run.pk}/", form).status_code == 302
    run.refresh_from_db()
    return run


def test_an_import_of_a_worker_is_under_way_as_long_as_its_job_has_its_lease(officer: Client) -> None:
    """Whatever process and host it runs in, and whatever its last sign of life."""
    run = start(officer)
    with clock.frozen(clock.now()) as held:
        job = jobs.claim_queued()
        assert job is not None
        lease = leases.Lease(QueuedJob, job.pk, job.lease_token)
        with leases.holding(lease):
            worker = running.this_worker()
            run.settings = {**run.settings, "worker": worker}
            assert not running.is_alive(run)  # who has the lease now has taken over from whoever had it before
        assert worker == {"job": job.pk}
        assert running.is_alive(run)
        held.advance(leases.duration())
        assert not running.is_alive(run)


def test_an_import_that_lost_its_lease_leaves_its_run_to_the_worker_that_took_it(
    officer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(officer)

    def taken(context: Context) -> None:
        QueuedJob.objects.update(lease_token=F("lease_token") + 1)
        touch(context.run, "raids", 1)

    monkeypatch.setattr(services, "_STEPS", (taken,))
    claimed = jobs.claim_queued()
    assert claimed is not None
    assert jobs.run_claimed(claimed) == "lost"
    run.refresh_from_db()
    assert (run.state, run.error, run.step) == (ImportRun.State.RUNNING, "", "")
