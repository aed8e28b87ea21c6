# shellcheck shell=bash
# How the local scripts speak: numbered stages with elapsed time and an estimate of what is left, and one way to fail.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034 # for those who source this
state=${SLIPWAY_STATE_DIR:-$root/.slipway}
# A log without a terminal gets plain lines.
if [[ -t 1 ]]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi
SECONDS=0
stage_number=0
stage_seconds=()

die() {
  printf 'slipway: %s\n' "$*" >&2
  exit 1
}

minutes() {
  if (($1 >= 90)); then echo "$((($1 + 30) / 60)) min"; else echo "$1 s"; fi
}

# plan_stages SECONDS...: what each stage takes when there is work for it in it, measured on two cores.
plan_stages() {
  stage_seconds=("$@")
}

# stage TEXT: begins the next stage.
stage() {
  local left=0 seconds
  for seconds in "${stage_seconds[@]:stage_number}"; do left=$((left + seconds)); done
  stage_number=$((stage_number + 1))
  printf '%s[%d/%d] %s%s %s(%s so far, about %s left)%s\n' "$bold" "$stage_number" "${#stage_seconds[@]}" "$1" "$plain" \
    "$dim" "$(minutes "$SECONDS")" "$(minutes "$left")" "$plain"
}

note() {
  printf '      %s\n' "$*"
}

# patiently LOG TEXT COMMAND...: runs a long command with its output in LOG, a line of progress every ten seconds, and
# the log's end when it fails.
patiently() {
  local log=$1 text=$2 began=$SECONDS pid code=0
  shift 2
  mkdir -p "$(dirname "$log")"
  "$@" > "$log" 2>&1 < /dev/null &
  pid=$!
  while kill -0 "$pid" 2> /dev/null; do
    sleep 0.2
    if ((SECONDS - began >= 10 && (SECONDS - began) % 10 == 0)) && [[ ${said:-} != "$SECONDS" ]]; then
      said=$SECONDS
      note "$text: $(minutes $((SECONDS - began)))"
    fi
  done
  wait "$pid" || code=$?
  if ((code != 0)); then
    tail -n 40 "$log" >&2
    die "$text failed; the whole log is $log"
  fi
}

# as_root COMMAND...: through sudo where needed.
as_root() {
  if ((EUID == 0)); then "$@"; else sudo -- "$@"; fi
}
may_be_root() {
  ((EUID == 0)) || { command -v sudo > /dev/null && { sudo -n true 2> /dev/null || [[ -t 0 ]]; }; }
}
