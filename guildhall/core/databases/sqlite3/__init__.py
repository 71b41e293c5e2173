"""Django's backend for SQLite, with revisions."""
