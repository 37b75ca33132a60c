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

DEMO_CONFIG := configs/cls/digits_resnet20_resnet8_ssdkd.py
DEMO := work_dirs/demo
# Where the demo's config expects its teacher.
TEACHER := work_dirs/digits_resnet20/teacher.pth

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-slow test-cuda test-oldest test-newest docs lint format clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
		awk -F '\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'

venv: $(STAMP)  ## make .venv with the tested versions

# torch goes first: whatever asks for it later finds the pinned one. `pip check` is not run,
# because torchvision may name another build of torch (ssdkd/compat.py deals with that).
$(STAMP): setup.py $(wildcard requirements/*.txt)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) \
		"$$(grep '^torch==' $(CONSTRAINTS))"
	$(BIN)/python -m pip install -q --disable-pip-version-check -c $(CONSTRAINTS) \
		-e '.[all]'
	@touch $@

$(TEACHER): | $(STAMP)
	$(BIN)/python tools/train_teacher.py configs/teachers/digits_resnet20.py \
		--work-dir $(dir $(TEACHER)) --resume

demo: $(STAMP)  ## train a teacher on digits, distil it without data, write work_dirs/demo/report.html
	@if [ -f $(TEACHER) ]; then echo "Teacher: using $(TEACHER), which is there already."; \
		else $(MAKE) --no-print-directory $(TEACHER); fi
	rm -rf $(DEMO)
	$(BIN)/python tools/train.py $(DEMO_CONFIG) --work-dir $(DEMO)
	$(BIN)/python tools/test.py $(DEMO_CONFIG) $(DEMO)/student.pth --work-dir $(DEMO)/test
	@echo
	@$(BIN)/python tools/analysis_tools/make_report.py $(DEMO)

# One thread a process: two processes with all cores each would slow one another down.
test: $(STAMP)  ## run the tests, slow ones left out
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q

test-slow: $(STAMP)  ## run the tests that take more than half a minute
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q -m slow

# With the torch of VENV, which must be a build for CUDA.
test-cuda: $(STAMP)  ## run the tests that need a CUDA device
	SSDKD_TEST_CUDA=1 $(BIN)/python -m pytest -q tests/test_devices/test_cuda.py

# Both environments are what a plain `pip install` makes, and hold torch as the index serves it.
$(OLDEST)/.installed: setup.py $(wildcard requirements/*.txt)
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
	rm -rf $(DEMO) build docs/_build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find ssdkd tools tests configs projects -name __pycache__ -type d -prune -exec rm -rf {} +
