# Bare `make` prints help. PYTHON=python3.12 chooses another interpreter, ARGS="..." adds arguments to a command.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help lab test check .venv

help:
	@echo 'make lab     train, measure, dissect and write the report (minutes; continues where it was stopped)'
	@echo 'make test    run the tests'
	@echo 'make check   ruff and mypy'
	@echo 'make .venv   only install, into .venv (the others do it when needed)'
	@echo
	@echo 'More arguments:  make lab ARGS="--budget smoke --lang zh"    make test ARGS="-k name"'
	@echo 'Data:            GANATOMY_DATA=DIR make lab    where DIR/fashion-mnist/ holds the four files'

lab: .venv
	$(BIN)/ganatomy lab $(ARGS)

test: .venv
	$(BIN)/python -m pytest $(ARGS)

check: .venv
	$(BIN)/ruff check $(ARGS)
	$(BIN)/mypy $(ARGS)

.venv: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found. Install Python 3.11 or newer, or name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ganatomy needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.12"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv || { echo "$(PYTHON) -m venv failed; on Debian and Ubuntu install the package python3-venv."; exit 1; }
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[dev]'
	@touch $@
