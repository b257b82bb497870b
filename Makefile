# Every target works from a fresh clone: it installs what it needs into .venv from the hashed locks.
PYTHON ?= python3
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --require-hashes --disable-pip-version-check
# Two cores: xdist's workers are the parallelism, so OpenMP must not spin beside them.
TEST_WORKERS ?= 2

.PHONY: help setup setup-dev demo test soak lint format typecheck notebooks docs bench scale quality spark thirty-nights lock clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "propensity needs Python 3.11 or newer; $(PYTHON) is older. Say which: make PYTHON=python3.12 ..."; exit 2; }
	@$(PYTHON) -m venv .venv || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 2; }

.venv/.runtime: .venv/pyvenv.cfg requirements.lock pyproject.toml
	@echo "Installing the runtime from requirements.lock (about a minute the first time) ..."
	@$(PIP_INSTALL) -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock
	@echo "Installing the development tools from requirements-dev.lock ..."
	@$(PIP_INSTALL) -r requirements-dev.lock
	@touch $@

setup: .venv/.runtime ## .venv with what users need
setup-dev: .venv/.dev ## .venv with what developers need as well

demo: setup ## simulate a CRM, train, score, and show the list
	@$(BIN)/propensity demo

test: setup-dev ## the whole suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

soak: setup-dev ## the tests that draw their cases, with as many cases as find what is rare
	PROPENSITY_SOAK=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/hostile/test_mutations.py -n 0

lint: setup-dev ## ruff, and the architecture's rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

format: setup-dev ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: setup-dev ## pyright, strict, on src
	$(BIN)/pyright

notebooks: setup-dev ## the .ipynb beside each notebooks/*.py
	$(BIN)/jupytext --to ipynb notebooks/*.py

docs: setup-dev ## write the pages that come from the code
	$(BIN)/python docs/generate.py

bench: setup-dev ## benchmarks of the hot paths, apart from the tests
	$(BIN)/python -m pytest benchmarks --benchmark-only -n 0

YARDSTICKS ?= yardsticks
SCALE ?= 50000,200000
scale: setup-dev ## features beside SQL and pandas by hand, with YARDSTICKS=FOLDER of those programs and SCALE=sizes
	$(BIN)/python benchmarks/scale.py --yardsticks $(YARDSTICKS) --work out/scale --leads $(SCALE)

# FLAML is a rival and not a dependency, so it has an environment of its own.
.venv-flaml/.ready: benchmarks/requirements-flaml.lock
	@$(PYTHON) -m venv .venv-flaml
	@.venv-flaml/bin/python -m pip install --quiet --require-hashes --disable-pip-version-check -r $<
	@touch $@

REAL ?= data
quality: setup-dev .venv-flaml/.ready ## model quality on three simulated worlds and, with REAL=FOLDER, on the flat files
	$(BIN)/python benchmarks/quality.py --real $(REAL) --flaml .venv-flaml/bin/python

spark: setup-dev ## Spark beside the embedded engine, with a training, questions and nights in a row
	PROPENSITY_REQUIRE_SPARK=1 PROPENSITY_SPARK_WHOLE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/engines -k spark -n 0

thirty-nights: setup-dev ## thirty simulated nights in a row, with faults (about ten minutes)
	$(BIN)/python benchmarks/thirty_nights.py

lock: ## rewrite both locks (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate \
	  pyproject.toml --extra build -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate \
	  pyproject.toml --extra build --extra dev --extra notebooks --extra tune --extra postgres --extra spark -c requirements.lock -o requirements-dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate \
	  benchmarks/requirements-flaml.in -o benchmarks/requirements-flaml.lock

clean: ## remove what the demo wrote and the environment
	rm -rf .venv .venv-flaml out mlflow.db mlartifacts
	find data models -mindepth 1 ! -name README.md -delete
