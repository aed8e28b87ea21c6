-- Limits from $1 on and before $2 of queues and of groups that nothing is in. One of a team, a type or a provider would have every pass
-- over what is ready look at limits, whatever its name: those are written beside an api alone.
INSERT INTO run_limit (kind, name, most, reason, made_by, made_at)
SELECT CASE n % 2 WHEN 0 THEN 'group' ELSE 'queue' END, 'seed-nothing-' || lpad(n::text, 5, '0'), 1000, 'seeded', 'seed',
       to_timestamp(pg_temp.moment(n) / 1000.0)
FROM generate_series($1::bigint, $2::bigint - 1) n
