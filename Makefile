# Everything a developer or a visitor does. `make help` lists it.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PORT ?= 8000
PYTEST_ARGS ?=
BENCH_ARGS ?=
# Tests and demo start hundreds of processes. Where this is set, each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-reset test check format fuzz bench requirements clean

help:  ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|'

setup: $(STAMP)  ## Make .venv with everything pinned (the other targets do it by themselves).

$(STAMP): requirements/bootstrap.txt requirements/dev.txt agent/pyproject.toml bin/setup
	@bin/setup $(VENV)
	@touch $@

demo: $(STAMP)  ## Start the portal with a demo organisation on http://127.0.0.1:8000 (PORT=… changes it).
	@PORT=$(PORT) $(BIN)/python -m portal.demo

demo-reset: $(STAMP)  ## Forget the demo's data and start afresh.
	@PORT=$(PORT) $(BIN)/python -m portal.demo --reset

test: $(STAMP)  ## Run all tests (PYTEST_ARGS="-k pause" narrows them).
	@$(BIN)/python -m pytest -n auto --no-loadscope-reorder $(PYTEST_ARGS)

check: $(STAMP)  ## Linters, types, import rules, migrations.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djade --check $$(git ls-files 'templates/*.html')
	$(BIN)/typos
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

format: $(STAMP)  ## Format Python and templates in place.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djade $$(git ls-files 'templates/*.html')

fuzz: $(STAMP)  ## Send the agent API 7,500 requests that nobody thought of.
	@FUZZ_CASES=5000 $(BIN)/python -m pytest -n0 -s tests/fuzz

bench: $(STAMP)  ## Measure (BENCH_ARGS="--only ledger": with 50 million counts); see docs/performance.md.
	@$(BIN)/python -m tests.bench $(BENCH_ARGS)

requirements: $(STAMP)  ## Compile requirements/*.in again, with hashes and without addresses.
	@for name in base dev bootstrap; do \
	  UV_SYSTEM_CERTS=1 .tools/bin/uv pip compile -q --python-version 3.12 --universal --upgrade \
	    --generate-hashes --no-header --no-annotate requirements/$$name.in -o requirements/$$name.txt; \
	done

clean:  ## Remove what the other targets made, the demo's data included.
	rm -rf $(VENV) .tools var
