"""Forms about where items are charged and what a status earns."""

from __future__ import annotations

from typing import cast

from guildhall.core.form_fields import ChoiceField, NumberField, PointsField, RowField, RowsField, TextField, text_of
from guildhall.points.selectors import pools
from guildhall.raids.models import AttendanceStatus, ItemPool
from guildhall.web.forms.base import PageForm

LONGEST_DESCRIPTION = 2000


class ItemPoolForm(PageForm):
    """A group of items that are charged together."""

    name = text_of(ItemPool, "name", "Name", required="Give the item pool a name.")
    description = TextField("What is in it", max_length=LONGEST_DESCRIPTION)
    pools = RowsField("Its items are charged in")

    def prepare(self) -> None:
        cast(RowsField, self.fields["pools"]).set_rows(pools())


class ShareForm(PageForm):
    """What a status earns, everywhere or in one pool."""

    status = ChoiceField("Whoever is", choices=AttendanceStatus.choices)
    percent = PointsField("Earns, per cent", required="Say the percentage, such as 50.")
    pool = RowField("In", required=False, empty="every pool")

    def prepare(self) -> None:
        cast(RowField, self.fields["pool"]).set_rows(pools())


class DropShareForm(PageForm):
    """A button beside a share that was set."""

    share = NumberField("Share", required="Choose a row of the list.")
