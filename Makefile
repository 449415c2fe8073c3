# The verbs of this project. Each sets up what it needs by itself; see `make help`.
#
#   make demo ONCE=1        play the demonstration once and check it
#   make test ARGS="-k sip" pass arguments to pytest
#   make PYTHON=... WHEEL=1 which Python to use; the ready wheel of pjsua2 instead of building PJSIP

PY := .venv/bin/python
ARGS ?=
CONFIG ?= config/gateway.toml
export PYTHON WHEEL

.DEFAULT_GOAL := help
.PHONY: help setup build demo serve test quick bench sanitize pictures lint format wheel clean distclean

help: ## say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | while IFS='	' read -r verb what; do printf '  make %-10s %s\n' "$$verb" "$$what"; done

setup: ## install everything for running and testing
	@setup/setup.sh test

build: ## compile the audio core again after a change in native/
	@setup/setup.sh build

demo: ## a whole supervised call on this machine (ONCE=1: play it once, check it, exit)
	@setup/setup.sh demo
	@.venv/bin/gateway demo $(if $(ONCE),--once) $(ARGS)

serve: ## run the gateway (CONFIG=config/gateway.toml)
	@setup/setup.sh build
	@.venv/bin/gateway serve -c $(CONFIG) $(ARGS)

test: ## all tests but benchmarks and soaks
	@setup/setup.sh test
	@$(PY) -m pytest -m "not bench and not soak" $(ARGS)

quick: ## the tests that need no other program
	@setup/setup.sh test
	@$(PY) -m pytest $(ARGS)

bench: ## measure speed beside a minimal C relay, rtpengine and Asterisk
	@setup/setup.sh bench
	@$(PY) -m pytest -m bench -s -v $(ARGS)

sanitize: ## the audio core under ASan+UBSan, then TSan (ARGS="tsan tests/native/test_taps.py": one, with these tests)
	@setup/setup.sh test
	@setup/sanitize.sh $(ARGS)

pictures: ## screenshots of the console for the manuals, into docs/pictures
	@setup/setup.sh test
	@mkdir -p docs/pictures && PICTURES=docs/pictures $(PY) -m pytest -m browser tests/browser/test_browser_pictures.py $(ARGS)

lint: ## ruff, mypy, cython-lint and the import rules
	@setup/setup.sh test
	@setup/lint.sh

format: ## let ruff format the Python code
	@setup/setup.sh test
	@$(PY) -m ruff check --fix-only -q . && $(PY) -m ruff format .

wheel: ## build a wheel into dist/
	@setup/setup.sh build
	@PATH="$(CURDIR)/.venv/bin:$$PATH" $(PY) -m pip wheel --no-build-isolation --no-deps -w dist .

clean: ## remove what was compiled (the environment and the PJSIP cache stay)
	rm -rf build dist native/*.so .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .benchmarks
	find gateway native simulators tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## remove the Python environment, too
	rm -rf .venv
