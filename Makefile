# make run: set up, then search, retrain and test on MNIST.   make test: set up, then the tests.   make help: the rest.

SHELL := /bin/sh
# The packages to install; envs/requirements-gpu.txt has the TensorFlow for NVIDIA GPUs.
LOCK ?= envs/requirements.txt
CORES ?= all
ARGS ?=
PYTHON ?=
export PYTHON
# Packages of search algorithms to install too, e.g. EXTRA="nevergrad cmaes"; .venv keeps those that it has.
EXTRA ?=

BIN := .venv/bin
SAMPLERS := atpe benchmarks cmaes keras-tuner nevergrad optuna-gp sherpa talos
EXTRAS := $(sort $(EXTRA) $(shell cat $(BIN)/.extras 2>/dev/null))
$(if $(filter-out $(SAMPLERS),$(EXTRAS)),$(error EXTRA: found $(EXTRAS), expected some of $(SAMPLERS)))
LOCKS := $(LOCK) envs/requirements-dev.txt $(EXTRAS:%=envs/requirements-%.txt)
export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport PYTHONPATH PYTHONHOME

.PHONY: help run watch dashboard report ui setup setup-cluster test test-slurm test-searchers test-fast lint format lock pictures clean

help:  ## What can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

run: setup  ## The main job; more for Snakemake in ARGS, e.g. make run ARGS="--configfile configs/tutorial.yaml"
	@PYTHONPATH=scripts python -m snakeras.workflow.stale_lock $(ARGS)
	@snakemake --cores $(CORES) --resources gpu=1 $(ARGS)

watch:  ## How far the searches in this folder are, from another terminal; --once in ARGS: and end
	@PYTHONPATH=scripts python -m snakeras.workflow.watch $(ARGS)

dashboard: setup  ## Optuna's dashboard on all searches of this folder, live; in ARGS e.g. --port 8081 or --host 0.0.0.0
	@PYTHONPATH=scripts python -m snakeras.report.dashboard $(ARGS)

report: setup  ## Write report.html, for a finished search
	snakemake --report report.html $(ARGS)

ui: setup  ## Open the MLflow UI on mlflow.db
	mlflow ui --backend-store-uri sqlite:///mlflow.db

setup: $(BIN)/.ready  ## Make .venv from the locked, hashed requirements; EXTRA=nevergrad: with that search algorithm

# A checksum, not a time, tells whether .venv has what the locks say; and it does not work in another place.
STAMP := { echo '$(CURDIR)'; cksum $(LOCKS); }

$(BIN)/.ready: FORCE
	@$(STAMP) | cmp -s - $@ || $(MAKE) --no-print-directory install

.PHONY: FORCE install
FORCE:

install:
	@python=$$(sh envs/find-python.sh) && rm -rf .venv && "$$python" -m venv .venv
	@echo "Installing the packages of $(strip $(LOCK) $(EXTRAS)) into .venv"
	@python -m pip install -qq --disable-pip-version-check --require-hashes --requirement envs/requirements-uv.txt
	@uv pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python $(LOCKS)
	@echo $(EXTRAS) > $(BIN)/.extras
	@$(STAMP) > $(BIN)/.ready

test: setup  ## All tests
	@python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

setup-cluster: setup  ## What make setup makes, with the plugins for clusters
	@uv pip install --quiet --no-deps --compile-bytecode --require-hashes --python $(BIN)/python --requirement envs/requirements-cluster.txt

test-slurm: setup-cluster  ## The tests that start a Slurm (as root; installs Slurm and munge by apt-get where they are missing)
	@python -m pytest -m slurm tests/cluster $(ARGS)

test-searchers: setup  ## Searches by every search algorithm that is installed, see EXTRA; half an hour
	@python -m pytest -m searchers $(ARGS)

test-fast: setup  ## The tests that run no workflow and train nothing
	@python -m pytest -m "not slow and not slurm" $(ARGS)

lint: setup  ## Style of Python and Snakemake files, and which package imports which
	@ruff check . && ruff format --check .
	@snakefmt --check Snakefile rules
	@snakemake --lint
	@PYTHONPATH=scripts lint-imports

format: setup  ## Bring Python and Snakemake files into style
	@ruff check --fix . && ruff format .
	@snakefmt Snakefile rules

COMPILE := uv pip compile --quiet --generate-hashes --no-annotate --no-header --python-version 3.11
UNIVERSAL := --universal --fork-strategy fewest

lock: setup  ## Lock the newest versions that envs/*.in allow
	$(COMPILE) $(UNIVERSAL) --upgrade --override envs/overrides.txt envs/requirements.in -o envs/requirements.txt
	$(COMPILE) --python-platform x86_64-manylinux_2_28 --override envs/overrides.txt envs/requirements-gpu.in -o envs/requirements-gpu.txt
	$(COMPILE) $(UNIVERSAL) envs/requirements-dev.in -o envs/requirements-dev.txt
	$(COMPILE) $(UNIVERSAL) envs/requirements-cluster.in -o envs/requirements-cluster.txt
	$(COMPILE) $(UNIVERSAL) envs/requirements-cloud.in -o envs/requirements-cloud.txt
	$(COMPILE) $(UNIVERSAL) envs/requirements-uv.in -o envs/requirements-uv.txt
	for extra in $(SAMPLERS); do $(COMPILE) $(UNIVERSAL) --override envs/overrides-samplers.txt envs/requirements-$$extra.in -o envs/requirements-$$extra.txt || exit; done
	python envs/pin.py

pictures: setup  ## Renew the pictures of the README from a finished main job; dag.svg: the jobs of a small search (needs Graphviz)
	cp results/mnist/plots/search/history.svg docs/
	snakemake --forceall --dag dot --config search='{max_evals: 5, parallelism: 2}' tracking='{uri: null}' 2>/dev/null | dot -Tsvg > docs/dag.svg

clean:  ## Delete results and prepared data (not .venv)
	rm -rf results resources
