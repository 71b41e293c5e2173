# Guildhall's commands. `make run` tries it, `make test` tests it; the rest is for who works on it.
# Python 3.11 or newer and make are all that a machine needs. Another Python: make PYTHON=python3.12 run

PYTHON ?= python3
PY := .venv/bin/python

.PHONY: help run install install-dev test test-quick lint format bench static requirements clean

help:
	@echo "make run       try it: installs, migrates, loads the demo guild, starts web and worker"
	@echo "make install   make .venv alone"
	@echo "make test      the whole suite on every database that is there, with coverage"
	@echo "make lint      ruff, mypy, import-linter, migrations, API schema"
	@echo "make bench     a big guild on PostgreSQL, 50 clients, each hot endpoint beside its floor"

install:
	@$(PYTHON) requirements/install.py base

install-dev:
	@$(PYTHON) requirements/install.py dev

# GUILDHALL_EMBEDDED only changes a default: DEBUG is on unless the environment or .env says otherwise.
run: install
	@GUILDHALL_EMBEDDED=1 exec $(PY) manage.py serve --migrate --demo

test: install-dev
	@$(PY) tests/run_suite.py

# While working: one database, no coverage. make test-quick ARGS="guildhall/raids -x"
test-quick: install-dev
	@$(PY) -m pytest $(ARGS)

lint: install-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy guildhall config
	.venv/bin/lint-imports
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py spectacular --validate --fail-on-warn --file /dev/null

format: install-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: install-dev
	@$(PY) -m benchmarks $(ARGS)

# For a server behind a proxy: what WhiteNoise serves, compressed and named by content.
static: install
	@$(PY) manage.py collectstatic --noinput

# Pin anew after changing a requirements/*.in file.
requirements: install
	for set in uv base mysql dev; do .venv/bin/uv pip compile --quiet --system-certs --universal --no-header \
		--no-emit-index-url --generate-hashes --python-version 3.11 requirements/$$set.in -o requirements/$$set.txt; done

clean:
	rm -rf .venv staticfiles .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.* htmlcov
