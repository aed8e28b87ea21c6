-- The resources from $1 on and before $2 of one batch that is over and has as many as the part has numbers: a first percent of them in
-- its first wave, a tenth until the end of its second.
WITH batch AS MATERIALIZED (
    SELECT s.*, pg_temp.key((s.start + (s.runs - 1) * s.step)::bigint, 25, 0) AS id,
           to_timestamp((s.start + (s.runs - 1) * s.step) / 1000.0) AS at,
           sha256('seed-batch') AS digest, $1::bigint = 0 AS first
    FROM pg_temp.seeding s),
-- Its own row, and those of its waves and groups, with the first of the resources.
told AS MATERIALIZED (
    SELECT b.id, b.at, pg_temp.key(b.start - 86400000 + n, 0, n) AS resource, pg_temp.resource_type(n / b.applications) AS type,
           CASE WHEN n < (b.whole + 99) / 100 THEN 0 WHEN n < (b.whole + 9) / 10 THEN 1 ELSE 2 END AS wave,
           CASE n % 50 WHEN 7 THEN 'failed' WHEN 9 THEN 'skipped' ELSE 'succeeded' END AS status
    FROM batch b, generate_series(0, b.whole - 1) n WHERE b.first),
groups AS (
    INSERT INTO batch_group (batch_id, key, resources, kind, provider, from_version, to_version, workflow, sample)
    SELECT id, md5('seed-' || type)::uuid, count(*), type, 'seed-' || type, '1.3.0', '1.4.0', 'update-' || type, min(resource::text)::uuid
    FROM told GROUP BY id, type),
waves AS (
    INSERT INTO batch_wave (batch_id, number, total, started_at, ended_at, bake_until, passed_at)
    SELECT id, wave, count(*), at, at + interval '2 min', at + interval '3 min', at + interval '3 min' FROM told GROUP BY id, wave, at),
whole AS (
    INSERT INTO batch (id, name, reason, operation, selector, provider_version, waves, max_in_flight, bake_s, max_failures, status,
                       preview, digest, teams, total, wave, succeeded, failed, skipped, requested_by, requester_id, created_at, approved_by,
                       approved_at, approved_digest, started_at, finished_at, told_at)
    SELECT b.id, 'seed-large', 'a new version', 'update', 'provider=seed-postgres', '1.4.0', '1%,10%,100%', 100, 60, '5%', 'completed',
           jsonb_build_object('digest', encode(b.digest, 'hex'), 'total', b.whole, 'problems', 0, 'by_team', '[]'::jsonb,
                              'by_type', '[]'::jsonb, 'by_environment', '[]'::jsonb, 'groups', '[]'::jsonb, 'params', '[]'::jsonb,
                              'dependents', '{"count": 0, "by_team": []}'::jsonb,
                              'waves', (SELECT jsonb_agg(n ORDER BY wave) FROM (SELECT wave, count(*) AS n FROM told GROUP BY wave) w),
                              'expected', NULL),
           b.digest, ARRAY(SELECT pg_temp.team_name(n) FROM generate_series(0, b.teams - 1) n), b.whole, 2,
           (SELECT count(*) FROM told WHERE status = 'succeeded'), (SELECT count(*) FROM told WHERE status = 'failed'),
           (SELECT count(*) FROM told WHERE status = 'skipped'), 'seed', pg_temp.known(16, 0), b.at, 'ada', b.at, b.digest, b.at,
           b.at + interval '10 min', b.at + interval '10 min'
    FROM batch b WHERE b.first)
INSERT INTO batch_item (batch_id, resource_id, position, wave, group_key, basis, status, run_id, detail, started_at, finished_at, before)
SELECT i.id, i.resource, i.n + 1, i.wave, md5('seed-' || i.type)::uuid, sha256(i.resource::text::bytea), i.status,
       CASE i.status WHEN 'succeeded' THEN r.last_run_id END, CASE WHEN i.status <> 'succeeded' THEN 'seeded as ' || i.status END,
       i.at + interval '1 min', i.at + interval '2 min', '{"version": "1.3.0", "overrides": {}}'
FROM (SELECT b.id, b.at, n, pg_temp.key(b.start - 86400000 + n, 0, n) AS resource, pg_temp.resource_type(n / b.applications) AS type,
             CASE WHEN n < (b.whole + 99) / 100 THEN 0 WHEN n < (b.whole + 9) / 10 THEN 1 ELSE 2 END AS wave,
             CASE n % 50 WHEN 7 THEN 'failed' WHEN 9 THEN 'skipped' ELSE 'succeeded' END AS status
      FROM batch b, generate_series($1::bigint, $2::bigint - 1) n) i
JOIN resource r ON r.id = i.resource
