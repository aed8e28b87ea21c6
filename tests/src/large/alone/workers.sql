-- Workers from $1 on and before $2 that live, for a day to come.
INSERT INTO worker (id, name, host, version, queues, slots, posture, started_at, heartbeat_at, labels, asked, asked_by, asked_at,
                    asked_why)
SELECT pg_temp.key(ms, 32, n), 'seed-live-' || n, 'seed-host-' || n % 20, '1.0.0',
       ARRAY['seed-gpu', 'seed-queue-' || lpad((n % 20)::text, 5, '0')], 4,
       '{"engine": "docker", "rootless": true, "seccomp": true, "cgroup_version": "2"}', to_timestamp(ms / 1000.0),
       now() + interval '1 day', jsonb_build_object('zone', 'zone-' || n % 3), CASE WHEN cordoned THEN 'cordon' ELSE 'serve' END,
       CASE WHEN cordoned THEN 'seed' END, CASE WHEN cordoned THEN now() END, CASE WHEN cordoned THEN 'seeded' END
FROM (SELECT n, pg_temp.moment(n) AS ms, n % 10 = 3 AS cordoned FROM generate_series($1::bigint, $2::bigint - 1) n) worker
