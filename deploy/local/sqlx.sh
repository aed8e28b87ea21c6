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

# The macros write what they learn into SQLX_OFFLINE_DIR while they have a database; only a crate that is compiled
# expands them, so its root is touched.
fresh=$services/queries
rm -rf "$fresh"
mkdir -p "$fresh"
touch shared/src/lib.rs
env -u SQLX_OFFLINE DATABASE_URL="$TEST_DATABASE_URL" SQLX_OFFLINE_DIR="$fresh" cargo check --quiet --locked -p shared --all-targets
touch shared/src/lib.rs
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
