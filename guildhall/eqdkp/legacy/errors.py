"""What can be wrong with a source. Each is said before anything is written."""

from __future__ import annotations

from guildhall.core.errors import BadInput


class LegacyRefused(BadInput):
    """The source cannot be imported; ``detail`` says why and what to do, ``code`` is stable for programs."""

    default_code = "legacy_refused"


class NotEqdkp(LegacyRefused):
    """The file or database holds no EQdkp Plus installation (or not under the prefix that was asked for)."""

    default_code = "not_eqdkp"


class UnsupportedVersion(LegacyRefused):
    """An EQdkp whose tables are of a generation that is not read (1.x and 0.x: see the migration guide)."""

    default_code = "unsupported_version"


class TruncatedDump(LegacyRefused):
    """The dump ends before it is over: importing it would lose what is missing without a word."""

    default_code = "truncated_dump"


class UnreadableSource(LegacyRefused):
    """The file is damaged or of an unknown kind, or the database does not answer."""

    default_code = "unreadable_source"
