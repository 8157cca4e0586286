# fliqe_ros without a ROS 2 installation: everything goes into the virtual environment .venv.
# With ROS 2, put this folder into a workspace and use colcon instead.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
# The package with what the demo needs, and what developing needs beside it
INSTALLED := $(VENV)/.fliqe_ros_installed
DEVELOPING := $(VENV)/.fliqe_ros_developing
WATCHING := $(VENV)/.fliqe_ros_watching
PYTHON_CODE := $(wildcard benchmarks) docs/conf.py fliqe_ros launch setup.py test
# Folders too, so that a deleted file counts as a change
SOURCES := $(shell find config fliqe_ros launch msg scripts -name __pycache__ -prune -o -print) \
  CMakeLists.txt LICENSE Makefile package.xml plugin.xml pyproject.toml setup.cfg setup.py
NEEDS := sh -c 'echo "fliqe_ros needs $$0" >&2; exit 1'
# To the shell by its environment, as it was given: a path may have quotes, spaces and dollars
export DEMO_SOURCE := $(value SOURCE)

.DEFAULT_GOAL := help
.PHONY: help setup test test-slow demo monitor bench lint docs clean

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | \
	  awk -F '\t' '{ printf "  make %-9s %s\n", $$1, $$2 }'
	@echo '  Variables: PYTHON=python3  SOURCE=folder-or-video  DEMO_ARGS="…"'
	@echo '             PYTEST_ARGS="…"  BENCH_ARGS="…"'

setup: $(INSTALLED) $(DEVELOPING)  ## Make .venv with ROS 2 Jazzy, PyTorch and this package

test: $(INSTALLED) $(DEVELOPING)  ## Run the tests, but the slow ones (PYTEST_ARGS="-k name" for some)
	$(BIN)/pytest -n auto --dist loadfile $(PYTEST_ARGS)

test-slow: $(INSTALLED) $(DEVELOPING)  ## Run the tests that train, export or measure
	$(BIN)/pytest -n auto --dist loadfile -m slow $(PYTEST_ARGS)

# -I keeps this folder, whose fliqe_ros has no compiled messages, off the path.
demo: $(INSTALLED)  ## Simulated cameras, real node, live scores and demo.png
	$(BIN)/python -I -m fliqe_ros.tools.demo $(if $(DEMO_SOURCE),--source "$$DEMO_SOURCE") $(DEMO_ARGS)

monitor: $(INSTALLED) $(WATCHING)  ## The same, watched in a window until it is closed
	$(BIN)/python -I -m fliqe_ros.tools.demo --monitor $(if $(DEMO_SOURCE),--source "$$DEMO_SOURCE") $(DEMO_ARGS)

bench: $(INSTALLED) $(DEVELOPING)  ## Measure speed; tables and plots for docs/performance.md (BENCH_ARGS=--quick)
	for script in library parts node start gpu growth; do \
	  $(BIN)/python benchmarks/$$script.py $(BENCH_ARGS) || exit 1; done

lint: $(INSTALLED) $(DEVELOPING)  ## Check style (ament_flake8, ament_pep257, cmakelint) and types (mypy)
	$(BIN)/ament_flake8 $(PYTHON_CODE)
	$(BIN)/ament_pep257 $(PYTHON_CODE)
	$(BIN)/cmakelint --linelength=99 CMakeLists.txt
	$(BIN)/mypy

docs: $(INSTALLED) $(DEVELOPING)  ## Build the documentation: build/docs/index.html
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs

clean:  ## Remove everything that these commands made
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache demo.png
	find . -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): $(SOURCES) | $(BIN)/pip
	@echo 'Installing ROS 2, ONNX Runtime and this package into $(VENV).'
	$(BIN)/python -m pip install '.[ros,bags]'
	@touch $@

$(WATCHING): setup.cfg | $(INSTALLED)
	@echo 'Installing Qt into $(VENV): about 200 MB.'
	$(BIN)/python -m pip install 'fliqe_ros[ros,bags,monitor]'
	@touch $@

# The package is there, of this version: only what the extras name is installed.
$(DEVELOPING): setup.cfg | $(INSTALLED)
	@echo 'Installing what tests and training need into $(VENV): about 3 GB, most of it PyTorch.'
	$(BIN)/python -m pip install 'fliqe_ros[ros,bags,monitor,recordings,cluster,torch,docs,export,train,baselines,test,lint]'
	@touch $@

$(BIN)/pip:
	@test "`uname -sm`" = 'Linux x86_64' || \
	  $(NEEDS) 'x86-64 Linux for the ROS 2 wheels; elsewhere install ROS 2 and use colcon'
	@$(CXX) --version > /dev/null 2>&1 || $(NEEDS) 'a C++ compiler: sudo apt install g++'
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null || \
	  $(NEEDS) 'Python 3.10 or newer: sudo apt install python3, or make PYTHON=/path/to/python3'
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || \
	  $(NEEDS) 'the venv module of Python: sudo apt install python3-venv'
	@test -f "`$(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))'`/Python.h" || \
	  $(NEEDS) 'the header files of Python: sudo apt install python3-dev'
	$(PYTHON) -m venv --upgrade-deps $(VENV)
