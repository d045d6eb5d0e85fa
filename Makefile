# `make demo` runs the main job, `make test` proves everything; both make their own virtual environment first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SECONDS_ARG := $(if $(SECONDS),$(SECONDS),60)

.PHONY: help demo check lint types unit units-operations units-others test bench soak image man clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    two linked sites on this machine carry a real HTTP request"
	@echo "make test    install what the tests need, run all of them (SYSTEM=0: nothing that needs root, engines, systemd)"
	@echo "make check   lint, types, unit tests (before each commit)"
	@echo "make bench   figures beside direct TCP (and beside SKROUTERD=/path when given)"
	@echo "make soak    SECONDS=60 SEED=1: fuzzing, kills and churn"
	@echo "make image   router.tar, a container image with the embedded router, built offline"
	@echo "make man     the manual pages, in build/man"
	@echo "make clean   remove what make has made"
	@echo "Another interpreter: PYTHON=python3.12. Another place for its virtual environment: VENV=/path."

# An old interpreter or a missing package is said in words, before pip says it in pages.
define virtual_environment
@command -v "$(PYTHON)" >/dev/null || { \
	echo "error: there is no $(PYTHON): apt install python3 python3-venv, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "error: $(PYTHON) is $$($(PYTHON) --version), and 3.11 or newer is needed; name one: make PYTHON=python3.11" >&2; exit 1; }
@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "error: $(PYTHON) cannot make virtual environments: apt install python3-venv" >&2; exit 1; }
@test -x $(BIN)/python || echo "making a virtual environment in $(VENV)"
@"$(PYTHON)" -m venv $(VENV)
endef

$(VENV)/.program: pyproject.toml
	$(virtual_environment)
	@$(PIP) --editable .
	@touch $@

$(VENV)/.test: pyproject.toml
	$(virtual_environment)
	@$(PIP) --editable '.[test]'
	@touch $(VENV)/.program $@

demo: $(VENV)/.program
	@$(BIN)/skupper-local demo

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy
	$(BIN)/mypy packaging/container/*.py packaging/man/*.py

unit: $(VENV)/.test
	$(BIN)/pytest tests/unit

# Two halves that take about as long.
units-operations: $(VENV)/.test
	$(BIN)/pytest tests/unit/operations tests/unit/cli

units-others: $(VENV)/.test
	$(BIN)/pytest -p no:cacheprovider tests/unit --ignore=tests/unit/operations --ignore=tests/unit/cli

check: $(VENV)/.test
	@$(MAKE) --no-print-directory -j2 lint types units-operations units-others

test: lint
	$(BIN)/mypy packaging/container/*.py packaging/man/*.py
	@$(BIN)/python -m tests.rig.requirements
	$(BIN)/python -m tests.suite

bench: $(VENV)/.test
	$(BIN)/python -m tests.bench

soak: $(VENV)/.test
	$(BIN)/python -m tests.soak --seconds $(SECONDS_ARG) $(if $(SEED),--seed $(SEED))

image: $(VENV)/.program
	@$(BIN)/python packaging/container/build_image.py -o router.tar

man: $(VENV)/.program
	@$(BIN)/python packaging/man/make_pages.py build/man

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
