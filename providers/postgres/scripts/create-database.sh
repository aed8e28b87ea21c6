#!/bin/bash
# Makes the resource's database and the role that owns it. Safe to run again.
set -euo pipefail
here=$(dirname "$0")
# shellcheck source=providers/postgres/scripts/naming.sh
source "$here/naming.sh"
[[ ${CONNECTION_LIMIT:?} =~ ^[0-9]{1,4}$ ]] || { echo "connection_limit must be a whole number below 10000" >&2; exit 2; }

PASSWORD=$(psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 <<SQL
\getenv name NAME
\getenv owner APP_NAME
\getenv idempotency_key SLIPWAY_IDEMPOTENCY_KEY
\getenv connection_limit CONNECTION_LIMIT
\getenv password_version PASSWORD_VERSION
\set fresh true
SET client_min_messages = warning;
-- The server's log is no place for a password.
SET log_statement = 'none';
\i $here/password.sql
\i $here/role.sql
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
-- Nobody but its owner may even connect.
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SELECT format('COMMENT ON DATABASE %I IS %L', :'name', 'slipway: ' || :'owner') \gexec
SELECT :'password';
SQL
)
DATABASE=$NAME
# shellcheck source=providers/postgres/scripts/extensions.sh
source "$here/extensions.sh"
# shellcheck source=providers/postgres/scripts/connection.sh
source "$here/connection.sh"
echo "database $NAME is ready"
