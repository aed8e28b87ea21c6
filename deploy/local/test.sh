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

plan_stages 25 5 100 5 300 480
stage "looking for what is missing"
"$root/deploy/local/packages.sh"

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

stage "starting a Postgres and a Redis for the tests"
"$root/deploy/local/test-services.sh" start "$services"
# shellcheck source=/dev/null
source "$services/env"

# Queries are checked against .sqlx, as on a machine without a database.
export SQLX_OFFLINE=true
unset SLIPWAY_CONFIG SLIPWAY_URL SLIPWAY_API_KEY
stage "building"
cargo build --workspace --bins --locked
stage "running the tests"
if nextest=$(deploy/local/tool.sh cargo-nextest 0.9.148); then
  "$nextest" nextest run --workspace --locked --no-fail-fast "$@"
else
  note "cargo-nextest is not to be had: cargo test runs them instead, two at once"
  cargo test --workspace --locked --no-fail-fast --all-targets "$@" -- --test-threads=2
fi
