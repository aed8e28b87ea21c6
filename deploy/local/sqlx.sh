#!/bin/bash
# sqlx.sh write: describes every checked query anew against a scratch Postgres, into .sqlx.
# sqlx.sh check: the same into a folder of its own, and fails when .sqlx differs.
set -euo pipefail
# shellcheck source=deploy/local/say.sh
source "$(dirname "$0")/say.sh"
export PATH=$PATH:/usr/sbin:/sbin:$HOME/.cargo/bin
cd "$root"
services=$state/sqlx
trap '"$root/deploy/local/test-services.sh" stop "$services"' EXIT
"$root/deploy/local/test-services.sh" start "$services"
# shellcheck source=/dev/null
source "$services/env"
for migration in migrations/*.sql; do
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --single-transaction --file "$migration" "$TEST_DATABASE_URL" > /dev/null ||
    die "$migration does not apply"
done

# The macros write what they learn into SQLX_OFFLINE_DIR while they have a database. Only a crate that is compiled
# expands them, so the root of each that uses them is touched.
fresh=$services/queries
rm -rf "$fresh"
mkdir -p "$fresh"
packages=()
roots=()
for crate in shared tests; do
  if grep -rqE 'query(_as|_scalar)?(_unchecked)?!\(' --include='*.rs' "$crate"; then
    packages+=(-p "$crate")
    roots+=("$crate/src/lib.rs")
  fi
done
touch "${roots[@]}"
env -u SQLX_OFFLINE DATABASE_URL="$TEST_DATABASE_URL" SQLX_OFFLINE_DIR="$fresh" \
  cargo check --quiet --locked "${packages[@]}" --all-targets
touch "${roots[@]}"
compgen -G "$fresh/query-*.json" > /dev/null || die "no query was described"

case ${1:-} in
  write)
    mkdir -p .sqlx
    rm -f .sqlx/query-*.json
    cp "$fresh"/query-*.json .sqlx/
    note "$(find .sqlx -name 'query-*.json' | wc -l) queries in .sqlx"
    ;;
  check)
    diff -rq "$fresh" .sqlx || die ".sqlx is not what the code and the migrations say: run make sqlx and commit it"
    note ".sqlx agrees with the code and the migrations"
    ;;
  *) die "usage: sqlx.sh write|check" ;;
esac
