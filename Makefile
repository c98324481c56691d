# make run    an example store, the server, and a signed curl to paste (PORT=8080)
# make test   the whole test suite
# make lint   style and types
# make guard  whether requests cost what was accepted; make guard-accept accepts what they cost now
# Each makes what it needs by itself; nothing is installed outside of this folder, but for the
# Debian packages that tests and guard drive (PHP, curl, valgrind), and those only when run as root.

SHELL := /bin/sh
PORT ?= 8080
PYTEST_ARGS ?=
BIN := .venv/bin

.PHONY: run test lint guard guard-accept venv venv-test packages packages-guard clean

run: venv
	@export PATH="$(CURDIR)/$(BIN):$$PATH" PORT="$(PORT)"; exec sh examples/demo.sh

test: packages venv-test
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: venv-test
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

guard: packages-guard venv-test
	@$(BIN)/python -m benchmarks.guard

guard-accept: packages-guard venv-test
	@$(BIN)/python -m benchmarks.guard --accept

venv:
	@sh tools/venv.sh

venv-test:
	@sh tools/venv.sh test

packages:
	@sh tools/packages.sh

packages-guard:
	@sh tools/packages.sh guard

clean:
	rm -rf .venv .demo-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
