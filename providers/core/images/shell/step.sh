# shellcheck shell=bash
# What the scripts of step types share. The configuration lies as JSON beside them; nothing of it is read as code.
set -euo pipefail
# Else what fails inside $(...) goes on to its next line.
shopt -s inherit_errexit

config=/run/slipway/files/config.json
kind=${SLIPWAY_STEP_TYPE:-step}

# fail TEXT...: the step cannot be done as it is written. The last line that is printed is what the run's error shows.
fail() {
  printf '%s step: %s\n' "$kind" "$*" >&2
  exit 2
}

# get FILTER: what a jq filter finds in the configuration, as text; nothing where there is nothing.
get() {
  jq -r "($1) | if . == null then empty elif type == \"string\" then . else tojson end" "$config"
}

# is FILTER: whether the filter finds true.
is() {
  jq -e "($1) == true" "$config" > /dev/null
}

# has FILTER: whether the filter finds anything.
has() {
  jq -e "($1) != null" "$config" > /dev/null
}

# secret FILTER: the file of the secret that the configuration names there; nothing where it names none.
secret() {
  local name
  name=$(get "$1")
  [[ -n $name ]] || return 0
  [[ $name != */* ]] || fail "'$name' is no secret's name"
  [[ -r /run/slipway/secrets/$name ]] || fail "the secret '$name' is not among the step's 'secrets'"
  printf '%s' "/run/slipway/secrets/$name"
}

# real PATH: whether it is in the workspace when every link is followed. A step's secrets are not, and what somebody puts
# into a workspace must not name them.
real() {
  local path
  path=$(realpath -e "$1") || fail "there is no $1"
  [[ $path == /workspace || $path == /workspace/* ]] || fail "'$1' leads out of the workspace"
}

# place NAME: a file or folder, from the provider's folder, else from the workspace.
place() {
  local name=$1 root
  case "/$name/" in */../*) fail "'$name' leads out of the provider's folder" ;; esac
  case "$name" in
    /workspace | /workspace/*)
      [[ -e $name ]] || fail "there is no $name"
      real "$name"
      printf '%s' "$name"
      return
      ;;
    /*) fail "'$name' is outside the workspace" ;;
  esac
  for root in "${SLIPWAY_BUNDLE:-/nonexistent}" /workspace; do
    if [[ -e $root/$name ]]; then
      real "$root/$name"
      printf '%s' "$root/$name"
      return
    fi
  done
  fail "neither the provider's folder nor the workspace has '$name'"
}

# within NAME: a path in the workspace, there or not.
within() {
  case "/$1/" in
    */../*) fail "'$1' leads out of the workspace" ;;
    //workspace/*) printf '%s' "${1%/}" ;;
    //*) fail "'$1' is outside the workspace" ;;
    *) printf '/workspace/%s' "${1%/}" ;;
  esac
}

# reachable URL: says at once what a lookup would say after its timeout. The gates of a step are in its hosts file.
reachable() {
  local host=${1#*://}
  host=${host%%/*}
  host=${host##*@}
  host=${host%%:*}
  awk -v host="$host" '{ for (i = 2; i <= NF; i++) if ($i == host) found = 1 } END { exit !found }' /etc/hosts ||
    fail "'$host' cannot be reached: it is not among the step's 'egress'"
}

# shown COMMAND...: runs it with its output in the log. Nothing that others print is taken for an output of the step.
shown() {
  "$@" 2>&1 | guard
}
guard() {
  sed -u -E 's/^(OUTPUT_|::set-output )/ \1/'
}

# give JSON: the step's outputs.
give() {
  printf '%s\n' "$1" > "$SLIPWAY_OUTPUT"
}
