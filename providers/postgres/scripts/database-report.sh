#!/bin/bash
# Counts the databases that this provider made, and their bytes.
set -euo pipefail
psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 <<'SQL' > "$SLIPWAY_OUTPUT"
SELECT json_build_object('databases', count(*), 'size_bytes', coalesce(sum(pg_database_size(oid)), 0))
    FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE 'slipway: %';
SQL
cat "$SLIPWAY_OUTPUT"
