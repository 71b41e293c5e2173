"""Guildhall: roster, points ledger, auctions and recruitment of a raiding guild."""

#: The one place for the version: the API, the pages, `manage.py version` and pyproject.toml read it here.
__version__ = "0.1.0"
