#!/bin/bash
# Stops Slipway and removes all it made on this machine: containers, volumes, networks, images, data. Packages stay.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:/usr/sbin:/sbin

"$root/deploy/local/down.sh"
# What slipway dev has written down about itself: the name on its containers, and where its data is.
config=$state/config.yaml
instance='' archive=''
if [[ -s $config ]]; then
  instance=$(sed -n 's/^instance: *//p' "$config" | tr -d "'\"")
  archive=$(sed -n 's|^ *url: *\(["'"'"']\{0,1\}\)file://\(.*\)\1$|\2|p' "$config")
fi

if timeout 10 docker version > /dev/null 2>&1; then
  if [[ -n $instance ]]; then
    filter=label=dev.slipway.instance=$instance
    docker ps --all --quiet --filter "$filter" | xargs --no-run-if-empty docker rm --force --volumes > /dev/null
    docker volume ls --quiet --filter "$filter" | xargs --no-run-if-empty docker volume rm --force > /dev/null
    docker network ls --quiet --filter "$filter" | xargs --no-run-if-empty docker network rm > /dev/null
  fi
  docker images --all --quiet --filter label=dev.slipway.image | sort -u |
    xargs --no-run-if-empty docker rmi --force > /dev/null 2>&1 || note "images that others are built on stay"
fi
"$root/deploy/local/engine.sh" stop
"$root/deploy/local/test-services.sh" stop "$state/test"

# As root the data is outside the project. Only a folder of the kind that slipway dev makes is removed.
data=${archive%/archive}
case $data in
  /var/lib/slipway-dev/?*) rm -rf --one-file-system "$data" ;;
  '' | "$state"/*) ;;
  *) note "left alone, for it was not made by make up: $data" ;;
esac
rm -rf --one-file-system "$state"
