# Everything runs in .venv, which is made on first use and again when what is pinned changes.
MAKEFLAGS += --no-print-directory
export HOST PORT DATA_DIR ROLE SUB FILE N PART STACK STAGE PARAMETERS YES PREFIX AT
# What the SAM CLI wants to know before it looks at a template; no account is needed.
export AWS_DEFAULT_REGION ?= ap-southeast-3
export SAM_CLI_TELEMETRY = 0
# Where the layer's package lies.
export PYTHONPATH = layers/common

# Every process would compile what it imports anew. Not beside the sources: of functions all files are deployed.
export PYTHONDONTWRITEBYTECODE =
export PYTHONPYCACHEPREFIX = $(CURDIR)/.venv/bytecode

PYTHON ?= python3
SEEDS ?= 0:10000
BIN = .venv/bin
READY = .venv/ready
SAM = .venv/sam
LAYERS = $(wildcard layers/*/requirements.txt)

# Some files of tests need no second process, and the SAM CLI only where they test what it builds.
FILES = $(filter tests/%,$(ARGS))
BUILT = $(if $(FILES),$(filter tests/built%,$(FILES)),all)

.PHONY: help start reset test soak token load events redrive check format bench build deploy destroy restore openapi clean

help: ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

start: $(READY) ## Serve everything on http://127.0.0.1:3000 (PORT, HOST, DATA_DIR=.data, PARAMETERS)
	@exec $(BIN)/python -m local.start

reset: $(READY) ## Forget the local data: the next start begins with today's demo
	@exec $(BIN)/python -m local.reset

test: $(READY) $(if $(BUILT),$(SAM)/ready) ## Run every test, or those of ARGS=tests/local/test_load.py
	@# Sets are walked in the same order in every run.
	@PYTHONHASHSEED=0 $(BIN)/python -m pytest $(if $(FILES),,-n 2 --dist worksteal) $(ARGS)

soak: $(READY) ## Simulate SEEDS=0:10000 schedules of everything at once, or one seed again with its trace
	@exec $(BIN)/python -m tests.simulation $(if $(findstring :,$(SEEDS)),$(SEEDS),--trace $(SEEDS))

token: $(READY) ## Print a token: ROLE=admin|asesor|participant [SUB=<uuid>]
	@exec $(BIN)/python -m local.tokens

load: $(READY) ## Send FILE=records.jsonl to the running server
	@exec $(BIN)/python -m local.load

events: $(READY) ## Show the events of the server, those to come too (DATA_DIR=.data); Ctrl-C ends
	@exec $(BIN)/python -m local.events

redrive: $(READY) ## Try every failed change again now (STACK=<name> in AWS, else the running server)
	@exec $(BIN)/python -m local.redrive

check: $(READY) $(SAM)/ready ## Lint, types, template, API document, imports: seconds
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(SAM)/bin/sam validate --lint
	@$(BIN)/python -m local.complete
	@$(BIN)/python -m local.openapi --check
	@$(BIN)/python -m local.asyncapi --check
	@$(BIN)/python -m local.routes --check
	@$(BIN)/python -m benchmarks.bill --check
	@$(BIN)/python -m pytest -q tests/layer/test_imports.py

format: $(READY) ## Format the code, then say what is left to do by hand
	@$(BIN)/ruff check --quiet --fix --exit-zero . >/dev/null
	@$(BIN)/ruff format .
	@$(BIN)/ruff check .

bench: $(READY) $(SAM)/ready ## Measure what requests and changes cost (PART=requests|writes|reads|reach|starts, N=1000000)
	@exec $(BIN)/python -m benchmarks

build: $(READY) $(SAM)/ready ## Build for deployment (sam deploy follows)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(SAM)/bin/sam build

deploy: $(READY) $(SAM)/ready ## Put STAGE=dev or prod into your AWS account (PARAMETERS="Name=value …"), says first what it will do
	@exec $(BIN)/python -m local.deploy

destroy: $(READY) ## Take STAGE=dev away again with its data, says first what it will do
	@exec $(BIN)/python -m local.destroy

restore: $(READY) ## Put a stack's tables, as they were AT=<time>, into a new stack PREFIX=<name> (STACK=teaching-api)
	@exec $(BIN)/python -m local.restore

openapi: $(READY) ## Write docs/openapi.yaml, docs/asyncapi.yaml, docs/cost.md and README's table of routes anew
	@$(BIN)/python -m local.complete
	@$(BIN)/python -m local.openapi
	@$(BIN)/python -m local.asyncapi
	@$(BIN)/python -m local.routes
	@$(BIN)/python -m benchmarks.bill

clean: ## Remove everything that was made, the local data included
	@rm -rf .venv .tools .data .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +

# Speaks on standard error only: `make token` prints a token and nothing else.
$(READY): pyproject.toml $(LAYERS)
	@$(call environment,.venv,$(PYTHON))
	@$(call quietly,$(BIN)/python -m pip install --upgrade pip uv || $(BIN)/python -m pip install --upgrade pip)
	@$(call install,$(BIN)/python,$(addprefix -r ,$(LAYERS)) --group dev)
	@touch $@

$(SAM)/ready: pyproject.toml | $(READY)
	@$(call environment,$(SAM),$(BIN)/python)
	@test -x $(BIN)/uv || $(call quietly,$(SAM)/bin/python -m pip install --upgrade pip)
	@$(call install,$(SAM)/bin/python,--group sam)
	@touch $@

# An environment to install into: $(1) its folder, $(2) who makes it. One that was left half made, or that is
# of another Python, is made anew.
environment = if test -e $(1)/ready && $(call is_recent,$(1)/bin/python); then rm $(1)/ready; \
	elif $(call is_recent,$(2)); then \
		echo "Setting up $(1) (once)" >&2; rm -rf $(1) && $(call quietly,$(2) -m venv $(1)); \
	else echo "Python 3.11 or later is needed, which $(2) is not: install one and name it, as in make start PYTHON=python3.12" >&2; exit 1; fi

is_recent = $(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null

# Packages, by uv or without it by pip: $(1) the interpreter, $(2) what to install.
install = if test -x $(BIN)/uv; \
	then $(call quietly,$(BIN)/uv pip install --python $(1) $(2)); \
	else $(call quietly,$(1) -m pip install $(2)); fi

# Runs $(1); of what it says only the last line is told, and only if it fails.
quietly = { said=$$( { $(1); } 2>&1 ) || { \
	echo "Setting up failed ($$(echo "$$said" | grep . | tail -n 1)): check the network and the free space (on Debian also apt install python3-venv), then try again" >&2; exit 1; }; }
