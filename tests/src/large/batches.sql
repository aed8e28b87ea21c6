-- Batches from $1 on and before $2, each over, of a hundred resources in two waves.
WITH batches AS MATERIALIZED (
    SELECT n, pg_temp.key(ms, 24, n) AS id, to_timestamp(ms / 1000.0) AS at, sha256(('seed-batch-' || n)::bytea) AS digest
    FROM generate_series($1::bigint, $2::bigint - 1) n, LATERAL (SELECT pg_temp.moment(n) AS ms OFFSET 0) its),
chosen AS MATERIALIZED (
    SELECT b.n, b.id, b.at, place, s.start, r, pg_temp.key(s.start - 86400000 + r, 0, r) AS resource, r % s.applications AS application,
           pg_temp.resource_type(r / s.applications) AS type, CASE WHEN place < 10 THEN 0 ELSE 1 END AS wave,
           CASE place % 50 WHEN 7 THEN 'failed' WHEN 9 THEN 'skipped' ELSE 'succeeded' END AS status
    FROM pg_temp.seeding s, batches b, generate_series(0, 99) place,
         LATERAL (SELECT (b.n * 100 + place) % s.resources AS r OFFSET 0) its),
items AS (
    INSERT INTO batch_item (batch_id, resource_id, position, wave, group_key, basis, status, run_id, detail, started_at, finished_at,
                            before)
    SELECT c.id, c.resource, c.place + 1, c.wave, md5('seed-' || c.type)::uuid, sha256(c.resource::text::bytea), c.status,
           CASE c.status WHEN 'succeeded' THEN r.last_run_id END, CASE WHEN c.status <> 'succeeded' THEN 'seeded as ' || c.status END,
           c.at + interval '1 min', c.at + interval '2 min', '{"version": "1.3.0", "overrides": {}}'
    FROM chosen c JOIN resource r ON r.id = c.resource),
groups AS (
    INSERT INTO batch_group (batch_id, key, resources, kind, provider, from_version, to_version, workflow, sample)
    SELECT id, md5('seed-' || type)::uuid, count(*), type, 'seed-' || type, '1.3.0', '1.4.0', 'update-' || type, min(resource::text)::uuid
    FROM chosen GROUP BY id, type),
waves AS (
    INSERT INTO batch_wave (batch_id, number, total, started_at, ended_at, bake_until, passed_at)
    SELECT id, wave, count(*), at, at + interval '2 min', at + interval '3 min', at + interval '3 min' FROM chosen GROUP BY id, wave, at)
INSERT INTO batch (id, name, reason, operation, selector, provider_version, waves, max_in_flight, bake_s, max_failures, status, preview,
                   digest, teams, total, wave, succeeded, failed, skipped, requested_by, requester_id, created_at, approved_by, approved_at,
                   approved_digest, started_at, finished_at, told_at)
SELECT b.id, 'seed-' || b.n, 'a new version', 'update', 'provider=seed-redis', '1.4.0', '10%,100%', 20, 60, '5%',
       CASE WHEN b.n % 10 = 4 THEN 'aborted' ELSE 'completed' END,
       jsonb_build_object('digest', encode(b.digest, 'hex'), 'total', 100, 'problems', 0, 'by_team', '[]'::jsonb, 'by_type', '[]'::jsonb,
                          'by_environment', '[]'::jsonb, 'groups', '[]'::jsonb, 'params', '[]'::jsonb,
                          'dependents', '{"count": 0, "by_team": []}'::jsonb, 'waves', '[10, 90]'::jsonb, 'expected', NULL),
       b.digest, (SELECT array_agg(DISTINCT pg_temp.team_name(c.application)) FROM chosen c WHERE c.id = b.id), 100, 1, 96, 2, 2, 'seed',
       pg_temp.known(16, 0), b.at, 'ada', b.at, b.digest, b.at, b.at + interval '10 min', b.at + interval '10 min'
FROM batches b
