import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db.models import Model

def bulk_update_with_history(
    objs: Iterable[Model],
    model: type[Model],
    fields: Iterable[str],
    batch_size: int | None = ...,
    default_user: Any = ...,
    default_change_reason: str | None = ...,
    default_date: dt.datetime | None = ...,
) -> int: ...
