#!/bin/bash
# Builds the images that steps run in; each only when something it is made of has changed.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin
mkdir -p "$state"
# The classic builder needs no plugin; newer command lines want to be asked for it.
docker buildx version > /dev/null 2>&1 || export DOCKER_BUILDKIT=0
label=dev.slipway.inputs
core=providers/core/images
rules=$state/slipway-rules

inputs_of() { docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2> /dev/null || true; }

# digest FOLDER BASE [EXTRA]: of all that an image is made of.
digest() {
  local base_id
  base_id=$(docker image inspect --format '{{.Id}}' "$2")
  {
    echo "$base_id ${TERRAFORM_RELEASE_URL:-} ${TERRAFORM_RELEASE_SHA256:-} ${3:-}"
    cd "$root/$1"
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    find . -type f -perm /100 -print | LC_ALL=C sort
  } | sha256sum | cut -c1-64
}

# build NAME FOLDER BASE [FILE [DIGEST]]: an image from a Dockerfile's folder, and from one more file laid beside it.
# DIGEST says what the file is made of, where it is no input itself.
build() {
  local name=$1 folder=$2 base=$3 extra=${4:-} made_of=${5:-} inputs context
  [[ -z $extra || -n $made_of ]] || made_of=$(sha256sum < "$extra")
  inputs=$(digest "$folder" "$base" "$made_of")
  [[ $(inputs_of "$name") != "$inputs" ]] || return 0
  note "building $name"
  # Made only where it is needed.
  [[ $extra != "$rules" ]] || "$root/deploy/local/rules.sh"
  context=$(mktemp -d)
  cp -R "$root/$folder/." "$context/"
  [[ -z $extra ]] || cp "$(readlink -f "$extra")" "$context/$(basename "$extra")"
  local arguments=(--build-arg "BASE=$base" --label "$label=$inputs" --label "dev.slipway.image=${name%%:*}")
  local variable
  for variable in http_proxy https_proxy no_proxy; do
    [[ -z ${!variable:-} ]] || arguments+=(--build-arg "$variable")
  done
  if [[ $name == slipway/terraform:* && -n ${TERRAFORM_RELEASE_URL:-} ]]; then
    arguments+=(--build-arg "RELEASE_URL=$TERRAFORM_RELEASE_URL"
      --build-arg "RELEASE_SHA256=${TERRAFORM_RELEASE_SHA256:?goes with TERRAFORM_RELEASE_URL}")
  fi
  local code=0
  patiently "$state/image-$(basename "${name%%:*}").log" "building $name" \
    docker build --force-rm "${arguments[@]}" --tag "$name" "$context" || code=$?
  rm -rf "$context"
  touch "$state/images-built"
  return "$code"
}

rm -f "$state/images-built"
base=$("$root/deploy/local/base-image.sh")
build slipway/shell:1 $core/shell "$base"

# Packages are fetched and unpacked by some, compiled for by another: together they take little more than the longest.
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
pids=()
side_by_side() {
  local log
  log=$(mktemp -p "$logs")
  build "$@" > "$log" 2>&1 &
  pids+=("$!:$log")
}
finish() {
  local one code=0
  for one in "${pids[@]}"; do
    wait "${one%%:*}" || code=$?
    cat "${one#*:}"
  done
  return "$code"
}
# A binary on the PATH saves the download, and works where there is none; a release that is asked for wins.
terraform=''
[[ -n ${TERRAFORM_RELEASE_URL:-} ]] || terraform=$(command -v terraform || command -v tofu || true)
# What this machine trusts, for a PyPI behind a proxy that has its own certificate.
trusted=/etc/ssl/certs/ca-certificates.crt
[[ -s $trusted ]] || trusted=''

# Every provider's images, each on the image that its Dockerfile names as BASE: those on `shell` first, then what stands
# on one of them.
waiting=()
for dockerfile in "$root"/providers/*/images/*/Dockerfile; do
  folder=$(dirname "${dockerfile#"$root"/}")
  name=slipway/$(basename "$folder"):1
  on=$(sed -n 's/^ARG BASE=//p' "$dockerfile" | head -n 1)
  case "$name" in
    slipway/shell:1) ;;
    slipway/rules:1) side_by_side "$name" "$folder" "$on" "$rules" "$("$root/deploy/local/rules.sh" digest)" ;;
    slipway/ansible:1) side_by_side "$name" "$folder" "$on" "$trusted" certificates ;;
    slipway/terraform:1) side_by_side "$name" "$folder" "$on" "$terraform" ;;
    # The distribution's kubectl, unless another is named.
    slipway/kubernetes:1) side_by_side "$name" "$folder" "$on" "${KUBECTL:-}" ;;
    *)
      if [[ $on == slipway/shell:1 ]]; then side_by_side "$name" "$folder" "$on"; else waiting+=("$name $folder $on"); fi
      ;;
  esac
done
finish
for one in "${waiting[@]}"; do
  read -r name folder on <<< "$one"
  build "$name" "$folder" "$on"
done

# What the new ones replaced, and the stages between.
if [[ -e $state/images-built ]]; then
  for left in dev.slipway.image dev.slipway.stage; do docker image prune --force --filter "label=$left" > /dev/null; done
fi
