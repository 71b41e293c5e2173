# Guildhall's commands. `make run` tries it, `make test` tests it; the rest is for who works on it.
# Python 3.11 or newer and make are all that a machine needs. Another Python: make PYTHON=python3.12 run

PYTHON ?= python3
PY := .venv/bin/python

.PHONY: help run install install-dev test test-quick test-places mutants lint format bench static requirements clean fuzz docs pictures

help:
	@echo "make run       try it: installs, migrates, loads the demo guild, starts web and worker"
	@echo "make install   make .venv alone"
	@echo "make test      the whole suite on every database that is there, with coverage"
	@echo "make test-quick   a cross-section of it on SQLite, under two minutes; ARGS=guildhall/raids for all tests of a part"
	@echo "make test-places  chooses which tests run on every database, out of the last make test"
	@echo "make mutants   takes out each guard of tests/mutants/ and reports those that no test misses"
	@echo "make lint      ruff, mypy, import-linter, migrations, API schema"
	@echo "make fuzz      each parser under atheris for two minutes (Linux, x86-64)"
	@echo "make docs      builds docs/ into site/ with the API reference; a broken link fails"
	@echo "make pictures  takes docs/pictures/ anew from the demo guild (needs Chromium)"
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

# While working: one database, no coverage. All tests of a part: make test-quick ARGS="guildhall/raids -x"
test-quick: install-dev
	@$(PY) -m pytest $(or $(ARGS),guildhall -m quick -n auto --dist worksteal)

# Adds to tests/every_database.txt what the PostgreSQL round of the last make test found missing; ARGS=--anew chooses all again.
test-places: install-dev
	@$(PY) -m tests.statements $(or $(ARGS),--write)

# Take each guard out in a copy of the tree and see a test fail. One kind: make mutants ARGS="-k outbox"
mutants: install-dev
	@$(PY) -m tests.mutants $(ARGS)

lint: install-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy guildhall config examples/bot/guildhall_bot
	.venv/bin/lint-imports
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py spectacular --validate --fail-on-warn --file /dev/null

format: install-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

# Coverage-guided fuzzing of the parsers: docs/developing.md. make fuzz ARGS="--target chat --seconds 600"
fuzz: install-dev
	@$(PYTHON) requirements/install.py fuzz
	@$(PY) -m tests.fuzz $(ARGS)

docs: install-dev
	@$(PYTHON) requirements/install.py docs
	@$(PY) -m tests.api_reference --write
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --strict

pictures: install-dev
	@$(PY) -m tests.take_pictures

bench: install-dev
	@$(PY) -m benchmarks $(ARGS)

# For a server behind a proxy: what WhiteNoise serves, compressed and named by content.
static: install
	@$(PY) manage.py collectstatic --noinput

# Pin anew after changing a requirements/*.in file.
requirements: install
	for set in uv base mysql dev fuzz docs; do .venv/bin/uv pip compile --quiet --system-certs --universal --no-header \
		--no-emit-index-url --generate-hashes --python-version 3.11 requirements/$$set.in -o requirements/$$set.txt; done
	.venv/bin/uv pip compile --quiet --system-certs --universal --no-header --no-emit-index-url --generate-hashes \
		--python-version 3.11 examples/bot/requirements.in -o examples/bot/requirements.txt

clean:
	rm -rf .venv staticfiles .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.* htmlcov
