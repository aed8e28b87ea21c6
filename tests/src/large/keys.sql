-- API keys from $1 on and before $2: half of them people's, two in five of service accounts, the others nobody's. Of three one was
-- revoked, one has ended, and one would work if anybody knew it.
INSERT INTO api_key (id, name, prefix, hash, roles, teams, created_at, created_by, last_used_at, last_used_address, revoked_at,
                     expires_at, person_id, service_account_id)
SELECT pg_temp.key(ms, 20, n), 'seed-key-' || n, 'seed' || lpad(n::text, 6, '0'), pg_temp.no_secret(), ARRAY['viewer'],
       ARRAY[pg_temp.team_name(n)], at, 'seed', at + interval '5 min', '192.0.2.' || n % 250,
       CASE n % 3 WHEN 0 THEN at + interval '10 min' END, CASE n % 3 WHEN 1 THEN at + interval '10 min' END,
       CASE WHEN n % 10 < 5 THEN pg_temp.known(16, n % (runs / 200)) END,
       CASE WHEN n % 10 BETWEEN 5 AND 8 THEN pg_temp.known(17, n / 10 * 4 % greatest(runs / 2000, 1)) END
FROM (SELECT runs, n, ms, to_timestamp(ms / 1000.0) AS at
      FROM pg_temp.seeding, generate_series($1::bigint, $2::bigint - 1) n, LATERAL (SELECT pg_temp.moment(n) AS ms OFFSET 0) its) key
