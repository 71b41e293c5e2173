"""psycopg's pool, without the connections that the server has closed meanwhile.

psycopg's own check of a connection is a round trip, and a connection that fails it makes the caller wait for about a second. This
one looks whether the server has hung up, which takes a microsecond, and takes the next connection at once.
"""

from __future__ import annotations

import select
import time

import psycopg
from psycopg_pool import ConnectionPool


def has_hung_up(connection: psycopg.Connection) -> bool:
    """Return whether the server has closed an idle connection: it has nothing to say to one that is idle, but good-bye."""
    descriptor = connection.fileno()
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(descriptor, select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(poller.poll(0))
    return bool(select.select([descriptor], [], [], 0)[0])


class LivingPool(ConnectionPool[psycopg.Connection]):
    """A pool that hands out living connections alone."""

    def getconn(self, timeout: float | None = None) -> psycopg.Connection:
        """Return a connection whose server has not hung up.

        Raises:
            psycopg_pool.PoolTimeout: there was none in time.
        """
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            found = super().getconn(max(deadline - time.monotonic(), 0.01))
            if not has_hung_up(found):
                return found
            found.close()
            self.putconn(found)  # which takes another in its place
