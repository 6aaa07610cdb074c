# Every target sets up what it needs and is safe to repeat. Nothing here needs root, Docker or AWS credentials.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
PORT ?= 4566
BIN := .venv/bin
# Set-up runs on the Python of the machine, also where .venv has another one.
SET_UP := PATH="$(PATH)" $(PYTHON) scripts/set_up.py
# With bytecode off, as some machines have it, pytest would compile every test and its assertions again in each worker.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest
# The CDK and npm start Node by name; the one of the virtual environment comes first.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

SHELL_FILES := .ci/run $(wildcard runtime_images/*/*.sh scripts/*.sh docs/api-examples/*.sh docs/callback-examples/*.sh findings/*.sh)
DOCKERFILES := $(wildcard runtime_images/*/Dockerfile)

.PHONY: help
help: ## Say what each target does
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Make .venv (the app), .venv-emulator (AWS on this machine) and node_modules (the CDK CLI), with PYTHON=python3
	@$(SET_UP) $(if $(filter setup,$(MAKECMDGOALS)),,--quiet)

.PHONY: setup-generators
setup-generators: setup
	@$(SET_UP) --quiet --generators

.PHONY: local
local: setup ## The main job on this machine: bring the serverless side up on an emulator, send tasks, show the images
	$(BIN)/python -m local_stack

.PHONY: up
up: setup ## Leave that stack up in the background (PORT=4566), and print how to use it from curl, Python and Node
	$(BIN)/python -m local_stack.up --port $(PORT)

.PHONY: down
down: ## Stop the stack that `make up` left up (PORT=4566)
	@test ! -x $(BIN)/python || $(BIN)/python -m local_stack.down --port $(PORT)

.PHONY: test
test: setup lint ## Everything that must hold before a change lands, in at most 5 minutes
	$(PYTEST) -m "not soak" --numprocesses 2 --dist loadgroup

.PHONY: test-pythons
test-pythons: setup ## The unit tests on every other Python from 3.11 on that this machine has
	$(BIN)/python scripts/test_pythons.py

.PHONY: soak
soak: setup-generators ## The long forms of what `make test` samples, in at most 25 minutes
	$(PYTEST) -m soak --numprocesses 2 --dist loadgroup

.PHONY: synth
synth: setup ## Write cdk.out/SdOnEKSStack.template.json from config.yaml (CDK_CONFIG_PATH names another file)
	$(BIN)/node node_modules/aws-cdk/bin/cdk synth --quiet

.PHONY: diff
diff: synth ## Show what a deployment would change, Kubernetes objects as YAML (TEMPLATE names an older template to compare with)
	$(BIN)/python scripts/diff.py $(if $(TEMPLATE),--template '$(TEMPLATE)')

.PHONY: lint
lint: setup ## Formatting, style, words, types, layers, templates' and images' linters
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/yamllint --strict config.yaml docs/examples
	$(BIN)/shellcheck $(SHELL_FILES)
	$(BIN)/hadolint $(DOCKERFILES)
	$(BIN)/python scripts/check_words.py
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

.PHONY: generate
generate: setup ## Write what is generated from the code: schemas, validator, OpenAPI, pages, lists of model folders
	$(BIN)/python scripts/generate.py

.PHONY: format
format: setup ## Format the code and fix what the linter can
	$(BIN)/ruff check --quiet --fix . || true
	$(BIN)/ruff format .

.PHONY: bench
bench: setup synth ## Measure synthesis, the stop of a server, the task API and the queue agent: medians, side by side, against their limits
	$(BIN)/python scripts/bench_synth.py
	$(BIN)/python scripts/measure_stop.py
	$(BIN)/python scripts/bench_task_api.py
	cd scripts && ../$(BIN)/python -m bench_agent

.PHONY: lock
lock: setup ## Write the lock files again from pyproject.toml and the requirements.in files
	$(BIN)/uv pip compile $(LOCK_FLAGS) pyproject.toml --extra dev $(AGENT)/requirements.in --output-file requirements/dev.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) --constraints requirements/dev.txt $(AGENT)/requirements.in --output-file $(AGENT)/requirements.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) requirements/emulator.in --output-file requirements/emulator.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) requirements/generators.in --output-file requirements/generators.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) requirements/bootstrap.in --output-file requirements/bootstrap.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) requirements/pip.in --output-file requirements/pip.txt
	for folder in . $(GENERATED_CLIENTS); do (cd $$folder && npm install --package-lock-only --omit-lockfile-registry-resolved); done

AGENT := runtime_images/queue_agent
GENERATED_CLIENTS := tests/integration/generated_clients
LOCK_FLAGS := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

.PHONY: clean
clean: ## Remove everything that the other targets made
	rm -rf .venv .venv-emulator .venv-generators .venv-3.* node_modules .set-up.lock .cache cdk.out .local images .mypy_cache .ruff_cache .pytest_cache .hypothesis bench-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
