# `make` lists the targets. PYTHON chooses the interpreter that the environment is made from.
PYTHON ?= $(shell command -v python3.11 >/dev/null 2>&1 && echo python3.11 || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CONSTRAINTS := requirements/constraints.txt

# The ends of the ranges in requirements/, and an interpreter for each.
OLDEST := .venv-oldest
OLDEST_PYTHON ?= python3.10
NEWEST := .venv-newest
NEWEST_PYTHON ?= python3.13

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-wheel test-slow test-cuda test-oldest test-newest docs lint format clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
		awk -F '\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'

venv: $(STAMP)  ## make .venv with the tested versions

# torch goes first: whatever asks for it later finds the pinned one. `pip check` is not run,
# because torchvision may name another build of torch (ssdkd/compat.py deals with that).
$(STAMP): setup.py pyproject.toml $(wildcard requirements/*.txt)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) \
		"$$(grep '^torch==' $(CONSTRAINTS))"
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) \
		-e '.[all]'
	@touch $@

demo: $(STAMP)  ## train a teacher on digits, distil it without data, write work_dirs/demo/report.html
	$(BIN)/ssdkd demo

# One thread per process: two processes with all cores each would slow one another down.
test: $(STAMP)  ## run the tests, slow ones left out
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q

test-wheel: $(STAMP)  ## build the wheel and try it where there is no clone (make test does so, too)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/test_wheel.py

test-slow: $(STAMP)  ## run the tests that take more than half a minute
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q -m slow

# With the torch of VENV, which must be a build for CUDA.
test-cuda: $(STAMP)  ## run the tests that need a CUDA device
	SSDKD_TEST_CUDA=1 $(BIN)/python -m pytest -q tests/test_devices/test_cuda.py

# Both environments are what a plain `pip install` makes, and hold torch as the index serves it.
$(OLDEST)/.installed: setup.py pyproject.toml $(wildcard requirements/*.txt)
	$(OLDEST_PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install -q --disable-pip-version-check \
		-c requirements/oldest.txt -e '.[all]'
	@touch $@

test-oldest: $(OLDEST)/.installed  ## run the tests with the oldest versions; OLDEST_PYTHON=...
	OMP_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest -n 2 -q

# Asks the index each time, since what is newest changes.
test-newest:  ## run the tests with the newest versions; NEWEST_PYTHON=...
	$(NEWEST_PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install -q --disable-pip-version-check \
		--upgrade --upgrade-strategy eager -e '.[all]'
	OMP_NUM_THREADS=1 $(NEWEST)/bin/python -m pytest -n 2 -q

docs: $(STAMP)  ## build the documentation in docs/_build/html; fails on a broken link
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

lint: $(STAMP)  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove caches and the demo; keeps .venv and other work_dirs
	rm -rf work_dirs/demo build docs/_build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find ssdkd tools tests configs projects -name __pycache__ -type d -prune -exec rm -rf {} +
