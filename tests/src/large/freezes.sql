-- Freezes from $1 on and before $2, all over for a day or more, of an environment that nothing is in.
INSERT INTO freeze_window (id, name, team, environment, starts_at, ends_at, reason, made_by, made_at)
SELECT pg_temp.key(ms, 27, n), 'zz-seed-' || lpad(n::text, 5, '0'), CASE WHEN n % 2 = 0 THEN pg_temp.team_name(n) END, 'seed-nowhere',
       at - interval '1 day 3 hours', at - interval '1 day 2 hours', 'seeded', 'seed', at - interval '2 days'
FROM (SELECT n, ms, to_timestamp(ms / 1000.0) AS at
      FROM generate_series($1::bigint, $2::bigint - 1) n, LATERAL (SELECT pg_temp.moment(n) AS ms OFFSET 0) its) window_of_time
