# make run          an example store, the server, and a signed curl to paste (PORT=8080)
# make test         the test suite over SQLite, then over PostgreSQL (PYTEST_ARGS="-k history -x")
# make test-lowest  the suite over SQLite with the lowest versions that setup.cfg allows
# make lint         style and types
# make guard        instructions per request, against those accepted; guard-accept accepts today's
# make bench        speed beside other programs (BENCH_ARGS=--quick or --smoke for less of it)
# make profile      where the time of a request, of a row and of an imported line goes
# make servers      other WSGI servers beside ours
# make figures      the sizes that SECURITY.md names, measured
# make soak         clients of every kind for SOAK_SECONDS=30; every answer is checked
# make failover     kills the primary of three PostgreSQL servers under load; nothing may be lost
# make timing       compares the response times of an unknown user and of a wrong code
# make fuzz         coverage-guided fuzzing, FUZZ_SECONDS=20 for each target; fuzz-keep keeps inputs
# make audit        licences and known vulnerabilities of the dependencies
# make dist         the sdist and the wheel; dist-check makes them twice, compares and installs them
# make examples     nginx, systemd and Prometheus read the files in examples/
# make clean        removes all of it
# Each target installs what it needs into this folder. The Debian packages that some of them drive
# (PHP, Kannel, MariaDB, Redis, valgrind, wrk, nginx and others: tools/packages.sh) are installed only
# if make runs as root; otherwise it prints the command.

SHELL := /bin/sh
PORT ?= 8080
PYTEST_ARGS ?=
BENCH_ARGS ?=
PROFILE_ARGS ?=
SERVERS_ARGS ?=
FUZZ_SECONDS ?= 20
SOAK_SECONDS ?= 30
SOAK_ARGS ?=
FAILOVER_ARGS ?=
TIMING_ARGS ?=
BIN := .venv/bin

.PHONY: run test test-lowest lint guard guard-accept bench profile servers soak figures failover timing fuzz fuzz-keep
.PHONY: audit dist dist-check examples clean venv venv-test venv-bench venv-fuzz venv-release
.PHONY: packages packages-bench packages-examples packages-guard

run: venv
	@export PATH="$(CURDIR)/$(BIN):$$PATH" PORT="$(PORT)"; exec sh examples/demo.sh

# Processes that tests start need not compile what they load, even where Python was told to keep nothing.
test: export PYTHONDONTWRITEBYTECODE =
test: packages venv-test
	@$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile $(PYTEST_ARGS)
	@$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --engine=postgresql $(PYTEST_ARGS) $(if $(PYTEST_ARGS),|| [ $$? = 5 ])

# the SQLite suite with the lowest versions that setup.cfg allows
test-lowest: export PYTHONDONTWRITEBYTECODE =
test-lowest: packages venv-release
	@.venv-tools/bin/uv --quiet venv --clear --python .venv-tools/bin/python .venv-lowest
	@.venv-tools/bin/uv --quiet pip install --system-certs --python .venv-lowest \
	    --resolution lowest-direct --editable '.[test]'
	@.venv-lowest/bin/python -m pytest --numprocesses=2 --dist=loadfile $(PYTEST_ARGS)

lint: venv-test
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

fuzz: venv-fuzz
	@$(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS)

fuzz-keep: venv-fuzz
	@$(BIN)/python -m fuzz --keep

audit: venv-test venv-release
	@.venv-tools/bin/python tools/audit.py

dist: venv-release
	@sh tools/dist.sh

dist-check: venv-release
	@sh tools/dist-check.sh

examples: packages-examples venv
	@sh tools/examples.sh

bench: packages-bench venv-bench
	@benchmarks/.venv/bin/python -m benchmarks $(BENCH_ARGS)

guard: packages-guard venv-test
	@$(BIN)/python -m benchmarks.guard

guard-accept: packages-guard venv-test
	@$(BIN)/python -m benchmarks.guard --accept

figures: venv
	@$(BIN)/python -m checks.figures

soak: venv
	@$(BIN)/python -m checks.soak --seconds $(SOAK_SECONDS) $(SOAK_ARGS)

failover: venv-test
	@$(BIN)/python -m checks.failover $(FAILOVER_ARGS)

timing: venv
	@$(BIN)/python -m checks.timing $(TIMING_ARGS)

profile: packages-bench venv-bench
	@benchmarks/.venv/bin/python -m benchmarks.profile $(PROFILE_ARGS)

servers: packages-bench venv-bench
	@benchmarks/.venv/bin/python -m benchmarks.servers $(SERVERS_ARGS)

venv:
	@sh tools/venv.sh

venv-test:
	@sh tools/venv.sh test

venv-bench:
	@sh tools/venv.sh bench benchmarks/.venv

# atheris has no wheel for some Pythons and is never compiled here: without it, python -m fuzz stops
venv-fuzz: venv-test
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet \
	    --disable-pip-version-check --no-input --only-binary atheris --editable '.[fuzz]' 2>/dev/null || true

venv-release:
	@sh tools/venv.sh release .venv-tools

packages:
	@sh tools/packages.sh test

packages-bench packages-examples packages-guard: packages-%:
	@sh tools/packages.sh $*

clean:
	rm -rf .venv .venv-lowest .venv-tools .fuzz benchmarks/.venv benchmarks/.data .demo-* build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
