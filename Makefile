# make run: train on the bundled story and write on from "time traveller".  make test: lint and test the installed package.
PYTHON ?= python3
BIN := .venv/bin
BIOME := node_modules/.bin/biome
SOURCES := setup.py setup.cfg pyproject.toml constraints.txt README.md $(shell git ls-files chargen corpora checkpoints 2>/dev/null)

.PHONY: run test soak bench docs lint-pages

run: .venv/installed
	$(BIN)/chargen train --name make-run --overwrite
	$(BIN)/chargen sample "time traveller" --checkpoint make-run

test: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(MAKE) lint-pages
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2  # two at a time, one thread each

lint-pages:  # scripts and styles, by biome, where there is node
	@if ! command -v npm >/dev/null; then echo "THERE IS NO npm: the scripts and styles of pages were not linted" >&2; \
	elif [ ! -x $(BIOME) ] && ! npm install --silent --no-audit --no-fund --no-package-lock; then \
		echo "NPM COULD NOT INSTALL biome: the scripts and styles of pages were not linted" >&2; \
	else $(BIOME) ci --colors=off chargen/report/assets; fi

soak: .venv/tested  # the tests that take too long for every commit
	$(BIN)/pytest -m soak -s

bench: .venv/installed  # CORPUS=path/to/tinyshakespeare.txt where it is at hand
	$(BIN)/python benchmarks/bench.py $(CORPUS)

docs: .venv/installed  # write the tables of options and files anew
	$(BIN)/python docs/tables.py

.venv/installed: $(SOURCES) | .venv
	rm -rf build  # or files that are gone would be installed again
	$(BIN)/pip install --quiet -c constraints.txt .
	touch $@

.venv/tested: $(SOURCES) | .venv
	rm -rf build
	$(BIN)/pip install --quiet -c constraints.txt '.[test]'
	touch $@

.venv:
	$(PYTHON) -m venv .venv
