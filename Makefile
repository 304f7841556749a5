# GNU make. `make run` and `make test` need python3 >= 3.11, git and make; everything else is fetched by pip and npm.
#
#   make run     set everything up and serve http://127.0.0.1:8080 with a demo group
#   make test    all tests (installs what they need; Chromium by apt-get when root)
#   make check   lint, types, import contracts, purity, generated files, the client's types, lock files
#   make dev     as run, and builds the client again whenever its source changes
#   make bench   join times and CPU per forwarded packet, from real runs
#   make lock    refresh requirements.lock
#   make clean   remove what the above made; the data in var/ stays

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WEB := web_client
ARGS ?=
# Every branch of the pure core is reached by its tests; `make test` says so where one is not.
PURE_TESTS := tests/protocol tests/rooms tests/moderation
# One after another, since each drives several pages of Chromium; all others share two processes.
BROWSER_TESTS := tests/end_to_end tests/media/test_browser.py

SHELL := /bin/sh
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: run test check dev bench lock clean lint types contracts generated web-check web-test

PIP := PIP_USER=0 $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet --constraint requirements.lock
# A linked environment belongs to another working tree, and would be turned towards this one.
INSTALL := test -L $(VENV) || $(PIP)
# npm and vite look for `node` on the path; it comes from PyPI into the virtual environment.
NPM := cd $(WEB) && PATH="$(CURDIR)/$(BIN):$$PATH" npm --no-update-notifier --no-audit --no-fund

# Without a client (its folder has no package.json) the web steps have nothing to do.
HAVE_WEB := $(wildcard $(WEB)/package.json)
WEB_SOURCES := $(if $(HAVE_WEB),$(shell find $(WEB) -path $(WEB)/node_modules -prune -o -path $(WEB)/dist -prune -o -type f -print))
WEB_DIST := $(if $(HAVE_WEB),$(WEB)/dist/index.html)
WEB_MODULES := $(if $(HAVE_WEB),$(WEB)/node_modules/.package-lock.json)

# ── what people type ────────────────────────────────────────────────────────────────────────────

run: $(VENV)/.installed $(WEB_DIST)
	exec $(BIN)/holdspace serve --demo $(ARGS)

dev: $(VENV)/.installed-dev $(WEB_DIST)
	@scripts/dev.sh $(ARGS)

test: $(VENV)/.installed-dev $(WEB_DIST) web-test
	$(if $(ARGS),,$(BIN)/python -m coverage erase)
	$(if $(ARGS),,$(BIN)/python -m coverage run -m pytest --quiet --numprocesses=2 $(PURE_TESTS) </dev/null)
	$(if $(ARGS),,$(BIN)/python -m coverage combine --quiet)
	$(if $(ARGS),,$(BIN)/python -m coverage report)
	$(if $(ARGS),,$(BIN)/python -m pytest --quiet --numprocesses=2 \
	  $(addprefix --ignore=,$(PURE_TESTS) $(BROWSER_TESTS)) </dev/null)
	@CHROMIUM="$$(scripts/chromium.sh)" && export CHROMIUM && \
	$(BIN)/python -m pytest $(or $(ARGS),$(BROWSER_TESTS)) </dev/null

check: lint types contracts generated web-check
	@echo "check: all good"

bench: $(VENV)/.installed-dev $(WEB_DIST)
	@CHROMIUM="$$(scripts/chromium.sh)" && export CHROMIUM && \
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(VENV) build *.egg-info $(WEB)/node_modules $(WEB)/dist .hypothesis .ruff_cache .import_linter_cache
	rm -rf .pytest_cache .coverage .coverage.* test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ── the parts of check ──────────────────────────────────────────────────────────────────────────

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check

types: $(VENV)/.installed-dev
	$(BIN)/basedpyright
	$(BIN)/basedpyright --project pyrightconfig.tests.json

contracts: $(VENV)/.installed-dev
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/python -m pytest --quiet tests/architecture </dev/null

generated: $(VENV)/.installed-dev
	$(BIN)/python -m protocol.generate --check

web-check: $(WEB_MODULES)
	@$(if $(HAVE_WEB),$(NPM) --silent run check </dev/null,:)

web-test: $(WEB_MODULES)
	@$(if $(HAVE_WEB),$(NPM) --silent test </dev/null,:)

# ── setting up; each file is the stamp of a step, made again only when what it depends on changed ──

$(BIN)/python:
	@scripts/create_venv.sh "$(PYTHON)" $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml requirements.lock
	@echo "Installing Holdspace's dependencies into $(VENV) …"
	@$(INSTALL) --editable '.[fast,client]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what tests and checks need …"
	@$(INSTALL) --editable '.[fast,client,dev]'
	@touch $@

$(WEB)/node_modules/.package-lock.json: $(WEB)/package.json $(WEB)/package-lock.json | $(VENV)/.installed
	@echo "Installing the client's dependencies …"
	@$(NPM) --loglevel=error ci </dev/null
	@mkdir -p $(@D) && touch $@

$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(WEB_SOURCES)
	@echo "Building the client …"
	@$(NPM) --silent run build </dev/null
	@touch $@

# In an environment of its own, so that nothing which happens to be installed gets in.
lock:
	@rm -rf build/lock && mkdir -p build
	@scripts/create_venv.sh "$(PYTHON)" build/lock
	@build/lock/bin/python -m pip --disable-pip-version-check --no-input install --quiet '.[fast,client,dev]'
	@{ sed -n '/^#/p' requirements.lock; \
	   build/lock/bin/python -m pip --disable-pip-version-check freeze --exclude holdspace; } > build/requirements.lock
	@mv build/requirements.lock requirements.lock
	@git --no-pager diff --stat requirements.lock
