-- Applications from $1 on and before $2, with their teams and a generation each.
WITH owners AS MATERIALIZED (SELECT * FROM pg_temp.owners($1::bigint, $2::bigint)),
teams AS (INSERT INTO team (name) SELECT DISTINCT team FROM owners ON CONFLICT DO NOTHING),
generations AS (
    INSERT INTO generation (application_id, number, spec, digest, submitted_by, created_at)
    SELECT id, 1, jsonb_build_object('apiVersion', 'score.dev/v1b1', 'metadata', jsonb_build_object('name', name),
                                     'containers', jsonb_build_object('web', jsonb_build_object('image', '.'))),
           sha256(name::bytea), 'seed', at
    FROM owners)
INSERT INTO application (id, name, team, generation, labels, created_at, updated_at)
SELECT id, name, team, 1, jsonb_build_object('env', pg_temp.environment(n), 'tier', 'tier-' || n % 4), at, at FROM owners
