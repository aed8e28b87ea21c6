-- People from $1 on and before $2. Their issuer is one that no installation has, so none of them can log in.
INSERT INTO person (id, issuer, subject, name, email, roles, teams, created_at, last_login_at, disabled_at)
SELECT pg_temp.known(16, n), 'https://seed.invalid', 'seed-' || n, name, name || '@seed.invalid',
       CASE n % 3 WHEN 0 THEN ARRAY['developer'] WHEN 1 THEN ARRAY['viewer'] ELSE ARRAY['viewer', 'approver'] END,
       ARRAY[pg_temp.team_name(n), pg_temp.team_name(n + 1)], at, at + interval '1 day',
       CASE WHEN n % 20 = 7 THEN at + interval '2 days' END
FROM (SELECT n, to_timestamp(pg_temp.moment(n) / 1000.0) - interval '3 days' AS at,
             (ARRAY['ada', 'grace', 'linus', 'barbara', 'edsger', 'donald', 'margaret', 'alan'])[1 + n % 8]
             || '-' || lpad(n::text, 5, '0') AS name
      FROM generate_series($1::bigint, $2::bigint - 1) n) person
