-- Webhooks from $1 on and before $2, all disabled: nothing is sent to any of them.
INSERT INTO webhook_endpoint (id, team, url, description, events, secret, created_by, created_at, updated_at, disabled_at,
                              disabled_reason)
SELECT pg_temp.known(18, n), CASE WHEN n % 10 > 0 THEN pg_temp.team_name(n) END, 'https://seed.invalid/hooks/' || n, 'seeded',
       ARRAY['run.failed'], 'whsec_c2VlZGVkLWFuZC1uZXZlci11c2VkLWZvci1hbnl0aGluZw==', 'seed', at, at, at, 'by seed'
FROM (SELECT n, to_timestamp(pg_temp.moment(n) / 1000.0) AS at FROM generate_series($1::bigint, $2::bigint - 1) n) webhook
