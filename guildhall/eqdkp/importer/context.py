"""What every step of an import shares: the run, the records of what is there already, the counts, the problems."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from guildhall.accounts.models import User
from guildhall.core import clock, leases
from guildhall.core.bulk import bulk_rows
from guildhall.core.money import ZERO
from guildhall.core.transactions import run_in_transaction
from guildhall.eqdkp.legacy.snapshot import Snapshot
from guildhall.eqdkp.models import ImportRun, LegacyChange, LegacyProblem, LegacyRecord
from guildhall.points.history import HistoryRow
from guildhall.points.ledger import unreversed_entries

from .difference import Known

Kind = LegacyRecord.Kind
MAX_INTEGER = 2_147_483_647
"""The most that an ordinary whole number may be on every database; the old one's unsigned columns hold twice that."""
REASON = "changed in EQdkp Plus"
"""What a reversal says that an import made."""
UNDO_REASON = "EQdkp import taken back"
"""What a reversal says that taking an import back made. Every other reversal was decided by people here."""
#: What every import looks at anew, whether or not the row changed.
_ALWAYS_SEEN = {
    *(("members", code) for code in (
        "main_missing", "main_is_twink", "several_accounts", "duplicate_name", "no_name", "rank_missing",
    )),
    *(("member_user", code) for code in ("member_missing", "user_missing", "several_mains")),
    ("multidkp2event", "dangling_link"), ("multidkp2itempool", "dangling_link"), ("raid_attendees", "raid_missing"),
}  # fmt: skip
Beat = Callable[[str, int, int], None]
"""``beat(step, rows done, rows in all)``: a sign of life, for the progress bar."""


