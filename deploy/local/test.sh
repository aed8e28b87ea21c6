#!/bin/bash
# Runs the tests against real Postgres, Redis and Docker, which it starts itself and ends afterwards.
# Arguments go to the test runner.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin
cd "$root"
# A state of its own, so that a running `make up` is not touched; what it downloads or logs is shared.
services=$state/test
mkdir -p "$services"

plan_stages 25 5 100 5 480 1500
stage "looking for what is missing"
"$root/deploy/local/packages.sh" tests

stage "finding a Docker engine"
engine_was_there=yes
timeout 10 docker version > /dev/null 2>&1 || engine_was_there=''
finish() {
  "$root/deploy/local/test-services.sh" stop "$services" || true
  [[ -n $engine_was_there || -n ${KEEP_ENGINE:-} ]] || "$root/deploy/local/engine.sh" stop || true
}
trap finish EXIT
"$root/deploy/local/engine.sh" start

stage "making the step images"
"$root/deploy/local/images.sh"
"$root/deploy/compose/images.sh" services

stage "starting a Postgres and a Redis for the tests"
"$root/deploy/local/test-services.sh" start "$services"
# shellcheck source=/dev/null
source "$services/env"

# Queries are checked against .sqlx, as on a machine without a database.
export SQLX_OFFLINE=true
unset SLIPWAY_CONFIG SLIPWAY_URL SLIPWAY_API_KEY
stage "building"
deploy/local/dashboard.sh
# With the tests at once: what only they need changes the features of what all need, which would be built twice.
cargo build --workspace --bins --tests --locked
stage "running the tests"
# A process a test: some set what a process has one of.
nextest=$(deploy/local/tool.sh cargo-nextest 0.9.148) || die "cargo-nextest runs the tests: cargo install --locked cargo-nextest"
"$nextest" nextest run --workspace --locked --no-fail-fast "$@"
