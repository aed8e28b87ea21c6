.DEFAULT_GOAL := help
.PHONY: help up down logs clean dashboard images seed-large test bench sqlx check
MAKEFLAGS += --no-print-directory
# What cargo would keep for the next edit costs a third more time and gigabytes; who edits has it by cargo itself, or by 1.
export CARGO_INCREMENTAL ?= 0

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

up: ## install what is missing, build, start Slipway, deploy the examples; running it again changes nothing
	@deploy/local/up.sh

down: ## stop Slipway; its data stays
	@deploy/local/down.sh

logs: ## follow Slipway's log
	@deploy/local/logs.sh

clean: ## stop Slipway and remove its containers, images and data
	@deploy/local/clean.sh

dashboard: ## build the pages for browsers, where something has changed; the api's program takes them in
	@deploy/local/packages.sh && deploy/local/dashboard.sh

images: ## build the images that steps run in, where something has changed
	@deploy/local/packages.sh && deploy/local/engine.sh start && deploy/local/images.sh

seed-large: ## fill the Slipway that runs with a million runs and ten million lines of log (RUNS=, LINES=, YES=1)
	@deploy/local/seed-large.sh

test: ## run all tests against real Postgres, Redis and Docker
	@deploy/local/test.sh

bench: ## measure, print a table, write bench.json
	@deploy/local/bench.sh

sqlx: ## describe the checked queries anew into .sqlx
	@deploy/local/sqlx.sh write

check: ## what CI checks besides the tests: format, lints, queries, licences
	@deploy/local/check.sh
