# Everything done here by hand; `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A lock that changed is installed anew: its checksum is in the stamp's name.
RUN_STAMP := $(VENV)/.run-$(shell cat requirements/run.txt pyproject.toml | cksum | cut -d ' ' -f 1)
DEV_STAMP := $(VENV)/.dev-$(shell cat requirements/dev.txt pyproject.toml | cksum | cut -d ' ' -f 1)
# For more or other tests: make test ARGS="tests/unit -k fold"
ARGS ?=
# Where `make demo` keeps its data, apart from yours.
DEMO_DIR ?= ./data-demo
# Viewers that come to the demo each second, and those that came in the days before.
DEMO_RATE ?= 2
DEMO_VIEWERS ?= 1000

.PHONY: help
help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(RUN_STAMP) ## set up and start the service; settings are environment variables (docs/settings.md)
	@exec $(BIN)/playhead serve

.PHONY: test
test: $(DEV_STAMP) ## set up and run the tests; ARGS are given to pytest; PLAYHEAD_TEST_REQUIRE=all: skip nothing
	$(BIN)/pytest -n 2 --dist worksteal $(ARGS)

.PHONY: test-faults
test-faults: $(DEV_STAMP) ## kill, cut off, fill up and abuse real processes, in full: a quarter of an hour
	PLAYHEAD_TEST_FAULTS=all $(BIN)/pytest -n 2 tests/faults $(ARGS)

# dbt as a check of its project alone, which needs no database; what it writes goes elsewhere.
DBT = DBT_TARGET_PATH=$${TMPDIR:-/tmp}/playhead-dbt-lint/target DBT_LOG_PATH=$${TMPDIR:-/tmp}/playhead-dbt-lint/logs \
	$(BIN)/dbt --warn-error

.PHONY: lint
lint: $(DEV_STAMP) ## check style, types, imports and SQL
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar clickhouse
	$(DBT) parse --quiet --project-dir dbt --profiles-dir dbt

.PHONY: format
format: $(DEV_STAMP) ## lay out the Python code and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The service stands in front, so that Ctrl-C reaches it; leaving it ends the viewers.
.PHONY: demo
demo: $(RUN_STAMP) ## run, with simulated viewers of the last days and of now; Ctrl-C ends both
	@url=http://127.0.0.1:$${PLAYHEAD_PORT:-8000}; \
	is_up() { $(BIN)/python -c "from urllib.request import urlopen; urlopen('$$url/health/ready', timeout=5)" 2> /dev/null; }; \
	if is_up; then echo "something answers at $$url already: end it, or set PLAYHEAD_PORT" >&2; exit 1; fi; \
	export PLAYHEAD_DATA_DIR=$(DEMO_DIR); \
	is_new=$$([ -d $(DEMO_DIR) ] && echo no || echo yes); \
	mkdir -p $(DEMO_DIR); \
	( \
	  until is_up; do sleep 0.5; done; \
	  [ $$is_new = no ] || $(BIN)/playhead simulate --url $$url --viewers $(DEMO_VIEWERS) --asap --span 6d --batch-interval 2m --seed 1; \
	  exec $(BIN)/playhead simulate --url $$url --rate $(DEMO_RATE) \
	) > $(DEMO_DIR)/viewers.log 2>&1 & \
	viewers=$$!; \
	trap 'kill $$viewers 2> /dev/null || true' EXIT; \
	$(BIN)/playhead serve

.PHONY: bench
bench: bench-ingest bench-freshness bench-query bench-aggregation bench-compare ## run every benchmark; some hours

.PHONY: bench-ingest
bench-ingest: $(DEV_STAMP) ## measure ingest: events acknowledged a second, and how that compares to the engine alone
	$(BIN)/python -m benchmarks ingest $(ARGS)

.PHONY: bench-freshness
bench-freshness: $(DEV_STAMP) ## measure how old answers are while 200 000 sessions of up to 3 hours tell 20 000 events/s
	$(BIN)/python -m benchmarks freshness $(ARGS)

.PHONY: bench-query
bench-query: $(DEV_STAMP) ## measure answers, a rebuild, a refresh and the disk at 10 and 100 million events
	$(BIN)/python -m benchmarks query $(ARGS)

