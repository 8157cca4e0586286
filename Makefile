# fliqe_ros without a ROS 2 installation: everything goes into the virtual environment .venv.
# With ROS 2, put this folder into a workspace and use colcon instead.

PYTHON ?= python3
VENV ?= .venv

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.fliqe_ros_installed
PYTHON_CODE := $(wildcard benchmarks) fliqe_ros launch setup.py test
# Folders too, so that a deleted file counts as a change
SOURCES := $(shell find config fliqe_ros launch msg scripts -name __pycache__ -prune -o -print) \
  CMakeLists.txt LICENSE Makefile package.xml pyproject.toml setup.cfg setup.py
NEEDS := sh -c 'echo "fliqe_ros needs $$0" >&2; exit 1'

.DEFAULT_GOAL := help
.PHONY: help setup test demo bench lint clean

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | \
	  awk -F '\t' '{ printf "  make %-8s %s\n", $$1, $$2 }'
	@echo '  Variables: PYTHON=python3  SOURCE=folder-or-video  DEMO_ARGS="…"'
	@echo '             PYTEST_ARGS="…"  BENCH_ARGS="…"'

setup: $(INSTALLED)  ## Make .venv with ROS 2 Jazzy, PyTorch and this package

test: $(INSTALLED)  ## Run all tests (PYTEST_ARGS="-k name" for some)
	$(BIN)/pytest $(PYTEST_ARGS)

# -I keeps this folder, whose fliqe_ros has no compiled messages, off the path.
demo: $(INSTALLED)  ## Simulated cameras, real node, live scores and demo.png
	$(BIN)/python -I -m fliqe_ros.tools.demo $(if $(SOURCE),--source "$(SOURCE)") $(DEMO_ARGS)

bench: $(INSTALLED)  ## Measure speed; tables and plots for docs/performance.md (BENCH_ARGS=--quick)
	for script in library node gpu growth; do \
	  $(BIN)/python benchmarks/$$script.py $(BENCH_ARGS) || exit 1; done

lint: $(INSTALLED)  ## Check the style as ROS 2 does (ament_flake8, ament_pep257, cmakelint)
	$(BIN)/ament_flake8 $(PYTHON_CODE)
	$(BIN)/ament_pep257 $(PYTHON_CODE)
	$(BIN)/cmakelint --linelength=99 CMakeLists.txt

clean:  ## Remove everything that these commands made
	rm -rf $(VENV) build *.egg-info .pytest_cache demo.png
	find . -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): $(SOURCES) | $(BIN)/pip
	@echo 'Installing into $(VENV); the first time downloads about 3 GB, most of it PyTorch.'
	$(BIN)/python -m pip install '.[ros,torch,docs,export,train,baselines,test,lint]'
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
