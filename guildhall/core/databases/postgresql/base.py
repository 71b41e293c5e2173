"""Django's backend for PostgreSQL, with revisions (`core.databases.revised`) and a pool that hands out living connections alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql.base import DatabaseWrapper as Django

from guildhall.core.databases.revised import Revised

if TYPE_CHECKING:
    from .pool import LivingPool


class DatabaseWrapper(Revised, Django):
    """A connection that changes the revisions of the tables that it wrote."""

    @property
    def pool(self) -> LivingPool | None:
        """Return the pool of this process, as Django's own does, but one that hands out no dead connections."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        django: Any = self  # what the stubs do not know of
        if self.alias not in django._connection_pools:
            from .pool import LivingPool

            pool = LivingPool(
                kwargs=self.get_connection_params() | {"autocommit": True},
                open=False,
                configure=django._configure_connection,
                **options,
            )
            django._connection_pools.setdefault(self.alias, pool)
        found: LivingPool = django._connection_pools[self.alias]
        return found