.PHONY: bench-aggregation
bench-aggregation: $(DEV_STAMP) ## measure what building the marts costs those who send 20 000 events a second
	$(BIN)/python -m benchmarks aggregation $(ARGS)

.PHONY: bench-compare
bench-compare: $(DEV_STAMP) ## the same for the design this replaces, in Postgres, on 2 million events; needs postgresql
	$(BIN)/python -m benchmarks compare $(ARGS)

.PHONY: bench-soak
bench-soak: $(DEV_STAMP) ## compare answers with the oracle over 500 random worlds on each engine, then faults and abuse; hours
	$(BIN)/python -m benchmarks soak $(ARGS)
	$(BIN)/python -m benchmarks faults
	$(BIN)/python -m benchmarks abuse

.PHONY: bench-faults
bench-faults: $(DEV_STAMP) ## strike real processes at 50 random moments of each kind of fault: nothing may be lost; two hours
	$(BIN)/python -m benchmarks faults $(ARGS)

.PHONY: bench-abuse
bench-abuse: $(DEV_STAMP) ## measure what senders that mean harm cost those that do not
	$(BIN)/python -m benchmarks abuse $(ARGS)

.PHONY: aggregate-analytics
aggregate-analytics: $(RUN_STAMP) ## bring the marts up to date now; the service does it every 15 minutes (docs/jobs.md)
	$(BIN)/playhead job run aggregate

.PHONY: migrate
migrate: $(RUN_STAMP) ## bring the database's schema up to date; ARGS=--plan only says what would be done
	$(BIN)/playhead migrate $(ARGS)

.PHONY: schema
schema: $(DEV_STAMP) ## write clickhouse/schema.sql anew from the migrations
	PLAYHEAD_TEST_WRITE_SCHEMA=1 $(BIN)/pytest -q tests/integration/test_migrate.py -k golden

.PHONY: assets
assets: service/web/node_modules/.package-lock.json ## build what browsers get (service/playhead/static); needs Node
	npm --prefix service/web run --silent build

.PHONY: assets-check
assets-check: service/web/node_modules/.package-lock.json ## tell whether the committed assets are as built; needs Node
	npm --prefix service/web run --silent check

.PHONY: dbt-macros
dbt-macros: $(DEV_STAMP) ## write dbt/macros/service_sql.sql anew from the SQL in clickhouse/
	$(BIN)/python -m tests.dbt_macros

.PHONY: settings-docs
settings-docs: $(DEV_STAMP) ## write the table of docs/settings.md anew
	$(BIN)/python -m tests.settings_table

LOCK = PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= PIP_EXTRA_INDEX_URL= $(BIN)/pip-compile --quiet --no-header \
	--generate-hashes --allow-unsafe --no-strip-extras --build-deps-for editable \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: lock
lock: $(DEV_STAMP) ## work out requirements/*.txt anew from pyproject.toml; ARGS=--upgrade takes newer releases
	$(LOCK) $(ARGS) --all-extras --output-file requirements/dev.txt pyproject.toml
	$(LOCK) $(ARGS) --extra embedded --constraint requirements/dev.txt --output-file requirements/run.txt pyproject.toml

.PHONY: audit
audit: $(DEV_STAMP) ## check that what is installed is what is locked, file by file; ARGS=FOLDER of advisories (OSV JSON)
	$(BIN)/python -m tests.audit $(ARGS)

.PHONY: setup
setup: $(DEV_STAMP) ## make .venv with everything for development

.PHONY: clean
clean: ## remove what make and the tools made; data stays
	rm -rf $(VENV) service/web/node_modules tests/e2e/node_modules .hypothesis .import_linter_cache .mypy_cache \
	  .pytest_cache .ruff_cache

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Playhead needs Python 3.11 or newer; say which: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): | $(BIN)/pip
	@echo "setting up $(VENV), which takes a minute or two, once"
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The development lock holds all of the other, in the same releases.
$(DEV_STAMP): | $(BIN)/pip
	@echo "setting up $(VENV), which takes a minute or two, once"
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@ $(RUN_STAMP)

service/web/node_modules/.package-lock.json: service/web/package-lock.json
	npm --prefix service/web ci --no-audit --no-fund
	@touch $@
