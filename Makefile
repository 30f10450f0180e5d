# make        set up in .venv/, run the pipeline on the starter corpus, label the example pages
# make test   the fast tests and the examples of docstrings, a few minutes on two cores
# make test-integration  the tests that start processes, servers or browsers, or run the pipeline
# make test-all  both
# make test-lowest  the fast tests with the lowest versions that pyproject.toml allows
# make test-newest  the fast tests with Python 3.13, or another: make test-newest PYTHON_NEWEST=/path/to/python
# make test-consumers  the registered model in environments of its lowest and newest requirements, with several Pythons
# make fuzz   mutate inputs of every format for MINUTES=10, and stop at the first that is read wrongly
# make lint   formatting, lint, import order and types; these also against PySpark
# make import fetch the public corpora into data/public/, from public repositories at pinned commits
# make public the public profile and its report; fetches the public corpora where one is missing in data/public/
# make ship   copy the model of the public profile to where `newsdesk predict` finds it
# make peers  what fastText and Annif say of outlets that they never read (an hour; see benchmarks/README.md)
# make spark  PySpark too, for `newsdesk predict --engine spark` (needs Java 17)
# make notebooks  run the notebooks and write their outputs into them; commit first, two of them clone the project
# make site   the docs as a site in site/
# make screenshots  make the pictures of the docs anew (needs Chromium)
# make certify  run the committed lock again in a scratch clone and compare every byte; for a nightly job
# make lock   pin anew what pyproject.toml asks for (needs uv)

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PYTHON_NEWEST ?= python3.13
CONSUMER_PYTHONS ?= python3.11 python3.12 python3.13
VENV := .venv
READY := $(VENV)/ready
SPARK := $(VENV)/spark-ready
LOWEST := .venv-lowest
NEWEST := .venv-newest
ANNIF := benchmarks/.annif
CERTIFY_OPTIONS ?= # say --cpu generic
MINUTES ?= 10
PEER_OPTIONS ?= # of the peers' scripts, say --test-only data/public/egypt2013.jsonl.gz
PYTEST_OPTIONS ?= --numprocesses logical
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := all
.PHONY: all setup spark repro results public ship import peers test test-integration test-lowest test-newest test-consumers test-all fuzz lint notebooks site screenshots certify lock clean

all: results

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "newsdesk needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	@echo "setup: installing $$(grep -c == requirements.lock) packages into $(VENV)/, two to ten minutes"
	pip install $$(test -t 2 || echo --quiet) --require-hashes -r requirements.lock
	pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

spark: $(SPARK)

repro: $(READY)
	dvc repro

results: repro
	@newsdesk predict data/starter/pages --model model --output reports/pages.jsonl
	@echo
	@newsdesk results --summary
	@newsdesk predict data/starter/pages/page-06.txt data/starter/pages/page-10.txt --model model
	@if git status --porcelain dvc.lock 2>/dev/null | grep -q .; then \
	  echo "dvc.lock has changed. Unless you changed code or settings, this processor is no x86-64,"; \
	  echo "or the system's libraries are others (docs/certify.md); git checkout dvc.lock restores it."; echo; fi
	@echo "Next: source $(VENV)/bin/activate, then"
	@echo "  newsdesk predict FILE                label articles with the model that comes with"
	@echo "                                       newsdesk, which was trained on more outlets"
	@echo "  newsdesk predict FILE --model model  the model just trained, to experiment with"
	@echo "  newsdesk report                      see every score and every error in a page"
	@git config user.email >/dev/null || echo "  git config user.name NAME; git config user.email ADDRESS  # for DVC"
	@echo "  dvc exp run --temp -S train.C=3 --name weaker  # change a setting, and compare:"
	@echo "  dvc metrics diff HEAD weaker --targets metrics/evaluate.json"

