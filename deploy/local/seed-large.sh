#!/bin/bash
# Fills the Slipway that make up started, as it is after a month of much use: RUNS runs (a million), LINES lines of log (ten million).
# YES=1 asks nothing.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
# shellcheck source=deploy/local/running.sh
source "$root/deploy/local/running.sh"
export PATH=$PATH:$HOME/.cargo/bin
cd "$root"
runs=${RUNS:-1000000}
lines=${LINES:-$((10 * runs))}
[[ $runs =~ ^[0-9]+$ && $lines =~ ^[0-9]+$ ]] || die "RUNS and LINES are numbers: make seed-large RUNS=100000 LINES=1000000"

runs || die "Slipway is not running: make up"
# Its own Postgres says, by how it was started, where it is and where its secrets are.
server=''
read -ra children <<< "$(cat /proc/"$(< "$pid_file")"/task/*/children 2> /dev/null | tr '\n' ' ')"
for child in "${children[@]}"; do
  command=$(tr '\0' ' ' < "/proc/$child/cmdline")
  if [[ $command =~ -D\ ([^ ]+)/postgres\  ]]; then server=$command data=${BASH_REMATCH[1]}; fi
done
[[ $server =~ port=([0-9]+) ]] || die "slipway dev has no Postgres of its own to be found: is this make up's?"
port=${BASH_REMATCH[1]}
[[ $server != *ssl=on* ]] || die "slipway dev --tls lets nobody in who could do this: start it without --tls"
password=$(< "$data/secrets/postgres-admin-password")

minutes_taken=$((1 + runs * 6 / 1000000))
cat << TEXT
$runs runs, $((runs / 10)) resources of $((runs / 200)) applications and $lines lines of log are added to the Slipway of $state.
That takes about $minutes_taken min and $((1 + runs * 5 / 1000000)) GB of disk in $data. They stay until make clean removes all.
TEXT
if [[ ${YES:-} != 1 ]]; then
  [[ -t 0 ]] || die "nobody is there to ask: make seed-large YES=1"
  read -rp "Add them? [y/N] " answer
  [[ $answer == [yY]* ]] || die "nothing was done"
fi
plan_stages 60 "$((minutes_taken * 60))"
stage "building"
SQLX_OFFLINE=true cargo build --quiet --locked --workspace --bin seed-large
stage "writing"
told=$(SEED_DATABASE_URL="postgres://postgres:$password@127.0.0.1:$port/slipway" target/debug/seed-large "$runs" "$lines")
declare -A found
for pair in $told; do found[${pair%%=*}]=${pair#*=}; done
# shellcheck source=/dev/null
source "$state/env"
cat << TEXT

Written in $(minutes "$SECONDS"). To look at:
  $SLIPWAY_URL/                                    counts, queues and the last week
  $SLIPWAY_URL/runs?status=failed                  what failed
  $SLIPWAY_URL/applications/${found[application]}  an application
  $SLIPWAY_URL/runs/${found[run]}/logs             a log of ${found[lines]} lines
What waits does so in queues that nobody serves (seed-gpu, seed-eu, seed-bulk): nothing of it begins.
TEXT
