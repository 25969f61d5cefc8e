# A fresh machine needs two commands: `make demo` and `make test`.
VENV ?= .venv
PYTHON ?= python3
OUT ?= out/demo
BIN := $(VENV)/bin

WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist

.PHONY: demo test test-slow check lint bench study docs release-check first-day clean

demo: $(VENV)/installed  ## run everything on videos that the package renders itself
	$(BIN)/actionpairs demo --out $(OUT)

test: lint  ## lint, types, import contracts, and every test that is not slow
	$(PYTEST) worksteal -m "not slow"

test-slow: $(VENV)/installed  ## the tests that `make test` leaves out
	$(PYTEST) loadfile -m slow

check: lint  ## lint, types, import contracts, and the tests that take moments: before every commit
	$(PYTEST) worksteal -m "not slow" $(FAST_TESTS)

FAST_TESTS := tests/test_*.py tests/curation tests/templates

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed  ## every benchmark, as tables
	for script in $(filter-out $(addprefix benchmarks/,harness.py bench_video.py decoders.py),$(wildcard benchmarks/*.py)); do $(BIN)/python $$script || exit 1; done

study: $(VENV)/installed  ## the study on two cores, two rows at once; SIZE=gpu for the large one, MINUTES=9 for a part of it
	$(BIN)/python docs/study $(or $(SIZE),cpu) --out out/study/$(or $(SIZE),cpu) \
		--jobs $(or $(JOBS),$(if $(filter gpu,$(SIZE)),1,2)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(ROWS),--rows $(ROWS))

first-day: $(VENV)/installed  ## the tutorial from the wheel, in fresh environments, outside of the checkout; PYTHONS="…" for others
	$(BIN)/python tests/first_day/replay.py $(addprefix --python ,$(or $(PYTHONS),python3.11 python3.13))

docs: $(VENV)/installed  ## the site, into out/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

release-check: $(VENV)/installed  ## wheel and sdist from HEAD, checked, and the demo from the wheel in a fresh environment
	PYTHON=$(abspath $(BIN)/python) bash .ci/release

clean:
	rm -rf $(VENV) out build *.egg-info

# An environment that cannot run, is of an older Python, or was moved here is made again.
IS_NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
ifneq ($(shell $(BIN)/python $(IS_NEW_ENOUGH) 2>/dev/null && grep -q '$(abspath $(BIN))' $(BIN)/pip && echo whole),whole)
$(shell rm -f $(VENV)/installed)
IS_BROKEN := $(wildcard $(VENV)/pyvenv.cfg)
endif

# The pins are what we run; setup.cfg holds the ranges that we promise.
$(VENV)/installed: setup.cfg constraints.txt
	@$(PYTHON) $(IS_NEW_ENOUGH) || { echo "actionpairs needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1)." \
		"Name another, for example: make $(or $(MAKECMDGOALS),demo) PYTHON=python3.12" >&2; exit 1; }
	$(if $(IS_BROKEN),@echo "$(VENV) is of another Python or place: it is made again."; rm -rf $(VENV))
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[train,mpii,ray,app,trackers,docs,test]"
	touch $@
