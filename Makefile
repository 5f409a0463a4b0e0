# Thin on purpose: every target is a task of tools/dev.py, which sets up what it needs.
# Without make: python3 tools/dev.py TASK

PYTHON3 := $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell command -v $(name) 2>/dev/null)))
ARGS ?=

.PHONY: help setup demo serve fleet test crash soak check format lock tables bench build clean
.DEFAULT_GOAL := help

help setup demo serve fleet test crash soak check format lock tables bench build clean:
	@exec $(or $(PYTHON3),$(error Thingjobs needs Python 3.11 or later, and no python3 is on PATH)) tools/dev.py $@ $(ARGS)
