# The two commands of the README. Each makes .venv from nothing if it must.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test fuzz lint benchmark clean

demo: $(VENV)/plainnet-cli
	$(BIN)/plainnet train digits

# Two processes with one BLAS thread each: two with two would wait for each other.
test: $(VENV)/plainnet-dev
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

# Damaged files and random arguments, as long as one likes: make fuzz MINUTES=60
MINUTES ?= 10
fuzz: $(VENV)/plainnet-dev
	PYTHONPATH=tests OPENBLAS_NUM_THREADS=1 $(BIN)/python -m fuzz --minutes $(MINUTES)

lint: $(VENV)/plainnet-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

benchmark: $(VENV)/plainnet-dev
	$(BIN)/python -m pip install --quiet torch
	$(BIN)/python benchmarks/training_step.py

# A file per set of extras says that it is installed; pyproject.toml decides what is in it.
$(VENV)/plainnet-%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@

clean:
	rm -rf $(VENV)
