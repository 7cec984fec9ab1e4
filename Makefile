# Needs make (GNU make 3.81 will do) and either uv or any Python >= 3.9 with venv on the path.
#   make PYTHON=python3.12 VENV=.venv-3.12 test    the same on another Python, in its own environment

VENV   = .venv
PYTHON =
BIN    = $(VENV)/bin
STAMP  = $(VENV)/.stamp-setup
ARGS   =

# The uv that requirements/bootstrap.txt pins; `make lock` writes it there with its hashes.
UV_VERSION = 0.13.9
COMPILE = pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
          --no-header --python-version 3.11

.PHONY: help env setup demo test test-faults check fmt bench lock clean

help: ## this list
	@echo "usage: make TARGET [PYTHON=python3.12] [VENV=.venv] [ARGS='…']"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/\1	\2/p' Makefile | expand -t 12 | sed 's/^/  /'

$(STAMP): requirements/lock-dev.txt requirements/bootstrap.txt pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" scripts/setup.sh "$(VENV)"
	@touch "$@"

env: $(STAMP) ## the virtual environment only

setup: $(STAMP) ## everything that demo and test need: environment, Kafka, Postgres
	@$(BIN)/python -m worker.dev.servers

demo: $(STAMP) ## a sample day on a real Kafka and a real Postgres, with tables at the end
	@$(BIN)/inventory-worker demo $(ARGS)

test: $(STAMP) ## the whole test suite but for random faults (ARGS='-k name' for a part)
	@$(BIN)/python -m pytest --ignore=tests/faults $(ARGS)

test-faults: $(STAMP) ## kill workers, Kafka and Postgres at random (FAULT_ROUNDS=n, FAULT_SEED=n)
	@$(BIN)/python -m pytest -v tests/faults $(ARGS)

check: $(STAMP) ## linters, types, layers, migrations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>&1
	@$(BIN)/squawk --no-error-on-unmatched-pattern 'sql/migrations/*.sql'

fmt: $(STAMP) ## format the code, mend what a linter can mend
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: $(STAMP) ## orders per second against the naive worker and the limit
	@$(BIN)/inventory-worker bench $(ARGS)

lock: $(STAMP) ## resolve the dependencies anew (ARGS='--upgrade' for newer versions)
	@uv=uv; uv --version >/dev/null 2>&1 || uv=.tools/bin/uv; set -x; \
	echo "uv==$(UV_VERSION)" | $$uv $(COMPILE) --no-annotate - -o requirements/bootstrap.txt && \
	$$uv $(COMPILE) $(ARGS) pyproject.toml -o requirements/lock.txt && \
	$$uv $(COMPILE) $(ARGS) -c requirements/lock.txt --group build -o requirements/lock-build.txt && \
	$$uv $(COMPILE) $(ARGS) -c requirements/lock.txt -c requirements/lock-build.txt --extra dev --group build \
		pyproject.toml -o requirements/lock-dev.txt
	@$(BIN)/python -m worker.dev.servers.lock

clean: ## remove what make made here (the cache of server files stays)
	rm -rf $(VENV) .tools .state build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
