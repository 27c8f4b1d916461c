# Set up, serve, train and check the model server. `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help

# The first that runs: some version managers leave a `python3.11` on the PATH that does not.
PYTHON ?= $(firstword $(shell for python in python3.11 python3; do \
	"$$python" -c '' 2>/dev/null && echo "$$python"; done))
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --generate-hashes \
	--python-version 3.11 --python-platform linux --annotation-style line --custom-compile-command "make lock"

# The served models: those that MODELS names, separated by commas, or every folder that is one.
# `make serve` trains those that the BentoML store lacks.
comma := ,
SERVED = $(or $(subst $(comma), ,$(MODELS)),$(patsubst models/%/__init__.py,%,$(wildcard models/*/__init__.py)))
CODE := $(wildcard framework models training serving monitoring registry security service.py load_tests deploy tests examples)

# Whose contracts are generated: the served models, and those of the tests.
PACKAGES := $(foreach package,models tests.models tests.server.toy_models tests.server.swap.models,--package $(package))

ON_ALL_CORES := --numprocesses auto --maxprocesses 4

export BENTOML_HOME ?= $(HOME)/bentoml
# BentoML reports its usage to its makers unless told not to.
export BENTOML_DO_NOT_TRACK := True

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: serve
serve: .models compile ## Train the models the store lacks, then serve (HOST; PORT, 3000; WORKERS, 1)
	@exec $(BIN)/bentoml serve --port "$${PORT:-3000}" $${HOST:+--host "$$HOST"}

# BentoML makes these itself, and ends in a traceback where it cannot.
FOLDERS := $(foreach name,bentos models envs tmp,"$(BENTOML_HOME)/$(name)")

.PHONY: .home
.home:
	@mkdir -p $(FOLDERS) || { echo "BentoML cannot keep its files in $(BENTOML_HOME):" \
		"name a folder that can be written, BENTOML_HOME=FOLDER" >&2; exit 1; }

.PHONY: .models
.models: .venv/.train .home
	@for model in $(SERVED); do \
		test -f "$(BENTOML_HOME)/models/$$model/latest" || $(BIN)/python -m training "$$model"; \
	done

.PHONY: compile
compile: .venv/.train ## Compile what scores trees, where there is a C compiler
	@$(BIN)/python framework/trees/compiler.py "$(BENTOML_HOME)/compiled" >/dev/null || true

.PHONY: build
build: .models ## Build the Bento: code, exact models, pinned packages
	@$(BIN)/python -m deploy build

.PHONY: image
image: .models ## Build the Bento and its image, with docker, podman or buildah (ARGS="--name NAME")
	@$(BIN)/python -m deploy image $(ARGS)

.PHONY: train
train: .venv/.train ## Train every model anew (ARGS, for example ARGS="--seed 1")
	@$(BIN)/python -m training all $(ARGS)

.PHONY: test
test: .venv/.dev ## Run every test that needs no container and no copy (ARGS, for example ARGS="-k schema")
	@$(BIN)/python -m pytest -m "not container and not copy and not clients and not peers" \
		$(ON_ALL_CORES) --dist loadfile $(ARGS)

.PHONY: test-thorough
test-thorough: .venv/.dev ## Run the tests of generated input with ten times the examples, new ones each time
	@$(BIN)/python -m pytest -m hypothesis --hypothesis-profile thorough $(ARGS)

.PHONY: fuzz
fuzz: .venv/.dev ## Send made-up requests to a locked server over every protocol, 78,000 of them
	@$(BIN)/python -m pytest -m fuzz tests/server/fuzz --hypothesis-profile fuzz \
		$(ON_ALL_CORES) -o faulthandler_timeout=0 $(ARGS)

.PHONY: test-clients
test-clients: .venv/.dev ## Run the clients of others that need an environment of their own
	@$(BIN)/python -m pytest -m clients $(ARGS)

.PHONY: test-peers
test-peers: .venv/.dev ## Run BentoML's own tests with our class, from ../shared/peers
	@$(BIN)/python -m pytest -m peers $(ARGS)

.PHONY: test-copy
test-copy: .venv/.dev ## Add, take out and train models in copies of the repository, as its pages say
	@$(BIN)/python -m pytest -m copy -o faulthandler_timeout=0 $(ARGS)

.PHONY: test-container
test-container: .venv/.dev ## Build, run, roll and inspect the real image (ARGS, as for test)
	@$(BIN)/python -m pytest -m container tests/container $(ARGS)

.PHONY: check
check: .venv/.dev ## Lint, check formatting, types, imports, stubs and scripts; needs no network
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(CODE)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	bash -n .ci/run
	bash -n deploy/container/base-image
	$(BIN)/lint-imports
	@$(BIN)/python -m framework protos --check $(PACKAGES)

.PHONY: format
format: .venv/.dev ## Format the code and apply the safe fixes
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

.PHONY: protos
protos: .venv/.dev ## Generate the models' .proto files from their types, and all gRPC stubs
	@$(BIN)/python -m framework protos $(PACKAGES)

.PHONY: new
new: .venv/.dev ## Make a model of a table (NAME=…, DATA=FILE, TARGET=COLUMN; ARGS for more)
	@$(BIN)/python -m framework new "$(NAME)" --data "$(DATA)" --target "$(TARGET)" $(ARGS)

.PHONY: lock
lock: .venv/.dev ## Resolve pyproject.toml into requirements*.txt (ARGS=--upgrade: newest of the rest)
	$(LOCK) $(ARGS) --output-file requirements.txt
	$(LOCK) $(ARGS) --extra monitoring --constraint requirements.txt \
		--output-file requirements-monitoring.txt
	$(LOCK) $(ARGS) --extra monitoring --extra train --constraint requirements-monitoring.txt \
		--output-file requirements-train.txt
	$(LOCK) $(ARGS) --extra monitoring --extra train --extra dev --constraint requirements-train.txt \
		--output-file requirements-dev.txt

.PHONY: bench
bench: .venv/.dev compile ## Measure all systems side by side, write docs/benchmarks.md (ARGS="--data PATH")
	@$(BIN)/python -m load_tests $(ARGS)

.PHONY: bench-quick
bench-quick: .venv/.dev compile ## The same in about two minutes, to the terminal
	@$(BIN)/python -m load_tests --quick $(ARGS)

.PHONY: bench-peers
bench-peers: .venv/.dev compile ## The same with other model servers, each installed on first use
	@$(BIN)/python -m load_tests --systems \
		fastapi-tuned,server,mlserver,litserve,rayserve --output docs/benchmarks-peers.md $(ARGS)

.PHONY: dev
dev: .venv/.dev ## Install what tests, examples and benchmarks need

.PHONY: clean
clean: ## Remove .venv, caches and reports; the BentoML store stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage report.html
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What is installed is remembered by a stamp, so that later runs start at once. The four files
# agree on every version and each holds the one before it: installing the smaller set into the
# environment of the larger one changes nothing, and the larger one counts as the smaller.
#
# Serving needs requirements.txt alone. `make serve` installs requirements-train.txt because it
# trains on the first run, and training needs pandas.

.venv/bin/python:
	@"$(PYTHON)" -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 is needed")'
	"$(PYTHON)" -m venv .venv

.venv/.train: requirements-train.txt | .venv/bin/python
	$(PIP_INSTALL) --requirement $<
	@touch $@

.venv/.dev: requirements-dev.txt | .venv/bin/python
	$(PIP_INSTALL) --requirement $<
	@touch $@ .venv/.train
