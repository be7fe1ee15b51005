# Two commands are all a person needs: `make demo` and `make test`. Each sets up what it needs.
SHELL := /bin/bash -euo pipefail
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROOMS := declaration facts gates operations deploys fleet lab bench tests
# tests and the lab run as root: they boot machines
ROOT := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=B70_LAB_DIR,B70_STATE,CI)

.PHONY: help setup demo test unit ssh boot vm lint types docs bench lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-7s %s\n", $$1, $$2}'

setup: $(VENV)/.installed ## Make the virtual environment from the lock file

$(VENV)/.installed: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' || \
	  $(if $(ROOT),sudo) apt-get install -y -qq --no-install-recommends python3-venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: setup ## Boot two lab rigs and a machine with its own kernel, converge them over real SSH
	$(ROOT) lab/demo.sh $(CURDIR)/$(BIN)/b70

test: setup ## Run all tests; at the end: how long each tier took, beside a CPU calibration
	$(BIN)/python -m tests.tiers unit ssh boot vm

unit: setup
	$(BIN)/pytest tests/unit -n 2 -q

ssh: setup
	$(ROOT) $(BIN)/pytest tests/ssh -n 2 --dist loadfile -q

boot: setup
	$(ROOT) $(BIN)/pytest tests/boot -n 3 --dist loadfile --no-loadscope-reorder -q

vm: setup
	$(ROOT) $(BIN)/pytest tests/vm -n 2 --dist worksteal -q

# The lab's guests are set up with quoted texts for other shells and awk (SC2016). Two of its files have
# notes of shellcheck and stay as they are: cached images are named by the hash of their text.
lint: setup ## Ruff and shellcheck; a hint where a file may be two rooms in one
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	git ls-files -z '*.sh' ':!lab' | xargs -0 $(BIN)/shellcheck -s sh
	git ls-files -z 'lab/*.sh' ':!lab/demo.sh' ':!lab/uml/kernel/build.sh' ':!lab/vm/guest/initramfs-hook.sh' | \
	  xargs -0 $(BIN)/shellcheck -s sh -e SC2016
	$(BIN)/shellcheck lab/demo.sh
	@find $(ROOMS) -name '*.py' -exec wc -l {} + | \
	  awk '$$2 != "total" && $$1 > 500 {print "hint: " $$2 " has " $$1 " lines: one purpose, or two?"}'

types: setup ## mypy --strict
	$(BIN)/mypy

docs: setup ## Write the generated pages of docs/
	$(BIN)/python -m fleet.docs
	$(BIN)/python -m gates.docs

bench: setup ## Speed against ansible-core, mitogen, stock pyinfra and plain ssh, as ratios
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-bench.lock
	$(ROOT) $(BIN)/python -m bench

lock: ## Refresh the lock files from the ranges in pyproject.toml
	rm -rf $(VENV)-lock && $(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet --disable-pip-version-check --editable .[dev]
	$(VENV)-lock/bin/pip freeze --exclude-editable --exclude b70fleet > requirements.lock
	$(VENV)-lock/bin/pip install --quiet --disable-pip-version-check --editable .[dev,bench]
	$(VENV)-lock/bin/pip freeze --exclude-editable --exclude b70fleet > requirements-bench.lock
	rm -rf $(VENV)-lock

clean: ## Remove the lab and the virtual environment
	-$(ROOT) $(BIN)/b70 lab down --purge
	rm -rf $(VENV)
