"""Django's database backends, which also keep the revisions of tables (`core.revisions`); settings, `DATABASES`."""
