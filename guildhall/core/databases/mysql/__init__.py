"""Django's backend for MySQL, with revisions."""
