#!/bin/bash
# Drops a read-only login and what it was granted. Safe to run again, and after its database is gone.
set -euo pipefail
here=$(dirname "$0")
# shellcheck source=providers/postgres/scripts/naming.sh
source "$here/naming.sh"

# Grants live in the databases that gave them.
databases=$(psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 <<'SQL'
\getenv name NAME
SELECT format('ALTER ROLE %I NOLOGIN', :'name') WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :'name' \g /dev/null
SELECT DISTINCT datname
    FROM pg_shdepend s JOIN pg_database d ON d.oid = CASE WHEN s.dbid = 0 THEN s.objid ELSE s.dbid END
    WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = :'name');
SQL
)
while IFS= read -r database; do
  [[ -n $database ]] || continue
  psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname "$database" <<'SQL'
\getenv name NAME
DROP OWNED BY :"name";
SQL
done <<< "$databases"
psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 <<'SQL'
\getenv name NAME
SET client_min_messages = warning;
DROP ROLE IF EXISTS :"name";
SELECT format('DELETE FROM slipway.login WHERE name = %L', :'name') WHERE to_regclass('slipway.login') IS NOT NULL \gexec
SQL
echo "login $NAME is gone"
