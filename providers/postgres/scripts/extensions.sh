# shellcheck shell=bash
# Adds the extensions in EXTENSIONS (names, separated by commas) to the database NAME, as its owner: Postgres lets an owner
# add those that it trusts, and no others. What is named no more stays, for tables may use it.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname "$NAME" <<'SQL'
\getenv name NAME
\getenv extensions EXTENSIONS
SET client_min_messages = warning;
SET ROLE :"name";
SELECT format('CREATE EXTENSION IF NOT EXISTS %I', trim(extension))
    FROM unnest(string_to_array(:'extensions', ',')) AS extension WHERE trim(extension) <> '' \gexec
SQL
