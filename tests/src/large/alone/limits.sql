-- Limits from $1 on and before $2 of what passes over ready runs look at.
INSERT INTO run_limit (kind, name, most, reason, made_by, made_at)
SELECT (ARRAY['team', 'type', 'provider'])[1 + n % 3], 'seed-nothing-' || lpad(n::text, 5, '0'), 1000, 'seeded', 'seed',
       to_timestamp(pg_temp.moment(n) / 1000.0)
FROM generate_series($1::bigint, $2::bigint - 1) n
