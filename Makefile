# Everything runs in .venv, which is made on first use and again when what is pinned changes.
MAKEFLAGS += --no-print-directory
export HOST PORT STORE DATA_DIR ROLE SUB FILE N PART STACK
# What the SAM CLI wants to know before it looks at a template; no account is needed.
export AWS_DEFAULT_REGION ?= ap-southeast-3
export SAM_CLI_TELEMETRY = 0
# Where the layer's package lies.
export PYTHONPATH = layers/common

# Every process would compile what it imports anew.
export PYTHONDONTWRITEBYTECODE =

PYTHON ?= python3
SEEDS ?= 0:10000
BIN = .venv/bin
READY = .venv/ready
SAM = .venv/sam

.PHONY: help start test soak token load redrive check format bench build openapi clean

help: ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

start: $(READY) ## Serve everything on http://127.0.0.1:3000 (PORT, STORE=disk|memory, DATA_DIR=.data)
	@exec $(BIN)/python -m local.start

test: $(READY) $(SAM)/ready ## Run every test
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

soak: $(READY) ## Simulate SEEDS=0:10000 schedules of everything at once, or one seed again with its trace
	@exec $(BIN)/python -m tests.simulation $(if $(findstring :,$(SEEDS)),$(SEEDS),--trace $(SEEDS))

token: $(READY) ## Print a token: ROLE=admin|asesor|participant [SUB=<uuid>]
	@exec $(BIN)/python -m local.tokens

load: $(READY) ## Send FILE=records.jsonl to the running server
	@exec $(BIN)/python -m local.load

redrive: $(READY) ## Try every failed change again now (STACK=<name> in AWS, else the running server)
	@exec $(BIN)/python -m local.redrive

check: $(READY) $(SAM)/ready ## Lint, types, template, API document: seconds
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(SAM)/bin/sam validate --lint
	@$(BIN)/python -m local.openapi --check
	@$(BIN)/python -m local.routes --check

format: $(READY) ## Format the code, then say what is left to do by hand
	@$(BIN)/ruff check --quiet --fix --exit-zero . >/dev/null
	@$(BIN)/ruff format .
	@$(BIN)/ruff check .

bench: $(READY) ## Measure what requests and changes cost (PART=requests|writes|reads|reach, N=1000000)
	@exec $(BIN)/python -m benchmarks

build: $(READY) $(SAM)/ready ## Build for deployment (sam deploy follows)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(SAM)/bin/sam build

openapi: $(READY) ## Write docs/openapi.yaml and README's table of routes anew
	@$(BIN)/python -m local.openapi
	@$(BIN)/python -m local.routes

clean: ## Remove everything that was made, the local data included
	@rm -rf .venv .tools .data .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +

# Speaks on standard error only: `make token` prints a token and nothing else.
$(READY): pyproject.toml layers/common/requirements.txt
	@echo "Setting up .venv (once)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip uv >&2 \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip >&2
	@$(call install,$(BIN)/python,-r layers/common/requirements.txt --group dev)
	@touch $@

$(SAM)/ready: pyproject.toml | $(READY)
	@echo "Setting up the SAM CLI (once)" >&2
	@test -x $(SAM)/bin/python || $(BIN)/python -m venv $(SAM) >&2
	@test -x $(BIN)/uv || $(SAM)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip >&2
	@$(call install,$(SAM)/bin/python,--group sam)
	@touch $@

# Packages, by uv or without it by pip: $(1) the interpreter, $(2) what to install.
install = if test -x $(BIN)/uv; \
	then $(BIN)/uv pip install --quiet --python $(1) $(2) >&2; \
	else $(1) -m pip install --quiet $(2) >&2; fi
