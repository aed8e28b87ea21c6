#!/bin/bash
# Reads how large the resource's database is and who is connected.
set -euo pipefail
here=$(dirname "$0")
# shellcheck source=providers/postgres/scripts/naming.sh
source "$here/naming.sh"

psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 <<'SQL' > "$SLIPWAY_OUTPUT"
\getenv name NAME
SELECT json_build_object('name', datname, 'size_bytes', pg_database_size(oid), 'connections',
                         (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid))
    FROM pg_database d WHERE datname = :'name';
SQL
[[ -s $SLIPWAY_OUTPUT ]] || { echo "there is no database $NAME" >&2; exit 1; }
cat "$SLIPWAY_OUTPUT"
