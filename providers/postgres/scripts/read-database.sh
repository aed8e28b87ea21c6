#!/bin/bash
# Reads how large the resource's database is and who is connected, and tells how it differs from what is asked for.
set -euo pipefail
here=$(dirname "$0")
# shellcheck source=providers/postgres/scripts/naming.sh
source "$here/naming.sh"

psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname "$NAME" <<'SQL' > "$SLIPWAY_OUTPUT" || {
\getenv name NAME
\getenv connection_limit CONNECTION_LIMIT
\getenv extensions EXTENSIONS
WITH differs AS (
    SELECT format('the connection limit of its role is %s, not %s', rolconnlimit, :'connection_limit') AS how
    FROM pg_roles WHERE rolname = :'name' AND rolconnlimit <> :'connection_limit'::int
    UNION ALL
    SELECT 'its role may not log in' FROM pg_roles WHERE rolname = :'name' AND NOT rolcanlogin
    UNION ALL
    SELECT format('its role has more rights than it was given: %s', concat_ws(', ',
               CASE WHEN rolsuper THEN 'superuser' END, CASE WHEN rolcreatedb THEN 'create databases' END,
               CASE WHEN rolcreaterole THEN 'create roles' END))
    FROM pg_roles WHERE rolname = :'name' AND (rolsuper OR rolcreatedb OR rolcreaterole)
    UNION ALL
    SELECT format('its role %s is gone', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name')
    UNION ALL
    SELECT format('its owner is %s, not %s', pg_get_userbyid(datdba), :'name')
    FROM pg_database WHERE datname = :'name' AND pg_get_userbyid(datdba) <> :'name'
    UNION ALL
    SELECT format('the extension %s is gone', trim(asked))
    FROM unnest(string_to_array(:'extensions', ',')) AS asked
    WHERE trim(asked) <> '' AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = trim(asked)))
SELECT json_build_object('name', datname, 'size_bytes', pg_database_size(oid), 'connections',
                         (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND a.pid <> pg_backend_pid()),
                         'drift', (SELECT coalesce(json_agg(how ORDER BY how), '[]') FROM differs))
    FROM pg_database d WHERE datname = :'name';
SQL
  echo "the database $NAME cannot be read: it is not there, or lets nobody in" >&2
  exit 1
}
cat "$SLIPWAY_OUTPUT"
