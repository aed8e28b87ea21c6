-- Saved views from $1 on and before $2: as many as one may have of the first person's, the others of teams.
INSERT INTO saved_view (id, owner_id, team, page, name, query, created_by)
SELECT pg_temp.key(pg_temp.moment(n), 28, n), CASE WHEN n < 200 THEN pg_temp.known(16, 0) END,
       CASE WHEN n >= 200 THEN pg_temp.team_name(n) END, (ARRAY['runs', 'resources', 'applications'])[1 + n % 3],
       'what failed, ' || lpad(n::text, 5, '0'), 'status=failed&team=' || pg_temp.team_name(n), 'seed'
FROM generate_series($1::bigint, $2::bigint - 1) n
