-- Actions on many runs from $1 on and before $2, each over, on ten runs of which one could not be done.
WITH actions AS MATERIALIZED (
    SELECT n, pg_temp.key(ms, 26, n) AS id, to_timestamp(ms / 1000.0) AS at, s.runs, s.whole
    FROM pg_temp.seeding s, generate_series($1::bigint, $2::bigint - 1) n, LATERAL (SELECT pg_temp.moment(n) AS ms OFFSET 0) its),
items AS (
    INSERT INTO bulk_item (bulk_id, run_id, outcome, detail)
    SELECT a.id, p.id, CASE WHEN p.n % 10 = 3 THEN 'failed' ELSE 'done' END, CASE WHEN p.n % 10 = 3 THEN 'it was over before' END
    FROM actions a CROSS JOIN LATERAL (SELECT a.n * a.runs / a.whole / 10 * 10 AS low OFFSET 0) its
    CROSS JOIN LATERAL pg_temp.planned(its.low, its.low + 10) p)
INSERT INTO bulk_operation (id, action, filter, reason, requested_by, requester_id, actor, acts_for, teams, total, done, failed,
                            created_at, finished_at)
SELECT id, CASE n % 2 WHEN 0 THEN 'cancel' ELSE 'retry' END, jsonb_build_object('status', 'failed', 'team', pg_temp.team_name(n)),
       'seeded', 'seed', pg_temp.known(16, 0), '{"kind": "person", "name": "seed"}', ARRAY['*'], ARRAY[pg_temp.team_name(n)], 10, 9, 1,
       at, at + interval '1 min'
FROM actions
