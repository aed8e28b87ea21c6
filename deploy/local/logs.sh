#!/bin/bash
# Follows the log of the Slipway that make up started.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
[[ -e $state/dev.log ]] || die "there is no log yet: run make up"
exec tail -n 200 -F "$state/dev.log"
