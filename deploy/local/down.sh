#!/bin/bash
# Stops what make up started. Data stays; the Docker engine goes on, since others may use it.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
# shellcheck source=deploy/local/running.sh
source "$root/deploy/local/running.sh"

if ! runs; then
  rm -f "$pid_file"
  note "Slipway is not running"
  exit
fi
pid=$(< "$pid_file")
kill -TERM "$pid"
note "stopping Slipway ($pid); running steps are given time to end"
for _ in $(seq 500); do
  if ! kill -0 "$pid" 2> /dev/null; then
    rm -f "$pid_file"
    exit
  fi
  sleep 0.2
done
die "slipway dev ($pid) has not ended after 100 s; see $state/dev.log"
