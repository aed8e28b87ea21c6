#!/bin/bash
# Builds the program of the image `rules` into .slipway/slipway-rules, static, so that it runs on whatever the image's base
# is; nothing to do when it is there as its sources are.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:$HOME/.cargo/bin
cd "$root"
mkdir -p "$state"
program=$state/slipway-rules

digest() {
  {
    find worker/rules -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    sha256sum Cargo.lock rust-toolchain.toml
  } | sha256sum
}
wanted=$(digest)
if [[ ${1:-} == digest ]]; then
  echo "$wanted"
  exit
fi
# Who comes second waits for the first one's, and all for a build of everything that make up has begun.
exec 9> "$state/slipway-rules.lock"
flock 9
[[ ! -x $program || $(cat "$program.of" 2> /dev/null) != "$wanted" ]] || exit 0
# As the whole workspace has it, so that what it is made of has the features that Slipway's own build needs: alone it has fewer,
# and half of it would be compiled twice.
patiently "$state/slipway-rules.log" "compiling slipway-rules" \
  env RUSTC_WORKSPACE_WRAPPER="$root/deploy/local/rustc-static.sh" \
  cargo build --locked --quiet --workspace --bin slipway-rules
install "${CARGO_TARGET_DIR:-target}/debug/slipway-rules" "$program"
echo "$wanted" > "$program.of"
