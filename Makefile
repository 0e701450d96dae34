# Everything a person or CI does here; `make` alone lists it.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
APT := --yes --quiet=2 --no-install-recommends --option DPkg::Lock::Timeout=300

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

.venv/ready: requirements/uv.txt requirements/lock.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements/lock.txt requirements/uv.txt
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

setup: .venv/ready  ## the environment, the real binaries, the data set (first time: about ten minutes, mostly Go)
	$(BIN)/python -m rehearsal.servers.binaries
	$(BIN)/python -m tasks.dataset

run: setup  ## rehearse the main job on this machine and end with its report
	$(BIN)/mig run deployments/specs/rehearsal.yaml

serve: setup  ## Prefect's pages, a World, the deployments and a worker, until Ctrl-C
	$(BIN)/mig serve

debian:  ## Debian's packages for tests that need more than Python: installed as root, else named, and those tests skip
	@missing=$$(sed 's/ *#.*//' requirements/debian.txt | while read -r name; do \
	  dpkg-query --show --showformat='$${db:Status-Status}' "$$name" 2>/dev/null | grep -qx installed || echo "$$name"; \
	done | xargs); \
	[ -z "$$missing" ] || { [ "$$(id -u)" = 0 ] && apt-get $(APT) update && apt-get $(APT) install $$missing; } \
	  || echo "tests that need it are skipped; as root on Debian: apt-get install $$missing"

test: setup debian check  ## every check and every test, two files at a time: real processes mostly wait for one another
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: .venv/ready  ## format, lint, types, floors, the images' recipes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint --trusted-registry docker.io deployments/Dockerfile deployments/Dockerfile.worker

pictures: setup debian  ## the pictures of README and docs, from the pages that tests look at in a browser
	$(BIN)/python -m pytest -n 0 --pictures tests/e2e/test_pages.py tests/e2e/test_report_page.py

bench: setup debian  ## the benchmarks, each a ratio taken in one run
	$(BIN)/python -m bench

bench-training: setup  ## those of training and inference alone, against the article's loops
	$(BIN)/python -m bench training

bench-prefect: setup debian  ## those of server, worker and deployments alone: shortage, deaths, turns, history (an hour)
	$(BIN)/python -m bench prefect

bench-gpu: .venv/ready  ## the same on a GPU, with torch.compile, CUDA graphs, and memory against its estimate
	$(BIN)/python -m bench.gpu

bench-accuracy: setup  ## the article's cnn, 15 epochs, on the real test set (a quarter of an hour and more)
	$(BIN)/python -m bench.accuracy

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-annotate --no-header

lock:  ## resolve the dependencies anew; what pods and the images install is the same lock's, in parts
	$(COMPILE) --all-extras --group dev pyproject.toml --output-file requirements/lock.txt
	echo boto3 waitress | xargs -n 1 | $(COMPILE) --constraints requirements/lock.txt - --output-file training/requirements.txt
	$(COMPILE) --constraints requirements/lock.txt pyproject.toml --output-file requirements/worker.txt
	echo torch torchvision | xargs -n 1 | $(COMPILE) --constraints requirements/lock.txt - --output-file requirements/torch.txt

.PHONY: help setup run serve debian test check pictures bench bench-training bench-prefect bench-gpu bench-accuracy lock
