-- Secrets from $1 on and before $2: a quarter of them of the application with the longest log, a quarter of its team, the others of other
-- applications. Each names a place elsewhere, so that there is no value that a key would have to open.
INSERT INTO secret (id, team, application_id, name, version, source, created_by, created_at, updated_by, updated_at)
SELECT pg_temp.key(ms, 31, n), CASE WHEN n % 4 < 2 THEN first.team ELSE pg_temp.team_name(other) END,
       CASE n % 4 WHEN 0 THEN first.application_id WHEN 1 THEN NULL ELSE pg_temp.key(s.start - 172800000 + other, 0, other) END,
       'seed_' || lpad(n::text, 6, '0'), 1, 'vault:seed/' || n || '#value', 'seed', to_timestamp(ms / 1000.0), 'seed',
       to_timestamp(ms / 1000.0)
FROM pg_temp.seeding s JOIN run first ON first.id = s.longest, generate_series($1::bigint, $2::bigint - 1) n,
     LATERAL (SELECT pg_temp.moment(n) AS ms, n % s.applications AS other OFFSET 0) its
