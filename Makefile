# Everything happens in .venv; each step leaves a stamp there, so a second call starts at once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
APT_PACKAGES := libegl1 libgl1-mesa-dri libosmesa6
ARGS ?=
WORKERS ?= auto

# The steps share one environment.
.NOTPARALLEL:

.PHONY: help quickstart test lint types contract docs check clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

quickstart: .venv/.core .venv/.rendering ## Install, then train, evaluate, film and gate a first agent
	$(BIN)/daneel train quickstart $(ARGS)

test: .venv/.dev .venv/.rendering ## Install, then run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist loadscope $(ARGS)

lint: .venv/.dev ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev ## Check types
	$(BIN)/pyright

contract: .venv/.dev ## Check which room imports which
	$(BIN)/lint-imports

docs: .venv/.dev ## Build the site; its tables must equal the records
	$(BIN)/daneel bench table control README.md docs/*.md docs/*/*.md --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

check: lint types contract docs test ## All of the above that must pass before a change lands

clean: ## Remove the environment and everything that was built
	rm -rf .venv build dist site *.egg-info

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Daneel needs Python 3.11 or newer. Type: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo "This Python cannot make environments. Type: sudo apt-get install -y python3-venv"; exit 1; }

.venv/.core: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing Daneel into .venv (about 2 GB, a minute or two)"
	$(INSTALL) -e .
	@touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing Daneel with its suites and tools into .venv (about 3 GB, a few minutes)"
	$(INSTALL) -e '.[dev,suites]'
	@touch .venv/.core $@

# No Python wheel brings an off-screen renderer. Without one everything but videos works.
.venv/.rendering: | .venv/.core
	@if $(BIN)/python -c 'import sys; from daneel.envs.rendering import gl_backend; sys.exit(gl_backend() is None)'; then \
		touch $@; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing the libraries for rendering: $(APT_PACKAGES)"; \
		{ apt-get update -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=30 && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends $(APT_PACKAGES) >/dev/null && touch $@; } \
		|| echo "That failed; videos are skipped until it works: apt-get install -y $(APT_PACKAGES)"; \
	else \
		echo "Videos are skipped until you type: sudo apt-get install -y $(APT_PACKAGES)"; \
	fi
