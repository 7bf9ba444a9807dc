# Two commands matter: `make test` and `make demo`. Both set the repository up on first use.

PYTHON ?= python3
BIN := .venv/bin
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 4 --dist worksteal
PIP_FLAGS := --quiet --disable-pip-version-check --no-warn-script-location

.DEFAULT_GOAL := help
.PHONY: help setup test test-deep demo soak bench prove docs artifacts schemas package lint slither solc-check clean
.SUFFIXES:

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: .venv/.stamp-project node_modules/.stamp .solc/.stamp ## install everything the other targets need (they do it by themselves)
	@:

test: setup ## compile and run the tests, as many side by side as there are cores: four local chains for each
	@echo "compiling the contracts"
	@$(BIN)/ape compile --verbosity WARNING
	@echo "running the tests"
	@$(BIN)/ape test $(SIDE_BY_SIDE)

test-deep: setup ## the same with random examples: MINUTES a state machine, and SEED to see them again
	@$(BIN)/ape compile --verbosity WARNING
	@$(BIN)/ape test $(SIDE_BY_SIDE) --deep --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

demo: setup ## ERA across four chains, from nothing to a summary
	@$(BIN)/ape compile --verbosity WARNING
	@$(BIN)/ape run demo

soak: setup ## relayers and validators among hostile nodes, senders and recipients, killed at random: MINUTES (60) and SEED
	@$(BIN)/ape compile --verbosity WARNING
	@$(BIN)/python -m benchmarks.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

bench: setup benchmarks/peers/node_modules/.stamp ## gas beside the peers', and speed: the figures in benchmarks/ (some minutes, 500 MB the first time)
	@$(BIN)/ape compile --verbosity WARNING
	@$(BIN)/ape run bench gas
	@$(BIN)/ape run bench scale
	@$(BIN)/ape run bench speed
	@$(BIN)/ape run bench stakes

prove: setup .venv-prove/.stamp ## symbolic proofs with Halmos (fetched the first time)
	@$(BIN)/ape compile --verbosity WARNING
	@$(BIN)/python -m tools.proofs

docs: setup .venv-docs/.stamp ## the documentation as a site, with a reference of contracts and package (Sphinx is fetched the first time)
	@$(BIN)/python -m tools.reference docs/reference/contracts
	@.venv-docs/bin/sphinx-build -q -W --keep-going -E -d .build/site-pages -c docs . .build/site
	@echo "open .build/site/index.html"

artifacts: setup ## write metalayer/artifacts anew after a change of contracts: what is deployed, checked and reviewed
	@$(BIN)/python -m tools.toolchain artifacts

schemas: setup ## write docs/schemas anew after a change of what networks.yaml, deploy.yaml or a proposal may hold
	@$(BIN)/python -m tools.schemas

package: setup ## the contracts that others import, for npm and for pip, in dist/
	@$(BIN)/python -m tools.packages

lint: setup ## ruff, mypy and solhint
	@echo "ruff"
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .
	@echo "mypy --strict"
	@$(BIN)/mypy --no-error-summary
	@echo "solhint"
	@node_modules/.bin/solhint --disc --noPoster --max-warnings 0 'contracts/**/*.sol' 'benchmarks/peers/*.sol'

slither: setup ## static analysis of the contracts
	@echo "slither"
	@$(BIN)/python -m tools.toolchain slither

solc-check: setup ## native and npm's solc give the same bytes for every contract; SOLC=PATH names a native one
	@$(BIN)/python -m tools.toolchain compare $(if $(SOLC),--solc "$(SOLC)")

clean: ## remove what setup and the tools made; .metalayer stays: it may hold validators' records
	@rm -rf .venv .venv-prove .venv-docs docs/reference .solc node_modules benchmarks/peers/node_modules .build .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		crytic-export *.egg-info build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.stamp: requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found: install Python 3.11 or newer, or run 'make PYTHON=/path/to/python3 ...'" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $$($(PYTHON) --version 2>&1) is too old: install Python 3.11 or newer, or run 'make PYTHON=/path/to/python3 ...'" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $(PYTHON) cannot make virtual environments: install its venv module (python3-venv on Debian and Ubuntu)" >&2; exit 1; }
	@echo "setting up Python packages in .venv (a few minutes the first time)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --no-compile -r requirements.lock
	@touch $@

.venv-prove/.stamp: requirements-prove.lock
	@echo "setting up Halmos in .venv-prove"
	@$(PYTHON) -m venv .venv-prove
	@.venv-prove/bin/python -m pip install $(PIP_FLAGS) --no-deps --no-compile -r requirements-prove.lock
	@touch $@

.venv-docs/.stamp: requirements-docs.lock
	@echo "setting up Sphinx in .venv-docs"
	@$(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/python -m pip install $(PIP_FLAGS) --no-deps --no-compile -r requirements-docs.lock
	@touch $@

.venv/.stamp-project: pyproject.toml .venv/.stamp
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation -e .
	@touch $@

node_modules/.stamp: package.json package-lock.json .npmrc
	@command -v node >/dev/null || { echo "make: node not found: install Node.js 20 or newer" >&2; exit 1; }
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { echo "make: Node.js $$(node --version) is too old: install Node.js 20 or newer" >&2; exit 1; }
	@command -v npm >/dev/null || { echo "make: npm not found: install it with Node.js 20 or newer" >&2; exit 1; }
	@echo "setting up npm packages in node_modules"
	@npm ci --silent --no-audit --no-fund || { echo "make: npm ci failed: run 'npm ci' to see why" >&2; exit 1; }
	@touch $@

.solc/.stamp: ape-config.yaml tools/solc.js .venv/.stamp-project node_modules/.stamp
	@$(BIN)/python -m tools.toolchain install
	@touch $@

benchmarks/peers/node_modules/.stamp: benchmarks/peers/package.json benchmarks/peers/package-lock.json benchmarks/peers/.npmrc
	@echo "setting up the peers' npm packages (500 MB) in benchmarks/peers"
	@cd benchmarks/peers && npm ci --silent --no-audit --no-fund || { echo "make: npm ci failed: run 'npm ci' in benchmarks/peers to see why" >&2; exit 1; }
	@touch $@
