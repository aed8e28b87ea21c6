#!/bin/bash
# Drops the resource's database and role, with whatever is connected. Safe to run again.
set -euo pipefail
here=$(dirname "$0")
# shellcheck source=providers/postgres/scripts/naming.sh
source "$here/naming.sh"

psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 <<'SQL'
\getenv name NAME
SET client_min_messages = warning;
SELECT pg_advisory_lock(hashtext('slipway role'), hashtext(:'name')) \g /dev/null
-- A login cannot come back while its connections are ended.
SELECT format('ALTER ROLE %I NOLOGIN', :'name') WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
DROP DATABASE IF EXISTS :"name" WITH (FORCE);
SELECT format('DROP OWNED BY %I', :'name') WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
DROP ROLE IF EXISTS :"name";
SELECT format('DELETE FROM slipway.login WHERE name = %L', :'name') WHERE to_regclass('slipway.login') IS NOT NULL \gexec
SQL
echo "database $NAME is gone"