def fingerprint(*parts: object) -> str:
    """Return a short fingerprint of a legacy row as it was brought; equal exactly when nothing changed."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()


@dataclass(slots=True)
class Counts:
    """What became of the rows of one table."""

    read: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    held: int = 0
    gone: int = 0

    def as_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("read", "new", "changed", "same", "held", "gone")}


@dataclass
class Context:
    """One import under way.

    Attributes:
        commit: False for a dry run: everything is decided and counted, nothing but the run itself is written.
        mains: the person (its key) that every member belongs to, settled by the step that brings people.
        event_pools, itempool_pools: the pools in which each event and item pool counts, by its links.
        events, itempools: those that exist.
    """

    run: ImportRun
    snapshot: Snapshot
    commit: bool
    actor: User | None = None
    beat: Beat | None = None
    counts: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    problems: list[LegacyProblem] = field(default_factory=list)
    mains: dict[int, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    event_pools: dict[int, list[int]] = field(default_factory=dict)
    itempool_pools: dict[int, list[int]] = field(default_factory=dict)
    events: set[int] = field(default_factory=set)
    itempools: set[int] = field(default_factory=set)
    game: str = "eq"
    simulated: dict[tuple[int, int, str], Decimal] = field(default_factory=lambda: defaultdict(lambda: ZERO))
    _dry: dict[str, dict[int, Known]] = field(default_factory=lambda: defaultdict(dict))
    _maps: dict[str, dict[int, Known]] = field(default_factory=dict)
    _new_records: list[tuple[str, int, int | None, str, bool, str, dict[str, object]]] = field(default_factory=list)
    _raised: set[tuple[str, str, str]] = field(default_factory=set)
    _open: dict[str, set[str]] | None = None
    _looked: set[tuple[str, str]] = field(default_factory=set)
    _problem_count: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _fake: Iterator[int] = field(default_factory=lambda: itertools.count(-1, -1))
    _done: int = 0

    @property
    def source(self) -> str:
        return self.run.source

    # -- records ---------------------------------------------------------------------------------------------------
    def known(self, kind: str) -> dict[int, Known]:
        """Return all records of a small kind (people, pools, events), by legacy id; kept up to date by `remember`."""
        found = self._maps.get(kind)
        if found is None:
            found = self._maps[kind] = self._load(LegacyRecord.objects.filter(source=self.source, kind=kind))
        return found

    def lookup(self, kind: str, ids: Iterable[int]) -> dict[int, Known]:
        """Return the records of a few rows of a large kind."""
        wanted = list(ids)
        found = self._load(LegacyRecord.objects.filter(source=self.source, kind=kind, legacy_id__in=wanted))
        if not self.commit:
            dry = self._dry[kind]
            found.update({legacy_id: dry[legacy_id] for legacy_id in wanted if legacy_id in dry})
        return found

    def live_ids(self, kind: str) -> list[int]:
        """Return the ids of the rows of a kind that the old system had when they were last looked at."""
        if kind in self._maps:
            return [legacy_id for legacy_id, record in self._maps[kind].items() if record.live]
        live = LegacyRecord.objects.filter(source=self.source, kind=kind, state=LegacyRecord.State.LIVE)
        return list(live.values_list("legacy_id", flat=True).iterator())

    @staticmethod
    def _load(rows: QuerySet[LegacyRecord]) -> dict[int, Known]:
        names = ("legacy_id", "pk", "object_id", "content", "state", "created")
        return {row[0]: Known(*row[1:]) for row in rows.values_list(*names).iterator(chunk_size=5000)}

    def object_id(self, kind: str, legacy_id: int) -> int | None:
        """Return the row of ours that a legacy row of a small kind became; None where it was not brought."""
        found = self.known(kind).get(legacy_id)
        return found.object_id if found is not None and found.live else None

    def pools_here(self, pools: Iterable[int]) -> list[int]:
        """Return our pools for pools of the old system, without those that were not brought."""
        return [found for found in (self.object_id(Kind.POOL, pool) for pool in pools) if found is not None]

    def person_of(self, member: int) -> int | None:
        """Return the person whose points a character's are; None for a character that does not exist."""
        main = self.mains.get(member)
        return self.object_id(Kind.PERSON, main) if main is not None else None

    def remember(
        self,
        kind: str,
        legacy_id: int,
        object_id: int | None,
        content: str,
        *,
        created: bool = True,
        state: str = LegacyRecord.State.LIVE,
        before: Known | None = None,
        data: Mapping[str, object] | None = None,
        same_row: bool = False,
    ) -> None:
        """Note that a legacy row is a row of ours now; written with the batch (`flush`).

        ``before`` is the record that exists already, if any. ``same_row``: it names the row that it always named, which
        is still the earlier import's.
        """
        if kind in self._maps:
            self._maps[kind][legacy_id] = Known(before.pk if before else None, object_id, content, state, created)
        if not self.commit:
            if kind == Kind.RAID:  # items and adjustments ask for their raids
                self._dry[kind][legacy_id] = Known(before.pk if before else None, object_id, content, state, created)
            return
        if before is not None and before.pk is not None:
            if self.commit:
                changes: dict[str, object] = {"content": content, "state": state, "object_id": object_id}
                if data is not None:
                    changes["data"] = dict(data)
                if not before.live and not same_row:
                    changes.update(run=self.run, created=created)
                LegacyRecord.objects.filter(pk=before.pk).update(**changes)
            return
        self._new_records.append((kind, legacy_id, object_id, content, created, state, dict(data or {})))

    def note_change(self, before: Known, was: Mapping[str, object], becomes: Mapping[str, object]) -> None:
        """Keep the state before a change, so that this run can be undone without the earlier one."""
        if self.commit and before.pk is not None:
            LegacyChange.objects.get_or_create(
                run=self.run, record_id=before.pk, defaults={"before": dict(was), "after": dict(becomes)}
            )

    def fake_id(self) -> int:
        """Return an id for a row that a dry run does not make."""
        return next(self._fake)

    # -- points ----------------------------------------------------------------------------------------------------
    def simulate(self, entries: Iterable[HistoryRow], sign: int = 1) -> None:
        """Count what these entries would move, in a dry run, for the proof."""
        for entry in entries:
            self.simulated[entry[0], entry[1], entry[3]] += entry[4] * sign

    def simulate_reversal(self, documents: Iterable[UUID]) -> None:
        """Count what reversing these documents would move, in a dry run."""
        for entry in unreversed_entries(documents=list(documents)):
            self.simulated[entry.user_id, entry.pool_id, entry.bucket] -= entry.amount

    # -- problems --------------------------------------------------------------------------------------------------
    def problem(
        self, table: str, legacy_id: object, code: str, detail: str, *, held: bool = False, row: object = None
    ) -> None:
        """Report a row that is broken or does not fit. ``held``: it is not brought; else it is, with a repair."""
        outcome = LegacyProblem.Outcome.HELD if held else LegacyProblem.Outcome.REPAIRED
        if held:
            self.counts[table].held += 1
        self._problem_count[code] += 1
        self._raised.add((table, str(legacy_id)[:60], code))
        self.problems.append(
            LegacyProblem(
                run=self.run,
                source=self.source,
                table=table,
                legacy_id=str(legacy_id)[:60],
                code=code,
                detail=detail[:500],
                outcome=outcome,
                row=json.loads(json.dumps(row, default=str)) if row is not None else {},
            )
        )
        if len(self.problems) > 2000:
            self._store_problems()

    @property
    def problem_counts(self) -> dict[str, int]:
        return dict(sorted(self._problem_count.items()))

    def look(self, table: str, legacy_id: object) -> None:
        """Say that a row is looked at again: what was odd about it and is not reported now has been corrected there."""
        if self._open is None:
            self._open = defaultdict(set)
            for name, number in self._open_problems().values_list("table", "legacy_id").iterator():
                self._open[name].add(number)
        number = str(legacy_id)
        if number in self._open[table]:
            self._looked.add((table, number))
        if table == "raids":
            self._looked |= {
                ("raid_attendees", entry) for entry in self._open["raid_attendees"] if entry.startswith(f"{number}:")
            }

    def _open_problems(self) -> QuerySet[LegacyProblem]:
        return LegacyProblem.objects.filter(source=self.source, run__is_commit=True, resolved_at=None)

    def settle_problems(self) -> None:
        """Close what earlier imports found odd and this one, having looked again, did not."""
        closed = [
            problem.pk
            for problem in self._open_problems().exclude(run=self.run).only("table", "legacy_id", "code").iterator()
            if (problem.table, problem.legacy_id, problem.code) not in self._raised
            and ((problem.table, problem.legacy_id) in self._looked or (problem.table, problem.code) in _ALWAYS_SEEN)
        ]
        for start in range(0, len(closed), 500):
            LegacyProblem.objects.filter(pk__in=closed[start : start + 500]).update(
                resolved_at=clock.now(), resolution="corrected in EQdkp Plus"
            )

    def _store_problems(self) -> None:
        """Write what is new; what an earlier import wrote down already is open again, unless an officer closed it."""
        pending, self.problems = self.problems, []
        if not pending:
            return
        if self.commit:
            earlier = LegacyProblem.objects.filter(source=self.source, run__is_commit=True).exclude(run=self.run)
            known: dict[tuple[str, str, str], int] = {}
            for start in range(0, len(pending), 500):
                ids = {problem.legacy_id for problem in pending[start : start + 500]}
                for pk, *row in earlier.filter(legacy_id__in=ids).values_list("pk", "table", "legacy_id", "code"):
                    known[row[0], row[1], row[2]] = pk
            again = [known[p.table, p.legacy_id, p.code] for p in pending if (p.table, p.legacy_id, p.code) in known]
            for start in range(0, len(again), 500):
                LegacyProblem.objects.filter(pk__in=again[start : start + 500], resolved_by=None).update(
                    resolved_at=None, resolution=""
                )
            pending = [p for p in pending if (p.table, p.legacy_id, p.code) not in known]
        LegacyProblem.objects.bulk_create(pending, ignore_conflicts=True, batch_size=500)

    # -- batches -----------------------------------------------------------------------------------------------------
    def batch(self, work: Callable[[], None]) -> None:
        """Do one batch as one transaction, with its records and problems; retried whole on a deadlock.

        What `work` counts must come from its own rows alone, and it must not keep state that a retry would double.
        """
        if not self.commit:
            work()
            self._new_records = []
            self._store_problems()
            return
        counted = {table: replace(counts) for table, counts in self.counts.items()}
        seen, done, problems = dict(self._problem_count), self._done, list(self.problems)
        first = True

        def whole() -> None:
            nonlocal first
            if not first:  # a retry: nothing was written, so nothing was counted or learnt
                for table, counts in self.counts.items():
                    earlier = counted.get(table, Counts())
                    for name, value in earlier.as_dict().items():
                        setattr(counts, name, value)
                self._problem_count = defaultdict(int, seen)
                self._done = done
                self._maps.clear()
                self.problems = list(problems)
            first = False
            self._new_records = []
            work()
            self.flush()

        if transaction.get_connection().in_atomic_block:
            whole()
        else:
            run_in_transaction(whole)

    def flush(self) -> None:
        """Write the pending records and problems in the batch's transaction."""
        rows = (
            (self.source, kind, legacy_id, object_id, content, state, created, self.run.pk, data)
            for kind, legacy_id, object_id, content, created, state, data in self._new_records
        )
        fields = ("source", "kind", "legacy_id", "object_id", "content", "state", "created", "run_id", "data")
        bulk_rows(LegacyRecord, fields, rows)
        self._new_records = []
        self._store_problems()

    def progress(self, step: str, rows: int) -> None:
        """Say how far it is. The run's row is touched at most a few times a second."""
        self._done += rows
        if self.beat is not None:
            self.beat(step, self._done, self.run.total_rows)


def touch(run: ImportRun, step: str, done: int) -> None:
    """Write the progress where other processes see it.

    Raises:
        LeaseLost: the job that runs this was taken over by another worker.
    """
    leases.check()
    run_in_transaction(
        lambda: ImportRun.objects.filter(pk=run.pk).update(step=step, done_rows=done, beat_at=clock.now())
    )
