"""Between the outbox and Discord: what a failed call means for the message that asked for it.

Invariant: a failure that another try cannot mend never comes back to the queue, and a failure that is Discord's own
trouble is never held against a message (`core.outbox.RetryLater.counts`). So an outage of any length loses nothing,
and a wrong setting does not hammer anybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from guildhall.core import leases
from guildhall.core.outbox import PermanentFailure, RetryLater

from .client import DiscordError, InvalidRequests, NotConfigured, RateLimited, TokenRefused, Unavailable
from .client.errors import as_text

TOKEN_PAUSE = 300.0


@contextmanager
def outbox_errors() -> Iterator[None]:
    """Inside, whatever the client raises becomes the outbox's `RetryLater` or `PermanentFailure`.

    Raises:
        LeaseLost: before anything is called: the message is another worker's now.
    """
    leases.check()
    try:
        yield
    except RateLimited as error:
        raise RetryLater(as_text(error), after=error.retry_after, counts=False) from error
    except InvalidRequests as error:
        raise RetryLater(as_text(error), after=error.retry_after or 60.0, counts=False) from error
    except TokenRefused as error:
        # No call is made meanwhile; with a new token in the settings everything that waited goes out.
        raise RetryLater(as_text(error), after=TOKEN_PAUSE, counts=False) from error
    except Unavailable as error:
        raise RetryLater(as_text(error), after=error.retry_after, counts=not error.everybody) from error
    except NotConfigured as error:
        raise PermanentFailure(str(error)) from error
    except DiscordError as error:
        raise PermanentFailure(as_text(error)) from error
