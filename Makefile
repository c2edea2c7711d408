# pollwatch: `make demo` and `make test` need nothing but Python 3.11+ and make.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: help setup setup-console setup-test demo test check bench docs format fuzz interop clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "pollwatch needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "setting up $(VENV) (once; about a minute)" >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/.created
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.messages: $(wildcard src/pollwatch/locale/*/LC_MESSAGES/*.po) | $(VENV)/.run
	@$(BIN)/pybabel -q compile -D pollwatch -d src/pollwatch/locale 2>$(VENV)/.messages.log || { cat $(VENV)/.messages.log >&2; exit 1; }
	@touch $@

$(VENV)/.console: requirements/console.txt $(VENV)/.run
	@$(PIP) install --require-hashes -r requirements/console.txt
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.run
	@$(PIP) install --require-hashes -r requirements/test.txt
	@touch $@

ASSETS := src/pollwatch/console/assets
$(VENV)/.assets: $(wildcard $(ASSETS)/*.js $(ASSETS)/*.css $(ASSETS)/*.json) tools/assets.sh | $(VENV)/.console
	@tools/assets.sh
	@touch $@

setup: $(VENV)/.run $(VENV)/.messages  ## leave a working .venv/bin/pollwatch
setup-console: setup $(VENV)/.console $(VENV)/.assets  ## the same with what `pollwatch watch` and `pollwatch console` need
setup-test: setup $(VENV)/.test $(VENV)/.assets

demo: setup  ## two rival nodes watch one recorded election week
	@$(BIN)/pollwatch demo

# Three processes on two cores: a part of the suite waits for processes and clocks. It starts pollwatch hundreds of times,
# so that this is compiled first, also where the environment forbids Python to do so by itself; pytest keeps the tests, too.
test: setup-test  ## the whole suite
	@$(BIN)/python -m compileall -q src
	@TMPDIR=$$($(BIN)/python tools/testroom.py) PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist worksteal

# Scripts import their neighbours and makers of tests; two folders may use one module name, so each is asked by itself.
SCRIPTS := fuzz bench tools
check: setup-test  ## lint, types, layers, docs coverage
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@for folder in $(SCRIPTS); do MYPYPATH=src:tests:$$folder $(BIN)/mypy $$folder || exit; done
	@$(BIN)/lint-imports
	@$(BIN)/python tools/reference.py --check

docs: setup-test  ## regenerate docs/reference and the message catalogues
	@$(BIN)/python tools/reference.py
	@tools/messages.sh

format: setup-test  ## let ruff lay out the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# SIGMA_RULES: a folder of SigmaHQ's rules, without which the engine is not measured; ENGINE: more for bench/engine.py.
bench: setup-test  ## measure; the engine (SIGMA_RULES=folder) into bench/RESULTS.md
	@$(BIN)/python bench/scan.py
	@[ -z "$(SIGMA_RULES)" ] || $(BIN)/python bench/engine.py --rules $(SIGMA_RULES) $(ENGINE) --results bench/RESULTS.md
	@$(BIN)/python bench/correlation.py
	@$(BIN)/python bench/evidence.py
	@$(BIN)/python bench/matching.py
	@$(BIN)/python bench/sharing.py

FUZZ_SECONDS ?= 20
.venv-fuzz/.ready: requirements/fuzz.txt pyproject.toml
	@$(PYTHON) -m venv .venv-fuzz
	@.venv-fuzz/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements/fuzz.txt
	@.venv-fuzz/bin/python -m pip --disable-pip-version-check -q install --no-deps --no-build-isolation -e .
	@touch $@

fuzz: .venv-fuzz/.ready  ## feed the strict readers what coverage leads to, FUZZ_SECONDS (20) each; Python 3.11 to 3.13
	@.venv-fuzz/bin/python fuzz/run.py $(FUZZ_SECONDS)

interop: setup-test  ## other people's tools read what we write
	@$(BIN)/python -m pytest tests -k interop

clean:  ## remove what can be made again
	rm -rf $(VENV) .venv-fuzz demo-out bench/out .mypy_cache .ruff_cache .pytest_cache .hypothesis
