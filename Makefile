# `make demo` sets up and trains PLE on Adult; `make test` sets up and runs the tests.
PYTHON ?= python3
BIN := .venv/bin
# Each worker takes a GB of memory.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

.PHONY: demo test test-slow lint setup clean

demo: setup
	$(BIN)/mtl-train

test: setup
	$(PYTEST) -m "not slow"

test-slow: setup
	$(PYTEST) -m slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: .venv/ready

# --compile: TensorFlow's import takes 3 s byte-compiled and 10 s not.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --compile -c constraints.txt -e '.[dev,mlflow,wandb]'
	touch $@

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache
