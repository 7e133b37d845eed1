# Every command works on a machine with Python 3.11 or newer, make and a C toolchain.

PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python manage.py
STAMP := .venv/.installed
STAMP_DEV := .venv/.installed-dev

# Settings a production start would have: `make check` must see what a real deployment sees.
PRODUCTION := EVALSITE_ENV=production ALLOWED_HOSTS=evalsite.example.org \
	SECRET_KEY=$$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(64))") \
	DATABASE_URL=postgresql://evalsite@db.example.org/evalsite CELERY_BROKER_URL=redis://broker.example.org:6379/0

# Each process of the site and of the tests would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo up test check bench prove lock format

help: ## show these lines
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(STAMP) ## the site with example data and one account per role
	@$(RUN) demo $(ARGS)

up: $(STAMP) ## the site, empty at the first start
	@$(RUN) up $(ARGS)

test: $(STAMP_DEV) ## the whole suite, browser included
	@CHROMIUM_PATH="$$($(BIN)/python -m tests.running.chromium)" && export CHROMIUM_PATH && \
		$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --max-worker-restart 2 $(ARGS)

check: $(STAMP_DEV) ## style, types, import rules, templates, deployment settings, migrations
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	find templates -name '*.html' -print0 | xargs -0 -r $(BIN)/djade --target-version 5.2 --check
	$(PRODUCTION) $(RUN) check --deploy --fail-level WARNING
	$(PRODUCTION) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

bench: $(STAMP_DEV) ## speeds beside yardsticks
	@$(BIN)/python -m benchmarks.bench $(ARGS)

prove: $(STAMP_DEV) ## kills, stress and simulations at full counts; writes docs/proof.md
	@$(BIN)/python -m benchmarks.prove $(ARGS)

lock: $(STAMP_DEV) ## compile requirements*.txt from pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-header \
		pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-header \
		pyproject.toml --group dev -o requirements-dev.txt

format: $(STAMP_DEV) ## bring code and templates into form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	find templates -name '*.html' -print0 | xargs -0 -r $(BIN)/djade --target-version 5.2

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Evalsite needs Python 3.11 or newer; name one with make PYTHON=python3.12")'
	@echo "making .venv"
	@$(PYTHON) -m venv .venv || { echo "This Python has no venv module: install python3-venv."; rm -rf .venv; exit 1; }

# The stamp keeps the hash of what is installed, so that a touched but unchanged file installs nothing.
$(STAMP): requirements.txt | .venv/bin/python
	@$(call install,requirements.txt)

$(STAMP_DEV): requirements-dev.txt | .venv/bin/python
	@$(call install,requirements-dev.txt)
	@cp $(STAMP_DEV) $(STAMP)  # the development set holds the other one

define install
	sum=$$(cat requirements.txt requirements-dev.txt | $(BIN)/python -c "import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"); \
	if [ "$$(cat $@ 2>/dev/null)" != "$$sum" ]; then \
		echo "installing $(1)"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1) || exit 1; \
	fi; \
	echo $$sum > $@
endef
