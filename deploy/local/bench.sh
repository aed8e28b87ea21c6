#!/bin/bash
# Measures in release mode: prints a table and writes bench.json.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin
cd "$root"
services=$state/bench
mkdir -p "$services"

plan_stages 25 100 5 340 1200
stage "looking for what is missing"
# With a browser: pages are measured too.
deploy/local/packages.sh tests
deploy/local/engine.sh start
stage "making the step images"
deploy/local/images.sh
trap '"$root/deploy/local/test-services.sh" stop "$services"' EXIT
stage "starting a Postgres and a Redis"
# A benchmark's Postgres writes to its disk, as a real one does.
TEST_POSTGRES_OPTIONS='-c fsync=on -c full_page_writes=on -c wal_level=replica' deploy/local/test-services.sh start "$services"
# shellcheck source=/dev/null
source "$services/env"
export SQLX_OFFLINE=true
stage "building"
deploy/local/dashboard.sh
cargo build --release --locked --workspace --bins --bench slipway
stage "measuring"
cargo bench --profile release --locked --workspace --bench slipway -- "$@"
