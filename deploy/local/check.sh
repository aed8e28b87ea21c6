#!/bin/bash
# What CI checks besides the tests: format, lints, checked queries, licences and sources of dependencies.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin
cd "$root"

mkdir -p "$state"
plan_stages 5 120 60 15 40 2
stage "format"
cargo fmt --all --check
stage "lints"
SQLX_OFFLINE=true cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
stage "queries"
deploy/local/sqlx.sh check
stage "licences, sources and bans"
if deny=$(deploy/local/tool.sh cargo-deny 0.20.2); then
  "$deny" --locked check --hide-inclusion-graph bans licenses sources
else
  echo "NOT RUN: cargo-deny is neither installed nor to be had; licences and sources were not checked"
fi
stage "the dashboard"
"$root/deploy/local/dashboard.sh"
(cd dashboard && npm run --silent check && npm run --silent test && npm run --silent size)
stage "shell scripts"
if command -v shellcheck > /dev/null; then
  git ls-files -z '*.sh' .ci/run 'providers/*-step' | xargs -0 shellcheck --external-sources
else
  echo "NOT RUN: shellcheck is not installed"
fi
