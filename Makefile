# Everything here sets itself up: a machine with Python 3.11+ and make is enough.
#   make demo    the main job, end to end, against local twins of Meta and Google
#   make test    the default test suite
#   make check   format, lint, types, architecture, dependencies, spelling
#   make bench   ratios within one run (make bench ONLY=name for one)
#   make generate  rewrite what is generated: docs/cli.md, pages of sources, the README's verbs, exported workflows
#   make example rewrite docs/online-retail from the real lines (DATA=… where they lie elsewhere)
#   make lock    refresh requirements/*.txt (hashes, no addresses)
.DEFAULT_GOAL := help
.PHONY: help setup demo test check format bench generate example lock clean

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
# Bytecode is kept: a process that compiles all that it imports takes four seconds longer to begin.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
UV := $(BIN)/uv
$(UV): ; @$(MAKE) setup
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
# Spark is half a gigabyte, Snowflake's connector wants an old protobuf: they stand apart.
EXTRAS := --extra bigquery --extra dedupe --extra ml --extra postgres --extra s3 --extra timestamps
# LightGBM wants a library of the system (libgomp), which the image has not.
DEVELOPED := $(EXTRAS) --extra lightgbm

help:
	@sed -n '2,10s/^# *//p' Makefile

setup: $(STAMP)

$(STAMP): requirements/uv.txt requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found on PATH." >&2; exit 2; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt -r requirements/uv.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	$(BIN)/passerelle demo

test: setup
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/typos

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

generate: setup
	$(BIN)/python -m passerelle.workflows.cli.reference --rewrite
	$(BIN)/python -m passerelle.workflows.cli.source_pages
	$(BIN)/passerelle workflows export --via command --out workflows/n8n/exported/command --quiet
	$(BIN)/passerelle workflows export --via http --out workflows/n8n/exported/http --quiet

example: setup
	$(BIN)/python -m tests.worked_example $(DATA)

lock: | $(UV)
	$(LOCK) pyproject.toml $(DEVELOPED) --group dev -o requirements/dev.txt
	$(LOCK) pyproject.toml $(EXTRAS) -c requirements/dev.txt -o requirements/runtime.txt
	$(LOCK) pyproject.toml --extra spark --extra spark-connect --extra ml --group apart -c requirements/dev.txt -o requirements/spark.txt
	$(LOCK) pyproject.toml --extra snowflake --group apart -o requirements/snowflake.txt
	$(LOCK) --group sdk -o requirements/sdk.txt
	$(LOCK) --group bqemulator -o requirements/bqemulator.txt
	$(LOCK) --group fakesnow -o requirements/fakesnow.txt
	$(LOCK) --group servers -o requirements/servers.txt
	echo uv | $(LOCK) - -o requirements/uv.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache dist bench/results.json
