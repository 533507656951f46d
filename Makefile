# Every target sets up what it needs, on a machine that has python3 (3.11 to 3.13) and make.
# Your own pip and npm settings hold: nothing here names a package index.

WORKERS ?= 2
PYTEST_ARGS ?=
UPGRADE ?=

VENV := .venv
BIN := $(VENV)/bin
DEV := $(VENV)/.package $(VENV)/.dev
ANVIL := tools/anvil/node_modules
PEERS := benchmarks/peers/node_modules

# The locks are whole, and requirements/overrides.txt says where they differ from what their packages ask for.
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --no-deps
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)
INSTALL_PACKAGE := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
NPM := PATH="$$(cat '$(CURDIR)/$(VENV)/.npm'):$$PATH" npm --ignore-scripts --no-audit --no-fund --loglevel=error
COMPILE := $(BIN)/uv pip compile --quiet --python $(BIN)/python --python-version 3.11 --universal \
	--system-certs --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	--override requirements/overrides.txt $(if $(UPGRADE),--upgrade)

.DELETE_ON_ERROR:
.PHONY: help demo test prove fuzz bench check format artifacts lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# What people run

demo: $(VENV)/.runtime $(VENV)/.package ## settle a first trade on a chain inside this process
	@$(BIN)/peersettle demo

test: $(DEV) $(ANVIL)/.installed ## the tests, then the proofs
	$(PYTEST)
	@$(MAKE) --no-print-directory prove

prove: $(DEV) ## prove the invariants, and that each proof catches its planted bug
	$(BIN)/python proofs/run.py

fuzz: $(DEV) $(ANVIL)/.installed ## the tests with far more examples
	HYPOTHESIS_PROFILE=fuzz $(PYTEST) --timeout 0

bench: $(DEV) $(ANVIL)/.installed $(PEERS)/.installed ## gas and speed, beside measured peers
	$(BIN)/python -m benchmarks

check: $(DEV) ## format, lint, types, import layers, fresh artifacts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/build_artifacts.py --check
	$(BIN)/python tools/build_cli_reference.py --check

# What changes files

format: $(DEV) ## put the Python sources in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

artifacts: $(DEV) ## compile the contracts into what the package ships, write the commands' reference
	$(BIN)/python tools/build_artifacts.py
	$(BIN)/python tools/build_cli_reference.py

lock: $(DEV) $(VENV)/.npm ## pin the dependencies anew (UPGRADE=1: to the newest versions)
	$(COMPILE) pyproject.toml --group build --group dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml --group build -c requirements/dev.txt -o requirements/runtime.txt
	$(COMPILE) --group pyproject.toml:node -o requirements/node.txt
	cd tools/anvil && $(NPM) install --package-lock-only --omit-lockfile-registry-resolved

clean: ## remove everything that these targets made
	rm -rf $(VENV) $(ANVIL) $(PEERS) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# Set-up: each stamp is as new as what it was made from, so a second run starts at once

$(VENV)/.created:
	@for python in python3 python3.13 python3.12 python3.11; do \
		"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || continue; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null || { lacks=$$python; continue; }; \
		echo "environment: $(VENV), $$("$$python" --version)"; \
		"$$python" -m venv --clear $(VENV) && touch $@ && exit 0; exit 1; \
	done; \
	if [ -n "$$lacks" ]; then echo "error: $$lacks has no venv module; on Debian or Ubuntu: apt install python3-venv" >&2; \
	else echo "error: PeerSettle needs Python 3.11, 3.12 or 3.13; python3 is $$(python3 --version 2>&1)" >&2; fi; \
	exit 1

$(VENV)/.runtime: requirements/runtime.txt | $(VENV)/.created
	@echo "installing requirements/runtime.txt: about a minute, once"
	@$(PIP_INSTALL) -r requirements/runtime.txt
	@touch $@

$(VENV)/.package: pyproject.toml | $(VENV)/.runtime
	@$(INSTALL_PACKAGE)
	@touch $@

# The development lock contains the runtime lock, version for version.
$(VENV)/.dev: requirements/dev.txt | $(VENV)/.package
	@echo "installing requirements/dev.txt: about a minute, once"
	@$(PIP_INSTALL) -r requirements/dev.txt
	@touch $@

# Where npm is: the machine's own, or else the one that PyPI carries.
$(VENV)/.npm: requirements/node.txt | $(VENV)/.created
	@if node --version >/dev/null 2>&1 && [ "$$(npm --version 2>/dev/null | cut -d. -f1)" -ge 7 ] 2>/dev/null; then \
		dirname "$$(command -v npm)" > $@; \
	else \
		echo "installing requirements/node.txt: no npm 7 or newer on this machine"; \
		$(PIP_INSTALL) -r requirements/node.txt && echo "$(CURDIR)/$(BIN)" > $@; \
	fi

$(ANVIL)/.installed: tools/anvil/package-lock.json | $(VENV)/.npm
	@echo "installing anvil"
	@cd tools/anvil && $(NPM) ci
	@ls $(ANVIL)/@foundry-rs/anvil-*/bin/anvil* >/dev/null 2>&1 || { \
		echo "error: $(ANVIL) has no anvil for $$(uname -sm); put it there by hand, then: touch $@" >&2; exit 1; }
	@touch $@

$(PEERS)/.installed: benchmarks/peers/package-lock.json | $(VENV)/.npm
	@echo "installing the peers that the benchmarks measure"
	@cd benchmarks/peers && $(NPM) ci
	@touch $@
