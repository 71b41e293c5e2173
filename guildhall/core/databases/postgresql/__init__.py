"""Django's backend for PostgreSQL, with revisions."""
