-- Service accounts from $1 on and before $2.
INSERT INTO service_account (id, name, roles, teams, created_by, created_at, disabled_at)
SELECT pg_temp.known(17, n), 'seed-robot-' || lpad(n::text, 5, '0'), ARRAY['developer'], ARRAY[pg_temp.team_name(n)], 'seed', at,
       CASE WHEN n % 10 = 3 THEN at + interval '1 day' END
FROM (SELECT n, to_timestamp(pg_temp.moment(n) / 1000.0) - interval '3 days' AS at
      FROM generate_series($1::bigint, $2::bigint - 1) n) account
