# `make` lists the targets. Nothing outside this folder is changed.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help install quickstart test lint docs docs-links dist clean

PYTHON ?= python3
# A folder laid out like 300W's archives; empty for generated faces.
DATA ?=

tag = $(shell $(PYTHON) -c 'import sys; print("%d%d" % sys.version_info[:2])')
pinned = requirements/pinned-py$(tag).txt
pip = .venv/bin/python -m pip --disable-pip-version-check

# pip -q says nothing for minutes, pip without it says too much: one line that changes on a terminal,
# a line for each large download elsewhere.
define show
awk -v tty="$$(test -t 2 && echo 1)" '\
	/^ *(Collecting|Downloading|Using cached|Building|Installing)/ && !/metadata/ { \
	    sub(/^ +/, ""); sub(/ \(from .*/, ""); sub(/collected packages: .*/, "them (a minute)"); \
	    if (tty) printf "\r\033[K  %s", substr($$0, 1, 76); \
	    else if (/[0-9][0-9][0-9](\.[0-9]+)? MB|^Installing/) print "  " $$0; \
	    fflush() } \
	END { if (tty) printf "\r\033[K" }'
endef

help:
	@echo 'make quickstart             train and compare HGs and MHHN on generated faces, 6 minutes of two cores'
	@echo 'make quickstart DATA=DIR    the same on real faces: DIR as the archives of 300W unpack'
	@echo 'make test                   run the tests; they must reach 95% of the lines'
	@echo 'make lint                   check style and types'
	@echo 'make docs                   build the documentation in docs/_build/html'
	@echo 'make docs-links             check its links to other sites; needs internet'
	@echo 'make dist                   build sdist and wheel in dist/'
	@echo 'make clean                  remove .venv; data/ and work_dirs/ stay'
	@echo 'Each installs into .venv first where that is needed; PYTHON=... chooses the interpreter.'

install: .venv/.installed

# The lock is complete, so nothing is resolved (--no-deps): pip 23 looks past it for packages that are asked for
# with an extra (coverage[toml]) and fails as soon as a newer one is published.
# --no-build-isolation is for Python 3.12, where xtcocotools is built against the numpy in .venv.
.venv/.installed: setup.py pyproject.toml $(filter-out requirements/docs.txt,$(wildcard requirements/*.txt))
	@test -f $(pinned) || { echo "Python 3.10, 3.11 or 3.12 is needed: make PYTHON=python3.11" >&2; exit 1; }
	@echo 'Installing into .venv, 1 of 3: PyTorch and other packages (minutes)'
	@$(PYTHON) -m venv --clear .venv
	@$(pip) install --require-hashes --no-deps -r $(pinned) | $(show)
	@echo 'Installing into .venv, 2 of 3: OpenMMLab'
	@$(pip) install --require-hashes --no-deps --no-build-isolation \
	    -r requirements/openmmlab.txt -r requirements/xtcocotools.txt | $(show)
	@echo 'Installing into .venv, 3 of 3: this package'
	@$(pip) install --no-deps --no-build-isolation -e . | $(show)
	@.venv/bin/python -c 'import mhhn_mmpose, mmpose.models'
	@touch $@

quickstart: .venv/.installed
	@.venv/bin/python -W ignore tools/quickstart.py $(if $(DATA),--data "$(DATA)")

test: .venv/.installed
	@.venv/bin/python -m pytest --cov --cov-report=term

lint: .venv/.installed
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m ruff format --check .
	@.venv/bin/python -m mypy

.venv/.docs: .venv/.installed requirements/docs.txt
	@echo 'Installing Sphinx into .venv'
	@$(pip) install --require-hashes --no-deps -r requirements/docs.txt | $(show)
	@touch $@

# The whole repository is the source, so that links are right here and on GitHub; see docs/conf.py.
sphinx = .venv/bin/python -W ignore -m sphinx -c docs --keep-going

docs: .venv/.docs
	@$(sphinx) -q -W . docs/_build/html
	@echo 'docs/_build/html/index.html'

docs-links: .venv/.docs
	@$(sphinx) -b linkcheck . docs/_build/links

dist:
	@rm -rf build dist
	@$(PYTHON) -m venv --clear build/env
	@build/env/bin/python -m pip --disable-pip-version-check install -q build twine
	@build/env/bin/python -m build
	@build/env/bin/python -m twine check --strict dist/*

clean:
	rm -rf .venv build dist docs/_build docs/_api *.egg-info .*_cache .hypothesis .coverage*
