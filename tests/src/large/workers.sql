-- Workers from $1 on and before $2 that have stopped, within the day after which they are forgotten.
INSERT INTO worker (id, name, host, version, queues, slots, state, posture, refused_writes, started_at, heartbeat_at, stopped_at, labels)
SELECT pg_temp.key(ms, 22, n), 'seed-worker-' || n % 100, 'seed-host-' || n % 20, '1.0.0', ARRAY['seed-gpu', 'seed-eu'], 4, 'stopped',
       '{"engine": "docker", "rootless": true, "seccomp": true, "cgroup_version": "2"}', 0,
       least(to_timestamp(ms / 1000.0), over - interval '1 hour'), over, over,
       jsonb_build_object('zone', 'zone-' || n % 3)
FROM (SELECT n, pg_temp.moment(n) AS ms, now() - n % 20 * interval '1 hour' AS over
      FROM generate_series($1::bigint, $2::bigint - 1) n) worker
