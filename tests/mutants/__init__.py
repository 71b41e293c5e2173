"""Guards with the tests that must fail without them; `make mutants` takes each out and looks (docs/developing.md)."""
