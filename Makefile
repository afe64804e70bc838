# Every verb a contributor needs; `make` alone prints them. What each target needs is installed on its first run.

.DEFAULT_GOAL := help
.PHONY: help demo test verify check format bench docs lock package clean

# The Python to build the environment with, the demo's port, and what else to hand to pytest.
export PYTHON
PORT ?= 8000
ARGS ?=

python := .venv/bin/python
# Generators of documents and catalogues; each also has --check, which changes nothing and fails on a difference.
generators := $(wildcard tools/catalogues.py tools/documents.py tools/specification.py)

help: ## print this list
	@echo "Portico's verbs:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r verb what; do \
		printf '%-16s %s\n' "$$verb" "$$what"; done

demo: ## seed a demo in .demo/ and serve it (PORT=8000; RESET=1 starts over)
	@tools/environment.sh run
	@PORTICO_DATA=.demo PORTICO_PORT=$(PORT) $(python) -m portico demo $(if $(RESET),--reset)
	@PORTICO_DATA=.demo PORTICO_PORT=$(PORT) exec $(python) -m portico serve --dev

test: ## run every test once; installs what is missing (ARGS="-k word" narrows it)
	@tools/environment.sh test
	@tools/system_packages.sh
	@$(python) -m pytest -n 2 $(ARGS)

verify: ## run the tests with the full numbers and write docs/verification.md; takes hours
	@tools/environment.sh test
	@tools/system_packages.sh
	@PORTICO_VERIFY=1 $(python) -m pytest -n 2 --timeout=0 --junit-xml=.verify/tests.xml $(ARGS)
	@$(python) tools/verification.py .verify/tests.xml

check: ## formatting, lint, types, floors, catalogues and generated documents; changes nothing
	@tools/environment.sh test
	$(python) -m ruff format --check .
	$(python) -m ruff check .
	$(python) -m mypy
	.venv/bin/lint-imports --no-cache
	@for generator in $(generators); do echo "$(python) $$generator --check"; $(python) $$generator --check || exit 1; done

format: ## put the code into its form, mending what can be mended without thought
	@tools/environment.sh test
	@$(python) -m ruff check --fix-only .
	@$(python) -m ruff format .

bench: ## measure speed, memory and start (bench/README.md says what)
	@tools/environment.sh test
	@$(python) -m bench $(ARGS)

docs: ## write the generated documents and catalogues anew
	@tools/environment.sh test
	@for generator in $(generators); do $(python) $$generator || exit 1; done

lock: ## pin the dependencies anew (ARGS=--upgrade moves all of them)
	@tools/environment.sh test
	@tools/lock.sh $(ARGS)

package: ## build the wheel into dist/
	@tools/environment.sh run
	@$(python) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf build && ls dist

clean: ## remove everything that make has made
	@rm -rf .venv .demo .verify .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist \
		src/*.egg-info src/portico/_build.txt
	@find . -name __pycache__ -prune -exec rm -rf {} +
