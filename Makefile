PYTHON ?= python3
BIN := .venv/bin
DEFAULT = "not slow and not exhaustive"
# Each worker takes a GB of memory.
PYTEST = $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

.PHONY: help demo test test-slow test-pages test-exhaustive test-lowest test-newest lint format docs docs-serve schemas setup clean

help: ## lists the targets
	@awk -F ': .*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## sets up .venv and trains PLE on the bundled Adult data
	$(BIN)/mtl-train

test: setup ## sets up .venv and runs the default tests
	$(PYTEST) -m $(DEFAULT)

test-slow: setup ## runs the slow tests
	$(PYTEST) -m "slow and not exhaustive"

test-pages: setup ## runs the code blocks of the pages that test-slow leaves out
	$(PYTEST) -m exhaustive tests/docs

test-exhaustive: setup ## runs the tests that take too long for CI
	$(PYTEST) -m exhaustive

test-lowest: ## runs the default tests on the lowest versions that pyproject.toml allows
test-newest: ## runs the default tests on the newest versions that pyproject.toml allows
test-lowest: BIN = build/lowest/bin
test-lowest: RESOLUTION = lowest-direct
test-newest: BIN = build/newest/bin
test-newest: RESOLUTION = highest
test-lowest test-newest:
	$(PYTHON) -m venv --clear $(BIN:/bin=)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python \
		--resolution $(RESOLUTION) -e '.[dev,mlflow,wandb]'
	$(PYTEST) -m $(DEFAULT)

lint: setup ## checks style, types and the order of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy data/uci.py
	MYPYPATH=benchmarks $(BIN)/mypy benchmarks/two_workers.py  # and ours.py
	$(BIN)/lint-imports

format: setup ## mends style and formats the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## builds the documentation into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: setup ## shows the documentation on http://127.0.0.1:8000
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

schemas: setup ## writes the JSON schemas of the configs anew
	$(BIN)/python -m mtl_cli.config.json_schema

setup: .venv/ready ## makes .venv with everything for development

# --compile: TensorFlow's import takes 3 s byte-compiled and 10 s not.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	@echo "installing everything into .venv, which takes about two minutes"
	$(BIN)/python -m pip install --quiet --compile -c constraints.txt -e '.[dev,mlflow,wandb]'
	touch $@

clean: ## removes .venv and all caches
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
