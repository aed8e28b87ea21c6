#!/bin/bash
# Builds the images that steps run in; each only when something it is made of has changed.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
mkdir -p "$state"
# The classic builder needs no plugin; newer command lines want to be asked for it.
docker buildx version > /dev/null 2>&1 || export DOCKER_BUILDKIT=0
label=dev.slipway.inputs
built=''

inputs_of() { docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2> /dev/null || true; }

# build NAME FOLDER BASE [FILE]: an image from a Dockerfile's folder, and from one more file laid beside it.
build() {
  local name=$1 folder=$2 base=$3 extra=${4:-} digest context base_id
  base_id=$(docker image inspect --format '{{.Id}}' "$base")
  digest=$({
    echo "$base_id ${TERRAFORM_RELEASE_URL:-} ${TERRAFORM_RELEASE_SHA256:-}"
    cd "$root/$folder"
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    [[ -z $extra ]] || sha256sum < "$extra"
  } | sha256sum | cut -c1-64)
  [[ $(inputs_of "$name") != "$digest" ]] || return 0
  note "building $name"
  context=$(mktemp -d)
  cp -R "$root/$folder/." "$context/"
  [[ -z $extra ]] || cp "$(readlink -f "$extra")" "$context/$(basename "$extra")"
  local arguments=(--build-arg "BASE=$base" --label "$label=$digest" --label "dev.slipway.image=${name%%:*}")
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
  built=yes
  return "$code"
}

base=$("$root/deploy/local/base-image.sh")
build slipway/shell:1 providers/core/images/shell "$base"
build slipway/postgres-client:1 providers/postgres/images/postgres-client slipway/shell:1
# A binary on the PATH saves the download, and works where there is none; a release that is asked for wins.
tool=''
[[ -n ${TERRAFORM_RELEASE_URL:-} ]] || tool=$(command -v terraform || command -v tofu || true)
build slipway/terraform:1 providers/core/images/terraform slipway/shell:1 "$tool"
# What the new ones replaced, and the stages between.
if [[ -n $built ]]; then
  for left in dev.slipway.image dev.slipway.stage; do docker image prune --force --filter "label=$left" > /dev/null; done
fi
