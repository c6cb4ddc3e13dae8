# The two commands of the README, and what a developer needs. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
SITE ?= one-machine
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: help demo test test-long check format lock bench clean debian debian-tests
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-22s %s\n", $$1, $$2}'

demo: ## Install what is missing, start the one-machine site, run the MNIST pipeline; leaves the site up
	@scripts/demo $(SITE)

test: debian-tests .venv/dev ## All tests that take no hours
	$(PYTEST) -m "not long" tests

test-long: debian-tests .venv/dev ## The tests that take long
	$(PYTEST) -m long --timeout 3600 tests

check: .venv/dev ## What CI checks besides tests: format, lint, types, layers, the agent's Python
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vermin --no-tips --violations -t=3.6- --eval-annotations src/ropeway_agent

format: .venv/dev ## Format the code, and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The lock files name versions and hashes, and no registry.
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command "make lock"
lock: ## Pin the newest versions of everything
	$(LOCK) --upgrade --extra postgresql pyproject.toml -o requirements/runtime.txt
	$(LOCK) --upgrade --extra postgresql --group dev pyproject.toml -o requirements/dev.txt
	for name in envs/* tests/environments/*; do $(LOCK) --upgrade $$name/requirements.in -o $$name/requirements.txt; done

debian:
	@scripts/install-debian-packages

debian-tests:
	@scripts/install-debian-packages --tests

.venv/runtime: requirements/runtime.txt requirements/build.txt
	@scripts/make-venv $(PYTHON) requirements/runtime.txt
	@touch $@

.venv/dev: requirements/dev.txt requirements/build.txt
	@scripts/make-venv $(PYTHON) requirements/dev.txt
	@touch $@ .venv/runtime

clean: ## Remove what was built here
	rm -rf .venv dist build .mypy_cache .ruff_cache .import_linter_cache

include benchmarks/benchmarks.mk scripts/mlops/mlops.mk
