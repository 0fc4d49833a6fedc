# SPDX-License-Identifier: GPL-3.0-or-later
# Every path is relative and none is a target, so the checkout may lie anywhere, below a folder with a space too.

SHELL := /bin/bash
BLENDER := 4.5
PYTEST := -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal
MAIN := .venv/bin/python
export PYTHONDONTWRITEBYTECODE := # tests start Python hundreds of times: what one has compiled, the others read
PYTHON := $(if $(filter 4.5,$(BLENDER)),$(MAIN),.venv-$(BLENDER)/bin/python)

.PHONY: help demo gallery test pytest lint format extension model setup clean

help:
	@echo "make demo                 a fire loop from the bundled model, rendered by Blender: see out/demo"
	@echo "make gallery              every element in a scene of its own, rendered by Blender: see docs/gallery"
	@echo "make test                 checks and tests; BLENDER=5.0 or BLENDER=5.2 runs those in Blender on another version"
	@echo "make extension            the zip that Blender installs: see dist"
	@echo "make model                trains the bundled models anew, for hours: see runs"
	@echo "make lint, make format    check the code, put it in form"
	@echo "make clean                remove what was built"

demo: setup
	$(MAIN) examples/demo.py

gallery: setup
	$(MAIN) -m examples.gallery

# The other versions of Blender have no torch beside them: frames come from the main environment, as at a user's.
ifeq ($(BLENDER),4.5)
test: setup # the type checker takes one core for a while: the tests need not wait for it
	@$(MAKE) --no-print-directory --jobs 2 lint pytest
else
test: setup
	AIGC_PYTHON="$$PWD/$(MAIN)" $(PYTHON) $(PYTEST) tests/blender tests/test_extension.py
endif

pytest: setup
	$(MAIN) $(PYTEST)

lint: setup
	$(MAIN) -m ruff check
	$(MAIN) -m ruff format --check
	$(MAIN) -m mypy

format: setup
	$(MAIN) -m ruff check --fix
	$(MAIN) -m ruff format

extension: setup
	$(MAIN) scripts/build_extension.py dist

# As training/bundled.toml says. What was ended goes on with the same command; see docs/bundled-models.md.
model: setup
	$(MAIN) -m training make

setup:
	@scripts/setup 4.5
ifneq ($(BLENDER),4.5)
	@scripts/setup "$(BLENDER)"
endif

clean:
	rm -rf build dist out .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find aigc_blender training tests examples scripts -name __pycache__ -prune -exec rm -rf {} +