public: $(READY)
	@for out in $$(sed -n 's/^  path: //p' data/public/*.dvc); do test -e data/public/$$out || exec $(MAKE) import; done
	test -e profiles/.dvcignore || trap 'rm -f profiles/.dvcignore' EXIT INT TERM; \
	echo '!dvc.yaml' > profiles/.dvcignore; dvc repro profiles/public/dvc.yaml  # see profiles/README.md
	cd profiles/public && newsdesk results
	newsdesk report --profile public

ship:
	@test -d profiles/public/ship || { echo "profiles/public/ship/ is missing: make public" >&2; exit 2; }
	rm -rf src/newsdesk/shipped
	cp -R profiles/public/ship src/newsdesk/shipped

import: $(READY)
	rm -rf data/public/.import && mkdir data/public/.import
	cp data/public/*.dvc data/public/.import
	cd data/public/.import && dvc init --quiet --no-scm && dvc pull
	for folder in data/public/.import/*/; do \
	  name=$$(basename $$folder) && rm -rf data/public/$$name && mv $$folder data/public/$$name || exit 1; \
	done
	rm -rf data/public/.import

peers: $(READY) $(ANNIF)/ready
	pip install --quiet --no-deps -r benchmarks/requirements.txt
	python benchmarks/outlets_fasttext.py $(PEER_OPTIONS) --output benchmarks/results/outlets_fasttext.parquet
	python benchmarks/outlets_annif.py $(PEER_OPTIONS) --output benchmarks/results/outlets_annif.parquet

$(SPARK): requirements-spark.lock $(READY)
	pip install --quiet --require-hashes --no-build-isolation -r $<
	touch $@

$(ANNIF)/ready: benchmarks/annif-requirements.lock
	$(PYTHON) -m venv $(ANNIF)
	$(ANNIF)/bin/pip install --quiet --require-hashes -r $<
	touch $@

test: $(READY)
	python -m pytest $(PYTEST_OPTIONS) --dist worksteal -m "not integration" --doctest-modules tests src/newsdesk

test-integration: $(READY) $(SPARK)
	python -m pytest $(PYTEST_OPTIONS) --dist loadgroup -m integration tests

test-lowest: $(LOWEST)/ready
	$(LOWEST)/bin/python -m pytest $(PYTEST_OPTIONS) --dist worksteal -m "not integration" tests

$(LOWEST)/ready: requirements-lowest.lock pyproject.toml
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/pip install --quiet --require-hashes -r requirements-lowest.lock
	$(LOWEST)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

test-newest: $(NEWEST)/ready
	$(NEWEST)/bin/python -m pytest $(PYTEST_OPTIONS) --dist worksteal -m "not integration" tests

$(NEWEST)/ready: requirements.lock pyproject.toml
	$(PYTHON_NEWEST) -m venv $(NEWEST)
	$(NEWEST)/bin/pip install --quiet --require-hashes -r requirements.lock
	$(NEWEST)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

test-consumers: $(READY)
	python -m tests.tracking.consumer_matrix $(CONSUMER_PYTHONS)

fuzz: $(READY)
	pip install --quiet atheris==3.0.0
	python tests/readers/fuzz.py --minutes $(MINUTES)

test-all: test test-integration

lint: $(READY) $(SPARK)
	ruff format --check .
	ruff check .
	lint-imports
	mypy

notebooks: repro
	python notebooks/run.py

site: $(READY)
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

screenshots: repro
	python docs/screenshots.py

certify: repro
	newsdesk certify $(CERTIFY_OPTIONS)

lock:
	uv pip compile pyproject.toml --extra train --extra formats --extra serve --extra dev --python-version 3.11 --universal --generate-hashes \
	  --no-emit-index-url --no-header --quiet --output-file requirements.lock
	uv pip compile pyproject.toml --extra train --extra formats --extra serve --extra dev --python-version 3.11 --generate-hashes \
	  --resolution lowest-direct --no-emit-index-url --no-header --quiet --output-file requirements-lowest.lock
	uv pip compile benchmarks/annif-requirements.txt --python-version 3.11 --universal --generate-hashes \
	  --no-emit-index-url --no-header --quiet --output-file benchmarks/annif-requirements.lock
	grep -o 'pyspark>[^"]*' pyproject.toml | uv pip compile - --python-version 3.11 --universal --generate-hashes \
	  --no-emit-index-url --no-header --quiet --output-file requirements-spark.lock

clean:
	rm -rf $(VENV) $(LOWEST) $(NEWEST) $(ANNIF) site model plots data/clean data/features data/heads data/predictions.parquet
