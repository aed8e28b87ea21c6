#!/bin/bash
# images.sh [FOLDER]: packs Slipway's programs (of FOLDER; by default a release build, made if need be), and Postgres, Redis and
# HAProxy out of the distribution's packages, into images; each only when something it is made of has changed.
# images.sh services: those of the packages alone.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/../local/say.sh"
export PATH=$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin
mkdir -p "$state"
# The classic builder needs no plugin; newer command lines want to be asked for it.
docker buildx version > /dev/null 2>&1 || export DOCKER_BUILDKIT=0
label=dev.slipway.inputs
here=$root/deploy/compose/images
base=$("$root/deploy/local/base-image.sh")

inputs_of() { docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2> /dev/null || true; }

# digest FOLDER: of all files of a folder, what may be executed told apart.
digest() {
  (
    cd "$1"
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    find . -type f -perm /100 -print | LC_ALL=C sort
  )
}

# build NAME CONTEXT INPUTS
build() {
  local name=$1 context=$2 inputs=$3 variable
  [[ $(inputs_of "$name") != "$inputs" ]] || return 0
  note "building $name"
  local arguments=(--build-arg "BASE=$base" --label "$label=$inputs" --label "dev.slipway.image=${name%%:*}")
  for variable in http_proxy https_proxy no_proxy; do
    [[ -z ${!variable:-} ]] || arguments+=(--build-arg "$variable")
  done
  patiently "$state/image-$(basename "${name%%:*}").log" "building $name" \
    docker build --force-rm "${arguments[@]}" --tag "$name" "$context"
}

base_id=$(docker image inspect --format '{{.Id}}' "$base")
for service in postgres redis proxy; do
  build "slipway/$service:local" "$here/$service" "$( (echo "$base_id"; digest "$here/$service") | sha256sum | cut -c1-64)"
done
[[ ${1:-} != services ]] || exit 0

programs=(slipway-api slipway-scheduler slipway-worker)
folder=${1:-}
if [[ -z $folder ]]; then
  folder=${CARGO_TARGET_DIR:-$root/target}/release
  "$root/deploy/local/dashboard.sh" optional
  SQLX_OFFLINE=true cargo build --release --locked --manifest-path "$root/Cargo.toml" \
    --package api --package scheduler --package worker --bins
fi
for program in "${programs[@]}"; do
  [[ -x $folder/$program ]] || die "there is no $program in $folder: build it, or name the folder that has it"
done
inputs=$(
  {
    echo "$base_id"
    digest "$here/server"
    digest "$root/providers"
    cd "$folder" && sha256sum "${programs[@]}"
  } | sha256sum | cut -c1-64
)
if [[ $(inputs_of slipway/server:local) != "$inputs" ]]; then
  context=$(mktemp -d)
  trap 'rm -rf "$context"' EXIT
  cp -R "$here/server/." "$context/"
  cp -R "$root/providers" "$context/providers"
  mkdir "$context/programs"
  for program in "${programs[@]}"; do
    # What debuggers need is most of a program.
    strip --strip-all -o "$context/programs/$program" "$folder/$program"
    chmod 0755 "$context/programs/$program"
  done
  build slipway/server:local "$context" "$inputs"
fi
docker image prune --force --filter label=dev.slipway.image > /dev/null
