-- Credentials from $1 on and before $2 whose secrets nothing can open: where keys are changed, that would be an error.
INSERT INTO integration (id, name, kind, settings, key_id, wrapped, sealed, created_by, created_at, updated_by, updated_at, checked_at,
                         check_error)
SELECT pg_temp.key(ms, 33, n), 'seed-' || lpad(n::text, 5, '0'), 'git', jsonb_build_object('host', 'seed.invalid', 'username', 'seed'),
       'seed', '\x00', '\x00', 'seed', at, 'seed', at, CASE WHEN n % 2 = 0 THEN at END, CASE WHEN n % 10 = 4 THEN 'refused' END
FROM (SELECT n, ms, to_timestamp(ms / 1000.0) AS at
      FROM generate_series($1::bigint, $2::bigint - 1) n, LATERAL (SELECT pg_temp.moment(n) AS ms OFFSET 0) its) integration
