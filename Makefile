# Everything a developer or an operator types. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
export PORT ?= 8000
export BASE_URL ?= http://127.0.0.1:$(PORT)
export TESTS MINUTES

.PHONY: help run test coverage contract clients faults mutants experiment bench queries lint tour docs messages pictures env lock backup restore rollout cluster cluster-down

help: ## List what there is
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  Variables: PORT (8000), DATABASE_URL (SQLite), WORKERS (2), RELAY (0), MYSQL_IMAGE"

run: .venv/installed .env ## Install, migrate, fill an empty database with the demo shop, and serve
	@$(BIN)/python -m scripts.serve

test: .venv/installed-dev ## The suite on SQLite with a browser, and on MySQL in a container (REQUIRE_BROWSER=1, REQUIRE_MYSQL=1: or fail)
	@scripts/test

coverage: .venv/installed-dev ## Count which lines the suite on SQLite runs: 95 % or fail (it takes a half longer for it)
	@$(BIN)/python -m pytest --quiet --numprocesses 2 --ignore=ecommerce/tests/browser --ignore=ecommerce/tests/interleavings --cov --cov-report=term

contract: .venv/installed-dev ## Hold the OpenAPI description against the real server, by schemathesis (EXAMPLES=40 of each kind)
	@$(BIN)/python -m ecommerce.tests.contract $(EXAMPLES)

clients: .venv/installed-dev ## Check the description, generate clients from it, compile them, go the tour with two (needs node and a JDK)
	@$(BIN)/python -m ecommerce.tests.clients

faults: .venv/installed-dev ## Break the shop under load, in containers, and hold each answer against the database (FAULTS=long: at length; FAULTS_DATABASES=cluster: three nodes)
	@$(BIN)/python -m pytest --timeout=1800 benchmarks/faults

lint: .venv/installed-dev ## Format, lint, types, import contracts, migrations, generated documents
	@scripts/lint

mutants: .venv/installed-dev ## Put one-line faults into PATHS=, and list those that no test notices (TESTS=, MINUTES=20)
	@$(BIN)/python -m scripts.mutants $(PATHS)

bench: .venv/installed-dev ## Measure the server from outside; BENCH=full, scaling, rows, events or quick (docs/benchmarks)
	@$(BIN)/python -m benchmarks.bench

tour: .venv/installed ## Run the README's tour against BASE_URL
	@$(BIN)/python -m scripts.tour $(BASE_URL)

docs: .venv/installed-dev ## Write the generated documents anew: docs/openapi.yaml, docs/erd.md, the tables of endpoints
	@scripts/generate-docs docs
	@$(BIN)/python -m scripts.endpoints

messages: .venv/installed-dev ## Read what there is to translate into locale/ko, and compile it
	@$(BIN)/python -m scripts.messages

pictures: .venv/installed-dev ## Take the pictures of the manager's guide anew: docs/img/admin (needs Chromium)
	@$(BIN)/python -m ecommerce.tests.browser.pictures

queries: .venv/installed-dev ## Explain and time every read on millions of rows: docs/benchmarks/queries.md
	@$(BIN)/python -m benchmarks.queries

experiment: .venv/installed-dev ## The lock experiment: docs/benchmarks/experiment.md and plots (EXPERIMENT=quick)
	@$(BIN)/python -m benchmarks.experiment

lock: .venv/installed-dev ## Write requirements.lock anew from requirements.txt: what the image installs, by hash
	@scripts/lock

backup: ## Copy the database to backups/, while it is in use: Compose's, when it runs, else the SQLite file
	@scripts/backup

restore: ## Put the copy FILE= in the place of the database; migrations and an audit follow
	@scripts/restore "$(FILE)"

rollout: ## Replace Compose's two application servers one after the other, losing no request
	@scripts/rollout

cluster: ## Three databases in a group, two servers and the proxies, in containers; then the tour and the audit (docs/cluster.md)
	@SEED_DEMO=1 scripts/cluster up
	@$(PYTHON) -m scripts.tour "$$(scripts/cluster address)"
	@scripts/cluster compose exec -T app1 python manage.py audit </dev/null

cluster-down: ## Take all of it down, with its data
	@scripts/cluster down

env: ## Write .env with fresh secrets; one that is there gets those that it lacks
	@touch .env; chmod go= .env; $(PYTHON) scripts/new_env.py .env >> .env

.env:
	@$(MAKE) --no-print-directory env

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}. PYTHON=… picks another.")'
	@scripts/install-headers
	@$(PYTHON) -m venv .venv

.venv/installed: requirements.txt | .venv/bin/python
	@scripts/install-packages requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@scripts/install-packages requirements.txt requirements-dev.txt
	@touch $@
