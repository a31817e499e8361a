# make demo    try it in a browser          make test    lint, types, all tests
# make check   the same, and known vulnerabilities of what is installed (needs the network)
# make bench   what it costs, as ratios     make wording collect the sentences for translators
SHELL := /bin/bash
PYTHON ?= $(shell for one in python3.13 python3.12 python3.11 python3; do \
	command -v $$one >/dev/null && $$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$one; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8090

.PHONY: demo test check lint types tests audit bench bench-faq wording picture clean

demo: $(VENV)/.installed
	$(BIN)/mesobot demo --port $(PORT)

test: lint types tests

check: test audit

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

tests: $(VENV)/.installed-dev
	$(BIN)/pytest -q -n 2

audit: $(VENV)/.installed-dev  # needs the network: the licences, and what is known to be unsafe, of what is installed
	@$(BIN)/python -m tests.test_licences
	@test -x $(VENV)/audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)/audit && \
		$(VENV)/audit/bin/pip install --quiet --disable-pip-version-check 'pip-audit>=2.9,<3'; } || { \
		rm -rf $(VENV)/audit; echo "NOT AUDITED: pip-audit cannot be had from the package index that pip uses here"; exit 2; }
	$(VENV)/audit/bin/pip-audit --path "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

bench: $(VENV)/.installed-dev $(VENV)/bench  # make bench ARGS="--quick updates"
	$(BIN)/python -m tests.benchmarks $(ARGS)

$(VENV)/bench: | $(VENV)/.installed-dev  # aiogram, the other yardstick: a place of its own, for its older pydantic
	@$(PYTHON) -m venv $@ && $@/bin/pip install --quiet --disable-pip-version-check "$$($(BIN)/python -c 'import \
		tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["bench"])')" || { \
		rm -rf $@; echo "aiogram cannot be installed: the rest is measured"; }

bench-faq: $(VENV)/.installed-dev
	$(BIN)/python -m tests.benchmarks.bench_faq $(DATA)

wording: $(VENV)/.installed-dev
	$(BIN)/python -m tests.test_wording

picture: $(VENV)/.installed-dev
	$(BIN)/python -m tests.picture

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "mesobot needs Python 3.11 or newer: install it (Debian: apt install python3 python3-venv)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python's venv module is missing: install it (Debian: apt install python3-venv)"; exit 1; }
	@touch $@

$(VENV)/.installed: pyproject.toml | $(VENV)/.made
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/.made
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
