# Every target sets up what it needs and does nothing twice: stamps in the virtual environment remember
# what was done, and for which pyproject.toml and constraints.txt. Nothing outside this folder is
# written but the exported model (~/.cache/clearance, or $CLEARANCE_MODEL_DIR).

PYTHON  ?= python3
VENV    ?= .venv
# Test processes: one a core, at most four, as each loads the model.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); [ $$n -lt 4 ] && echo $$n || echo 4)
# More for pytest, for example: make test ARGS="-k revocation"
ARGS    ?=
# How long make fuzz goes on.
MINUTES ?= 30

BIN     := $(VENV)/bin
# Errors only: what the build backend has to say about editable installs helps nobody.
PIP     := $(BIN)/python -m pip --disable-pip-version-check -qq
STAMPS  := $(VENV)/.stamps
INPUTS  := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test check format bench mutants attack fuzz schemathesis notebooks docs serve lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMPS)/model ## Only set up: virtual environment, packages, exported model

demo: $(STAMPS)/model ## Show the promises on the packaged documents; fails if one is broken
	$(BIN)/clearance demo

test: $(STAMPS)/model ## Run the whole test suite
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

check: $(STAMPS)/dev ## Run the static checks: ruff, mypy, import-linter, codespell
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

format: $(STAMPS)/dev ## Format the code and apply the safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMPS)/model $(STAMPS)/bench ## Measure against a common alternative, in one run
	$(BIN)/python -m tests.benchmarks

mutants: $(STAMPS)/model ## Break each guard, and mutate the security core, and see that a test notices
	$(BIN)/python -m tests.security.mutants
	$(BIN)/python -m tests.mutation

attack: $(STAMPS)/model ## Let an attacker guess which of two services holds forbidden documents
	$(BIN)/python -m tests.security.attacker

fuzz: $(STAMPS)/fuzz ## Hold the sanitiser's promises against texts that coverage leads to: MINUTES=30
	$(BIN)/python -m tests.fuzzing --minutes $(MINUTES) $(ARGS)

schemathesis: $(STAMPS)/model ## Send thousands of made-up requests, and hold the replies to the OpenAPI document
	$(BIN)/python -m tests.schema $(ARGS)

notebooks: $(STAMPS)/model ## Run the notebooks and keep their outputs
	$(BIN)/jupyter-execute --inplace notebooks/*.ipynb

docs: $(STAMPS)/dev ## Write the generated pages of docs/ anew
	$(BIN)/python -m tools.reference_docs
	$(BIN)/python -m tools.quality_columns

serve: $(STAMPS)/model ## Serve REST and MCP on 127.0.0.1:8321
	$(BIN)/clearance serve

lock: $(STAMPS)/venv ## Write constraints.txt anew from the newest versions that are allowed
	$(BIN)/python -m tools.lock

clean: ## Remove what these targets made here; your own data directory is not among it
	rm -rf $(VENV) .demo .bench build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "Making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade pip
	@mkdir -p $(@D) && touch $@

$(STAMPS)/dev: $(INPUTS) | $(STAMPS)/venv
	@echo "Installing the packages (a few minutes the first time)"
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@mkdir -p $(@D) && touch $@

$(STAMPS)/bench: $(STAMPS)/dev
	@echo "Installing what the comparison needs"
	@$(PIP) install --constraint constraints.txt --editable '.[bench,dev]'
	@touch $@

$(STAMPS)/fuzz: $(STAMPS)/dev
	@echo "Installing the fuzzer"
	@$(PIP) install --constraint constraints.txt --editable '.[dev,fuzz]'
	@touch $@

$(STAMPS)/model: $(STAMPS)/dev
	@$(BIN)/python -c 'from ingestion.embedding.store import ensure_exported as go; go(on_progress=print)'
	@touch $@
