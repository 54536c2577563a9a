# Set-up and everyday work. Each target brings what it needs: a virtual environment, a Docker engine, the base image.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# One more worker than cores: many tests wait for containers.
JOBS ?= $(shell echo $$(( $$(nproc 2>/dev/null || echo 2) + 1 )))

.PHONY: screenshots help install docker docker-stop image demo test soak lint bench build clean

help: ## show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | column -t -s "$$(printf '\t')"

install: $(VENV)/.ready ## make the virtual environment

$(VENV)/.ready: pyproject.toml requirements.lock scripts/venv.sh
	@scripts/venv.sh $(VENV)
	@touch $@

docker: ## find a Docker engine, or install and start one
	@scripts/docker.sh start

docker-stop: ## stop the engine that `make docker` started
	@scripts/docker.sh stop

image: install docker ## build the base image unless it is there
	@$(BIN)/loopwright image build

demo: image ## the whole loop on a sample repository; no API key needed
	@$(BIN)/python -m demo

lint: install ## ruff, mypy, the rooms' contract, the workflows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/check-jsonschema -q --builtin-schema vendor.github-actions action.yml actions/*/action.yml
	@$(BIN)/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml examples/workflows/*.yml
	@$(BIN)/check-jsonschema -q --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	@$(BIN)/zizmor --offline --no-progress -q action.yml actions .github/workflows

# Tests start this program hundreds of times: none of them shall compile it anew, whatever the environment says.
test soak: export PYTHONDONTWRITEBYTECODE =

test: lint image ## every check and every test
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

soak: image ## the same at full size: minutes, gigabytes, hundreds of kills
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m soak --timeout 7200

bench: image ## the table of measured figures
	@$(BIN)/python -m bench

screenshots: image ## record runs and draw the screens of docs/tui.md anew
	@$(BIN)/python scripts/screenshots.py

build: install ## sdist and wheel
	@$(BIN)/python -m build

clean: ## remove what make made here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
