"""How many files a process may have open."""

from __future__ import annotations

import contextlib


def raise_file_limit() -> None:
    """Let this process and its children have as many open files as they may: each live stream takes two in a web process and
    two in the stream process, and the usual limit is 1024."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
