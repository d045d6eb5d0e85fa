# `make demo` runs the main job, `make test` proves everything; both make their own virtual environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SECONDS_ARG := $(if $(SECONDS),$(SECONDS),60)

.PHONY: demo check test bench soak clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    two linked sites on this machine carry a real HTTP request"
	@echo "make test    install what the tests need, run all of them"
	@echo "make check   lint, types, unit tests (before each commit)"
	@echo "make bench   figures beside direct TCP (and beside SKROUTERD=/path when given)"
	@echo "make soak    SECONDS=60 SEED=1: fuzzing, kills and churn"

$(VENV)/.program: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.program
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

demo: $(VENV)/.program
	@$(BIN)/skupper-local demo

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest tests/unit

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

bench: $(VENV)/.test
	$(BIN)/python -m tests.bench

soak: $(VENV)/.test
	$(BIN)/python -m tests.soak --seconds $(SECONDS_ARG) $(if $(SEED),--seed $(SEED))

clean:
	rm -rf $(VENV) build dist
