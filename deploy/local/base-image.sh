#!/bin/bash
# Prints the image that ours are built on: the pinned one, pulled where a registry answers, else one made from the
# packages that this machine's own distribution gives it.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:/usr/sbin:/sbin
pinned=debian:bookworm-20250520-slim
imported=slipway/base:local

present() { docker image inspect "$1" > /dev/null 2>&1; }

for image in "$pinned" "$imported"; do
  if present "$image"; then
    echo "$image"
    exit
  fi
done
if timeout "${SLIPWAY_PULL_SECONDS:-60}" docker pull --quiet "$pinned" > "$state/pull.log" 2>&1; then
  echo "$pinned"
  exit
fi

note "no registry gave $pinned; making a base from packages, about 30 s" >&2
command -v debootstrap > /dev/null || die "neither a registry nor debootstrap: no base image can be had"
may_be_root || die "making a base image takes root: run make images as root once"
# shellcheck source=/dev/null
suite=$(source /etc/os-release && echo "${VERSION_CODENAME:?}")
# The mirror that apt itself is set up to use for this suite, whichever form its sources have.
# shellcheck disable=SC2016 # apt expands these, not the shell
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(CREATED_BY)' 2> /dev/null |
  awk -v suite="$suite" '$2 == suite && $3 == "Packages" {print $1; exit}')
[[ -n $mirror ]] || die "apt knows no source for $suite: run apt-get update, then make images again"

work=$(mktemp -d)
trap 'as_root rm -rf --one-file-system "$work"' EXIT
eval "$(apt-config shell proxy Acquire::http::Proxy)"
if [[ -n ${proxy:-} ]]; then export http_proxy=$proxy; fi
as_root env ${http_proxy:+http_proxy="$http_proxy"} debootstrap --variant=minbase "$suite" "$work/root" "$mirror" \
  > "$state/debootstrap.log" 2>&1 || {
  tail -n 20 "$state/debootstrap.log" >&2
  die "debootstrap failed"
}
# As the pinned image has it: what is installed later is not written out to the disk file by file, and comes without translations
# and manuals.
printf '%s\n' 'Acquire::Languages "none";' | as_root tee "$work/root/etc/apt/apt.conf.d/20slipway" > /dev/null
printf '%s\n' force-unsafe-io 'path-exclude /usr/share/doc/*' 'path-exclude /usr/share/man/*' 'path-exclude /usr/share/info/*' \
  'path-exclude /usr/share/locale/*' | as_root tee "$work/root/etc/dpkg/dpkg.cfg.d/20slipway" > /dev/null
# What apt needs on this machine it also needs inside a build.
if [[ -n ${http_proxy:-} ]]; then
  echo "Acquire::http::Proxy \"$http_proxy\";" | as_root tee "$work/root/etc/apt/apt.conf.d/30proxy" > /dev/null
fi
# shellcheck disable=SC2016 # expanded by the inner shell
as_root sh -c 'cd "$1" && rm -rf var/cache/apt/archives/*.deb var/lib/apt/lists/* usr/share/doc/* usr/share/man/* \
  usr/share/info/* usr/share/locale/*' sh "$work/root"
as_root tar -C "$work/root" -c . | docker import --change 'LABEL dev.slipway.image=base' - "$imported" > /dev/null
echo "$imported"
