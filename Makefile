# make demo: train, score and sample a character model.   make test: the whole suite.
# make lint: format, linters, spelling, types.   make bench: compare with other libraries.
# All make their own environment in .venv; all that they need is Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test bench docs lint clean
.DELETE_ON_ERROR:

NATIVE := $(shell find native -name '*.cpp' -o -name '*.h' -o -name CMakeLists.txt)

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "bptt needs Python 3.11 or newer; $(PYTHON) is older: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/ready: pyproject.toml $(NATIVE) | .venv/bin/pip
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/ready-test: pyproject.toml $(NATIVE) | .venv/bin/pip  # compiles once, for both
	$(BIN)/pip install --quiet --editable '.[test]'
	touch .venv/ready $@

demo: .venv/ready  # one BLAS thread: on small products two wait for each other; the engine has its own
	OPENBLAS_NUM_THREADS=1 $(BIN)/python examples/demo.py

test: .venv/ready-test
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

bench: .venv/ready-bench  # compares with PyTorch, ONNX Runtime and JAX: at most 15 minutes
	$(BIN)/python benchmarks/bench.py --out build/benchmark.md $(ARGS)

.venv/ready-bench: .venv/ready
	$(BIN)/pip install --quiet torch==2.13.0 onnxruntime onnx jax jaxlib
	mkdir -p build
	touch $@

docs:  # the site, into build/site
	PYTHON=$(PYTHON) docs/build.sh

lint: .venv/ready-test
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/codespell
	$(BIN)/pyright
	$(BIN)/python tools/type_completeness.py
	$(BIN)/clang-format --dry-run --Werror $(filter %.h %.cpp,$(NATIVE))
	$(BIN)/python tools/native_stub.py --check
	$(BIN)/python tools/docstrings.py --check
	$(BIN)/pre-commit validate-config

clean:
	rm -rf .venv build dist
