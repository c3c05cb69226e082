# Everything happens inside this checkout: .venv/ (Python packages) and build/ (all that runs write).
PYTHON ?= python3

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
TESTS := $(wildcard tests/unit tests/contract tests/faults tests/e2e)

# Recipes get a home of their own in build/; only pip sees the caller's, for its configuration.
OWN_HOME := HOME="$(CURDIR)/build/home"
export PATH := $(BIN):$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_HOME := $(CURDIR)/build/ansible
export XDG_CACHE_HOME := $(CURDIR)/build/cache
export XDG_DATA_HOME := $(CURDIR)/build/home/.local/share
export PIP_CACHE_DIR ?= $(CURDIR)/build/cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# What the caller's shell says about other projects does not count here.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
unexport ANSIBLE_COLLECTIONS_PATH ANSIBLE_INVENTORY ANSIBLE_ROLES_PATH ANSIBLE_VAULT_PASSWORD_FILE ANSIBLE_STDOUT_CALLBACK
# Ansible refuses to start under a locale that is not UTF-8.
ifneq ($(shell locale charmap 2>/dev/null),UTF-8)
export LC_ALL := C.UTF-8
endif

.DELETE_ON_ERROR:
.PHONY: help demo demo-down test lint unit long molecule faults mutation capabilities sanity wheel bench changelog clean force
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' Makefile | expand -t 12

demo: $(VENV)/.lab ## start the simulated site and run the main job on it
	@$(OWN_HOME) bash tools/demo.sh

demo-down: $(VENV)/.lab ## stop the simulated site
	@$(OWN_HOME) $(VENV)/bin/nwcs-lab down

test: lint unit molecule ## the tests that need no root (lint, unit, contract, end to end, molecule)

lint: $(VENV)/.dev ## ruff, yamllint, ansible-lint, changelog fragments
	ruff check .
	yamllint --strict .
	$(OWN_HOME) ansible-lint -q
	antsibull-changelog lint

unit: $(VENV)/.dev
	$(OWN_HOME) pytest -n 2 --dist loadfile -m "not long" $(TESTS) $(PYTEST_ARGS)

long: $(VENV)/.dev ## the tests that take long: faults at every kind of step, sequences, interruptions, a hundred cameras
	$(OWN_HOME) pytest -n 2 --dist loadfile -m long $(TESTS) $(PYTEST_ARGS)

# Whatever happens, no lab stays behind.
molecule: $(VENV)/.dev
	@code=0; $(OWN_HOME) molecule test --all || code=$$?; \
	  if [ -e build/molecule/lab/lab.json ]; then $(OWN_HOME) nwcs-lab down --dir build/molecule/lab || true; fi; exit $$code

faults: $(VENV)/.dev ## cut every change off at every step boundary (an hour), writes build/faults.json
	NWCS_FAULTS=all $(OWN_HOME) pytest -n 0 tests/faults/test_faults.py $(PYTEST_ARGS)

mutation: $(VENV)/.dev ## take every row of every driver's table away, one by one: a test must fail (build/mutation.json)
	$(OWN_HOME) $(VENV)/bin/python tools/mutation.py $(MUTATION_ARGS)

# Debian's packages and PyPI, unpacked below build/; nothing is installed and nothing of this machine is changed.
test-real: $(VENV)/.dev ## motion, ZoneMinder, motionEye and an RTSP server as they are (root, Debian 12; six minutes)
	$(VENV)/bin/python tests/real/unpack.py build/real
	$(OWN_HOME) pytest -n 0 tests/real $(PYTEST_ARGS)

capabilities: $(VENV)/.dev ## find out what can be read and written where: docs/capabilities.md, build/capabilities.json
	$(OWN_HOME) $(VENV)/bin/python tools/capabilities.py $(CAPABILITIES_ARGS)

sanity: $(VENV)/.dev ## ansible-test sanity on a copy in build/
	@bash tools/sanity.sh $(SANITY_ARGS)

wheel: $(VENV)/.lab ## build the wheel, install it into a fresh environment, look for playbooks and commands
	@PYTHON="$(PYTHON)" bash tools/wheel_check.sh

bench: $(VENV)/.lab ## measure against the floor and ansible.builtin.uri, writes build/bench.json
	$(OWN_HOME) $(VENV)/bin/python tests/bench/bench.py $(BENCH_ARGS)

changelog: $(VENV)/.dev ## gather the fragments into CHANGELOG.md for the version in galaxy.yml
	antsibull-changelog lint
	antsibull-changelog release

clean: ## stop the lab, remove .venv and build
	@if [ -x $(VENV)/bin/nwcs-lab ] && [ -e build/lab/lab.json ]; then $(OWN_HOME) $(VENV)/bin/nwcs-lab down || true; fi
	rm -rf $(VENV) build dist .ansible .hypothesis .pytest_cache .ruff_cache tests/output

# --- the environment: made once, again when pyproject.toml or galaxy.yml change or the checkout has moved ---

ifneq ($(shell cat $(VENV)/.place 2>/dev/null),$(CURDIR))
$(VENV)/.lab: force
endif

$(VENV)/.lab: pyproject.toml galaxy.yml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "nwcs.hardening needs Python 3.11 or newer; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1 || true)." >&2; \
	  echo "Name a newer one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@if [ "$$(cat $(VENV)/.place 2>/dev/null)" != "$(CURDIR)" ] || ! $(VENV)/bin/python -c '' 2>/dev/null; then \
	  rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); fi
	@mkdir -p build/home build/cache
	@echo "Installing into $(VENV) (once)"
	@$(VENV)/bin/python -m pip install -q -e '.[lab]'
	@printf '%s\n' "$(CURDIR)" > $(VENV)/.place
	@touch $@

$(VENV)/.dev: $(VENV)/.lab
	@echo "Installing the test tools into $(VENV) (once)"
	@$(VENV)/bin/python -m pip install -q -e '.[lab,dev]'
	@touch $@
