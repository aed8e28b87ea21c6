-- Logins from $1 on and before $2, a hundred of each of the first people: twenty are good, the others were ended.
INSERT INTO session (id, hash, person_id, address, agent, created_at, last_seen_at, expires_at, ended_at)
SELECT pg_temp.key((extract(epoch FROM at) * 1000)::bigint, 21, n), pg_temp.no_secret(), pg_temp.known(16, n / 100),
       '192.0.2.' || n % 250, 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', at,
       now() - n % 10 * interval '1 min', at + interval '12 hours',
       CASE WHEN n % 100 >= 20 THEN now() END
FROM (SELECT n, now() - (20 + n % 100) * interval '1 min' AS at FROM generate_series($1::bigint, $2::bigint - 1) n) login
