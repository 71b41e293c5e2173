"""The ids of what an import writes: UUIDs that every database takes, which say the run they came from."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from guildhall.accounts.services import create_person
from guildhall.eqdkp.models import ImportRun
from guildhall.points.models import PointAdjustment
from guildhall.points.services import adjust_points, create_pool


def test_every_document_is_a_uuid_of_our_own_making() -> None:
    for _ in range(200):
        run = ImportRun()
        for document in (run.document(), *run.documents(5), *run.documents(5, step=2)):
            assert (document.variant, document.version) == (uuid.RFC_4122, 8)
            assert document.bytes[8] != 0x80  # MariaDB takes it for no UUID
            assert run.first_document <= document <= run.last_document


@pytest.mark.django_db
def test_a_runs_documents_are_found_by_their_range_and_nobody_elses() -> None:
    person, pool = create_person(display_name="Ann"), create_pool(name="Main")
    runs = [ImportRun.objects.create() for _ in range(20)]
    for _ in range(20):  # what is made here has random ids
        adjust_points(user_ids=[person.pk], pool=pool, amount=1, reason="x", actor=None)
    native = set(PointAdjustment.objects.values_list("document", flat=True))
    now = timezone.now()
    wanted = {run.pk: {run.document(), *run.documents(2)} for run in runs}
    rows = [
        PointAdjustment(user=person, pool=pool, amount=1, reason="y", occurred_at=now, created_at=now, document=document)
        for documents in wanted.values() for document in documents
    ]  # fmt: skip
    PointAdjustment.objects.bulk_create(rows)
    for run in runs:
        found = PointAdjustment.objects.filter(document__gte=run.first_document, document__lte=run.last_document)
        assert set(found.values_list("document", flat=True)) == wanted[run.pk]
    assert len(native) == 20
    PointAdjustment.objects.filter(reason="y").delete()  # they have no entries; the books are looked at afterwards
