#!/bin/bash
# From a bare machine to a running Slipway with the examples' resources active. Running it again changes nothing.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin
cd "$root"
mkdir -p "$state"
chmod 0700 "$state"
slipway=$root/target/debug/slipway
# shellcheck source=deploy/local/running.sh
source "$root/deploy/local/running.sh"

start() {
  if runs && [[ -s $state/env && ! $slipway -nt $pid_file && -z $(find "$root/providers" -newer "$pid_file" -print -quit) ]]; then
    note "it runs already"
    return
  fi
  if runs; then
    note "its program or providers have changed since it started: starting it again"
    "$root/deploy/local/down.sh"
  fi
  touch "$state/dev.log"
  local said
  said=$(stat --format=%s "$state/dev.log")
  # A session of its own: it outlives make, and a Ctrl-C meant for make.
  setsid "$slipway" dev --dir "$state" --providers "$root/providers" ${SLIPWAY_PORT:+--port "$SLIPWAY_PORT"} \
    < /dev/null >> "$state/dev.log" 2>&1 &
  local waited pid=$!
  echo "$pid" > "$pid_file"
  for waited in $(seq 600); do
    ! grep -q '^ready: ' <(tail -c "+$((said + 1))" "$state/dev.log") || return 0
    # Not by its name, as `runs` knows it: what was just begun does not have it yet.
    kill -0 "$pid" 2> /dev/null || { tail -n 40 "$state/dev.log" >&2; die "slipway dev ended; its log is $state/dev.log"; }
    ((waited % 50)) || note "waiting: $((waited / 5)) s"
    sleep 0.2
  done
  tail -n 40 "$state/dev.log" >&2
  die "slipway dev is not ready after two minutes; its log is $state/dev.log"
}

# Measured on two cores; a stage with nothing to do takes none of it.
if [[ -x $slipway ]]; then
  plan_stages 1 1 4 5 5
else
  plan_stages 40 5 480 5 20
fi
# What goes on beside the rest does not go on alone when something fails: each is a group of processes, and ends as one.
beside=()
end_beside() {
  local one
  for one in "${beside[@]}"; do kill -- "-$one" 2> /dev/null || true; done
}
trap end_beside EXIT
stage "looking for what is missing"
# Packages, crates and the dashboard's modules are waited for at the same time, as far as there is already what fetches them. The
# first call of cargo may fetch the toolchain, which two at once cannot. While they wait, the largest of what the programs are made
# of is compiled, as far as it comes: its features are the same whoever asks for it. Where it fails, the build says why.
compiling=''
if [[ ! -x $slipway ]] && command -v setsid > /dev/null && cargo --version > /dev/null 2>&1; then
  setsid cargo build --quiet --locked -p cedar-policy -p regorus 2> /dev/null &
  compiling=$!
  beside+=("$compiling")
fi
dashboard=''
if command -v setsid > /dev/null && command -v npm > /dev/null; then
  setsid "$root/deploy/local/dashboard.sh" optional &
  dashboard=$!
  beside+=("$dashboard")
fi
"$root/deploy/local/packages.sh"
stage "finding a Docker engine"
"$root/deploy/local/engine.sh" start
stage "building, and making the step images beside it"
# Held until what the program of the image `rules` is made of is compiled: only then is it worth linking.
exec 8> "$state/slipway-rules.lock"
flock 8
setsid "$root/deploy/local/images.sh" 8>&- &
images=$!
beside+=("$images")
# The api's program takes the dashboard in: it is whole before.
if [[ -n $dashboard ]]; then wait "$dashboard"; else "$root/deploy/local/dashboard.sh" optional; fi
if [[ -n $compiling ]]; then
  kill -- "-$compiling" 2> /dev/null || true
  wait "$compiling" 2> /dev/null || true
fi
# With the features that the whole workspace asks for, as the tests are. The program of the rules is linked once more, static, when
# this is done: what it is made of is compiled here, where something long leaves a processor idle.
SQLX_OFFLINE=true cargo build --locked --workspace --bin slipway --bin slipway-rules 8>&-
exec 8>&-
# What was submitted before goes on when it starts, and wants the images; the first time there is nothing yet.
first_time=''
[[ -s $state/env ]] || first_time=yes
[[ -n $first_time ]] || wait "$images"
stage "starting Slipway"
start
[[ -z $first_time ]] || wait "$images"
trap - EXIT
stage "submitting the examples"
# shellcheck source=/dev/null
source "$state/env"
# An application may be past its first version already, which is then left as it is.
"$slipway" deploy examples/inventory.yaml -w
if "$slipway" status shop > /dev/null 2>&1; then
  "$slipway" deploy examples/shop-v2.yaml -w
else
  "$slipway" deploy examples/shop-v1.yaml -w
  "$slipway" deploy examples/shop-v2.yaml -w
fi

cat << TEXT

Slipway is up after $(minutes "$SECONDS"): $SLIPWAY_URL  (API and its description: $SLIPWAY_URL/api/docs)

Log in:  source ${state#"$root"/}/env  (sets SLIPWAY_URL and SLIPWAY_API_KEY, an admin's)
         or $SLIPWAY_URL/login as admin, password: $(cat "$state/admin-password" 2> /dev/null || echo 'as you set it')
Try:     target/debug/slipway status shop
         target/debug/slipway resource list
         target/debug/slipway workflow list
Stop:    make down
TEXT
