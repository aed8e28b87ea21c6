-- Rules of notifications from $1 on and before $2, all paused: of teams, each tenth of the first person.
INSERT INTO notification_rule (id, person_id, team, kinds, channel, target, shown, description, digest_s, created_by, created_at,
                               updated_at, paused_at)
SELECT pg_temp.known(19, n), CASE WHEN n % 10 = 9 THEN pg_temp.known(16, 0) END, CASE WHEN n % 10 < 9 THEN pg_temp.team_name(n) END,
       ARRAY['failure'], 'slack', 'https://seed.invalid/chat/' || n, 'seed.invalid', 'seeded', 300, 'seed', at, at, at
FROM (SELECT n, to_timestamp(pg_temp.moment(n) / 1000.0) AS at FROM generate_series($1::bigint, $2::bigint - 1) n) rule
