#!/bin/bash
# Cargo's RUSTC_WORKSPACE_WRAPPER of rules.sh: links that one program static. A flag of cargo's own would go to all that the
# program is made of, which the build of Slipway could not use then.
if [[ " $* " == *" --crate-name slipway_rules "* ]]; then
  set -- "$@" -C target-feature=+crt-static -C strip=symbols
fi
exec "$@"
