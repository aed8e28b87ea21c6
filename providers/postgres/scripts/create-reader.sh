#!/bin/bash
# Makes a login that may read one database, which must belong to the same application, or (KEEP_PASSWORD=true) brings it to
# what is asked for now: another limit, another password when its version is another, another database. Safe to run again.
set -euo pipefail
here=$(dirname "$0")
# shellcheck source=providers/postgres/scripts/naming.sh
source "$here/naming.sh"
[[ ${CONNECTION_LIMIT:?} =~ ^[0-9]{1,4}$ ]] || { echo "connection_limit must be a whole number below 10000" >&2; exit 2; }
export DATABASE

# Database names are guessable, so the database itself says whose it is.
owned=$(psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 <<'SQL'
\getenv database DATABASE
\getenv owner APP_NAME
SELECT 1 FROM pg_database
    WHERE datname = :'database' AND shobj_description(oid, 'pg_database') = 'slipway: ' || :'owner';
SQL
)
[[ $owned == 1 ]] || { echo "application $APP_NAME has no database $DATABASE" >&2; exit 1; }

# What it may do in databases that are asked for no more.
former=$(psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 <<'SQL'
\getenv name NAME
\getenv database DATABASE
SELECT DISTINCT datname
    FROM pg_shdepend s JOIN pg_database d ON d.oid = CASE WHEN s.dbid = 0 THEN s.objid ELSE s.dbid END
    WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = :'name')
      AND datname <> :'database';
SQL
)
while IFS= read -r other; do
  [[ -n $other ]] || continue
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname "$other" <<'SQL'
\getenv name NAME
DROP OWNED BY :"name";
SQL
done <<< "$former"

PASSWORD=$(psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 <<SQL
\getenv name NAME
\getenv database DATABASE
\getenv idempotency_key SLIPWAY_IDEMPOTENCY_KEY
\getenv connection_limit CONNECTION_LIMIT
\getenv password_version PASSWORD_VERSION
\set fresh $([[ ${KEEP_PASSWORD:-false} == true ]] && echo false || echo true)
SET client_min_messages = warning;
-- The server's log is no place for a password.
SET log_statement = 'none';
\i $here/password.sql
\i $here/role.sql
GRANT CONNECT ON DATABASE :"database" TO :"name";
\connect :"database"
SET client_min_messages = warning;
GRANT USAGE ON SCHEMA public TO :"name";
GRANT SELECT ON ALL TABLES IN SCHEMA public TO :"name";
-- The owner's role bears the database's name.
ALTER DEFAULT PRIVILEGES FOR ROLE :"database" IN SCHEMA public GRANT SELECT ON TABLES TO :"name";
SELECT :'password';
SQL
)
# shellcheck source=providers/postgres/scripts/connection.sh
source "$here/connection.sh"
echo "$NAME may read $DATABASE"
