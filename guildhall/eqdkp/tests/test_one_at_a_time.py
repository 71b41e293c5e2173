"""One import at a time: a second one is refused in words, and what was interrupted is taken up, never shut out."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import InterfaceError, connection, connections
from django.db.models import F

from guildhall.core import clock, leases
from guildhall.core.errors import Conflict
from guildhall.eqdkp import running, services
from guildhall.eqdkp.importer.context import Context
from guildhall.eqdkp.legacy.dump import read_dump
from guildhall.eqdkp.models import ImportRun, LegacyProblem
from guildhall.eqdkp.undo import undo_import
from guildhall.points.models import LedgerEntry

from .importing import bring, equal
from .maker import sample_guild


@pytest.mark.django_db
def test_a_second_import_is_refused_while_one_runs(tmp_path: Path) -> None:
    refused: list[str] = []

    def meanwhile(step: str, done: int, total: int) -> None:
        if step == "raids":
            with pytest.raises(Conflict) as raised:
                bring(sample_guild(), tmp_path)
            refused.append(raised.value.detail)
            with pytest.raises(Conflict, match="An import is running"):
                undo_import(run=ImportRun.objects.get())

    equal(bring(sample_guild(), tmp_path, beat=meanwhile))
    (words,) = refused
    assert words.startswith("Another import is running (dump file guild.sql, at ")
    assert words.endswith("Wait until it is done.")


@pytest.mark.django_db(transaction=True)
def test_of_two_that_start_at_once_one_runs(tmp_path: Path) -> None:
    """Both look at the same moment; without the lock both would find nobody there."""
    path = sample_guild().write(tmp_path / "guild.sql")
    together, outcomes = threading.Barrier(2), []
    begun = threading.Event()

    def start() -> None:
        try:
            with read_dump(path) as snapshot:
                together.wait(timeout=20)
                _, lease = services.begin(snapshot=snapshot, commit=True)
                begun.wait(timeout=1)  # it goes on working while the other one asks
                assert lease is not None
                lease.release()
                outcomes.append("runs")
        except Conflict as error:
            begun.set()
            outcomes.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(outcomes) == ["import_running", "runs"]


@pytest.mark.django_db
def test_an_import_that_was_killed_is_taken_up_once_its_lease_has_run_out(tmp_path: Path) -> None:
    with clock.frozen(clock.now()) as held:
        with read_dump(sample_guild().write(tmp_path / "guild.sql")) as snapshot:
            killed, lease = services.begin(snapshot=snapshot, commit=True)
        assert lease is not None
        held.advance(leases.duration() - dt.timedelta(seconds=1))
        with pytest.raises(Conflict, match="Another import is running"):
            bring(sample_guild(), tmp_path)
        assert not running.is_interrupted(killed)
        held.advance(dt.timedelta(seconds=1))
        assert running.is_interrupted(killed)
        run = bring(sample_guild(), tmp_path)
    equal(run)
    assert run.pk == killed.pk
    assert not lease.renew()


@pytest.mark.django_db(transaction=True)
def test_an_import_that_was_taken_over_stops_and_writes_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(sample_guild().write(tmp_path / "guild.sql"))

    def taken(context: Context) -> None:
        ImportRun.objects.update(lease_token=F("lease_token") + 1, state=ImportRun.State.RUNNING)
        context.batch(lambda: context.problem("raids", 1, "no_date", "never written"))

    monkeypatch.setattr(services, "_STEPS", (taken,))
    with pytest.raises(CommandError, match="another one has taken the import over") as raised:
        call_command("import_eqdkp", path, "--commit", "--no-progress")
    assert raised.value.returncode == 3
    assert not LegacyProblem.objects.exists()
    assert ImportRun.objects.get().state == ImportRun.State.RUNNING


@pytest.mark.django_db
def test_a_command_waits_for_a_lease_that_nobody_renews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with clock.frozen(clock.now()) as held:
        with read_dump(sample_guild().write(tmp_path / "guild.sql")) as snapshot:
            _, lease = services.begin(snapshot=snapshot, commit=True)
        assert lease is not None
        monkeypatch.setattr("guildhall.eqdkp.running.time.sleep", lambda _: held.advance(dt.timedelta(seconds=10)))
        told: list[str] = []
        running.wait_for_killed(told.append)
        assert running.busy() is None
        assert "was killed a moment ago. Waiting for up to 60 s" in told[0]
        running.wait_for_killed(told.append)  # nothing to wait for
        assert len(told) == 1

        again = leases.acquire(ImportRun.objects.get())
        assert again is not None
        began = clock.now()

        def meanwhile(_: float) -> None:
            held.advance(dt.timedelta(seconds=10))
            again.renew()

        monkeypatch.setattr("guildhall.eqdkp.running.time.sleep", meanwhile)
        running.wait_for_killed(told.append)
        assert running.busy() is not None
        assert clock.now() - began == dt.timedelta(seconds=10)


@pytest.mark.django_db
def test_an_import_waits_for_an_undo_that_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = bring(sample_guild(), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("guildhall.eqdkp.undo.removing.Removal._raids", lambda self, kind, records: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            undo_import(run=run)
    with pytest.raises(Conflict, match="was interrupted. Finish that first") as raised:
        bring(sample_guild(), tmp_path)
    assert raised.value.code == "undo_interrupted"
    call_command("import_eqdkp", "--undo", "last", "--no-progress")
    assert "Taken back" in capsys.readouterr().out
    equal(bring(sample_guild(), tmp_path))


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_said_in_words_and_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(sample_guild().write(tmp_path / "guild.sql"))

    def lost(*_: Any) -> None:
        connection.close()
        raise InterfaceError("connection already closed")

    with monkeypatch.context() as patch:
        patch.setattr(services, "_STEPS", (*services._STEPS[:6], lost))
        with pytest.raises(CommandError, match="run the same command again and it goes on") as raised:
            call_command("import_eqdkp", path, "--commit", "--no-progress")
    assert raised.value.returncode == 3
    assert "connection to the database was lost" in ImportRun.objects.get().error
    call_command("import_eqdkp", path, "--commit", "--no-progress")
    run = ImportRun.objects.get()
    equal(run)
    assert run.state == ImportRun.State.DONE
    assert LedgerEntry.objects.exists()


@pytest.mark.django_db
def test_only_the_newest_import_is_taken_up(tmp_path: Path) -> None:
    guild = sample_guild()
    first = bring(guild, tmp_path)
    ImportRun.objects.filter(pk=first.pk).update(state=ImportRun.State.FAILED)
    newer = sample_guild()
    newer.raid(7, 1, 5.5, [1])
    second = bring(newer, tmp_path)
    third = bring(guild, tmp_path)  # the first dump again: an import of its own, which takes raid 7 away
    assert len({first.pk, second.pk, third.pk}) == 3
    equal(third)
    undo_import(run=third)
    undo_import(run=second)
    equal(bring(guild, tmp_path))
