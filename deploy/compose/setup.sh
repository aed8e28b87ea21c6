#!/bin/bash
# setup.sh [FOLDER]: makes what deploy/compose/compose.yaml needs beside images: an authority with certificates for every program, the
# key that secrets are sealed with, a folder for your own providers, and a file with compose's variables. By default into
# deploy/compose/local. Run again it renews the certificates and leaves all else as it is.
#
# SLIPWAY_HOST  the name that people reach it by (localhost)      SLIPWAY_PORT  the port (8443)
# SLIPWAY_LISTEN  the address that it listens at (127.0.0.1)      SLIPWAY_ENGINE  the engine's socket (/var/run/docker.sock)
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/../local/say.sh"
umask 077
folder=${1:-$root/deploy/compose/local}
mkdir -p "$folder/secrets" "$folder/authority" "$folder/providers"
folder=$(cd "$folder" && pwd)
host=${SLIPWAY_HOST:-localhost} port=${SLIPWAY_PORT:-8443}
engine=${SLIPWAY_ENGINE:-/var/run/docker.sock}
# The user of all images.
user=65532:65532
# Days that certificates last.
leaf_days=90 authority_days=3650
command -v openssl > /dev/null || die "openssl is missing: apt-get install openssl"
[[ -S $engine ]] || die "there is no engine at $engine: set SLIPWAY_ENGINE to its socket"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
authority=$folder/authority
new_key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$1" 2> "$work/said" || die "$(< "$work/said")"; }
if [[ ! -s $authority/ca.pem ]]; then
  new_key "$authority/ca-key.pem"
  openssl req -new -x509 -key "$authority/ca-key.pem" -days "$authority_days" -subj "/CN=Slipway compose" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign -out "$authority/ca.pem"
fi

# certificate NAME COMMON_NAME USAGE [NAMES]: into $work.
certificate() {
  new_key "$work/$1-key.pem"
  openssl req -new -key "$work/$1-key.pem" -subj "/CN=$2" -out "$work/request"
  {
    printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n' "$3"
    [[ -z ${4:-} ]] || printf 'subjectAltName=%s\n' "$4"
  } > "$work/extensions"
  openssl x509 -req -in "$work/request" -CA "$authority/ca.pem" -CAkey "$authority/ca-key.pem" -days "$leaf_days" \
    -set_serial "0x$(openssl rand -hex 16)" -sha256 -extfile "$work/extensions" -out "$work/$1.pem" 2> "$work/said" || die "$(< "$work/said")"
}
certificate owner slipway clientAuth
certificate api api clientAuth
certificate scheduler scheduler clientAuth
certificate worker worker clientAuth
certificate postgres postgres serverAuth DNS:postgres
# Its health check is a client too.
certificate redis redis serverAuth,clientAuth DNS:redis,DNS:localhost,IP:127.0.0.1
kind=DNS
[[ ! $host =~ ^[0-9.]+$|: ]] || kind=IP
certificate proxy "$host" serverAuth "$kind:$host,DNS:localhost,IP:127.0.0.1"
cat "$work/proxy.pem" "$work/proxy-key.pem" > "$work/proxy-both" && mv "$work/proxy-both" "$work/proxy.pem"
rm "$work/proxy-key.pem"
cp "$authority/ca.pem" "$work/ca.pem"
[[ -s $folder/secrets/sealing-key ]] || openssl rand -base64 32 > "$work/sealing-key"
rm -f "$work/request" "$work/extensions" "$work/said"

# Files are written where they are, since containers hold on to them, the keys first; they belong to the images' user. Only root
# gives files away, and whoever may use the engine may be root in a container.
# shellcheck disable=SC2016 # expanded by the inner shell
hand_over='for file in "$1"/*-key.pem "$1"/*; do
  to=$2/${file##*/}
  cat "$file" > "$to" && chown "$3" "$to" && chmod 0600 "$to" || exit
done'
if ((EUID == 0)); then
  sh -c "$hand_over" sh "$work" "$folder/secrets" "$user"
else
  docker run --rm --network none --user 0:0 --volume "$work:/new:ro" --volume "$folder/secrets:/secrets" \
    "${SLIPWAY_IMAGE:-slipway/server:local}" sh -c "$hand_over" sh /new /secrets "$user"
fi
chmod 0755 "$folder" "$folder/providers"
install -m 0644 "$authority/ca.pem" "$folder/ca.pem"

if [[ ! -s $folder/env ]]; then
  cat > "$folder/env" << TEXT
# Written once by deploy/compose/setup.sh; yours to change.
SLIPWAY_DIR=$folder
SLIPWAY_PUBLIC_URL=https://$host:$port
SLIPWAY_LISTEN=${SLIPWAY_LISTEN:-127.0.0.1}:$port
SLIPWAY_INSTANCE=${SLIPWAY_INSTANCE:-slipway-compose}
SLIPWAY_ENGINE=$engine
SLIPWAY_ENGINE_GROUP=$(stat --format=%g "$engine")
TEXT
fi
compose="docker-compose -f deploy/compose/compose.yaml --env-file ${folder#"$root"/}/env"
cat << TEXT
Certificates last until $(date --date "+$leaf_days days" +%F). Run this again before, then:
         $compose kill -s HUP postgres
         $compose restart redis proxy
Start:   $compose up -d --scale worker=2
A key:   $compose run --rm migrate slipway-api create-key admin
Log in:  slipway --server https://$host:$port --cacert ${folder#"$root"/}/ca.pem login
TEXT
