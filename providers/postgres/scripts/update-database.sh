#!/bin/bash
# Gives the resource's database the connection limit, the extensions and, when its version is another, the password that
# are asked for now. Safe to run again.
set -euo pipefail
here=$(dirname "$0")
# shellcheck source=providers/postgres/scripts/naming.sh
source "$here/naming.sh"
[[ ${CONNECTION_LIMIT:?} =~ ^[0-9]{1,4}$ ]] || { echo "connection_limit must be a whole number below 10000" >&2; exit 2; }

found=$(psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 <<'SQL'
\getenv name NAME
SELECT 1 FROM pg_database WHERE datname = :'name';
SQL
)
# Not made anew: an empty database in the place of one that should be full would hide the loss.
[[ $found == 1 ]] || { echo "there is no database $NAME any more" >&2; exit 1; }

PASSWORD=$(psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 <<SQL
\getenv name NAME
\getenv idempotency_key SLIPWAY_IDEMPOTENCY_KEY
\getenv connection_limit CONNECTION_LIMIT
\getenv password_version PASSWORD_VERSION
\set fresh false
SET client_min_messages = warning;
-- The server's log is no place for a password.
SET log_statement = 'none';
\i $here/password.sql
\i $here/role.sql
SELECT :'password';
SQL
)
DATABASE=$NAME
# shellcheck source=providers/postgres/scripts/extensions.sh
source "$here/extensions.sh"
# shellcheck source=providers/postgres/scripts/connection.sh
source "$here/connection.sh"
echo "database $NAME is as asked for"
