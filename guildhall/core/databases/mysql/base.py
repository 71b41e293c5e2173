"""Django's backend for MySQL, with revisions (`core.databases.revised`)."""

from __future__ import annotations

from django.db.backends.mysql.base import DatabaseWrapper as Django

from guildhall.core.databases.revised import Revised


class DatabaseWrapper(Revised, Django):
    """A connection that changes the revisions of the tables that it wrote."""
