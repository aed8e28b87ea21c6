-- Marks from $1 on and before $2, every other one a team's.
INSERT INTO mark (id, kind, title, link, at, until, team, made_by, maker, made_at)
SELECT pg_temp.key(ms, 23, n), kind, format('%s of %s', kind, pg_temp.application_name(n % applications)), 'https://seed.invalid/' || n,
       at, CASE kind WHEN 'incident' THEN at + interval '20 min' END, CASE WHEN n % 2 = 0 THEN pg_temp.team_name(n) END, 'seed',
       pg_temp.known(16, 0), at
FROM (SELECT applications, n, ms, to_timestamp(ms / 1000.0) AS at, (ARRAY['deploy', 'incident', 'note'])[1 + n % 3] AS kind
      FROM pg_temp.seeding, generate_series($1::bigint, $2::bigint - 1) n, LATERAL (SELECT pg_temp.moment(n) AS ms OFFSET 0) its) mark
