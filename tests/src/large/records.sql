-- Entries from $1 on and before $2 of the record of changes.
INSERT INTO audit_entry (actor_kind, actor_name, action, object, team, outcome, request_id)
SELECT 'system', 'seed', (ARRAY['application.submit', 'run.cancel', 'run.retry', 'queue.pause'])[1 + n % 4],
       'application/' || pg_temp.application_name(n % applications), 'team-' || lpad((n % applications % teams)::text, 3, '0'),
       CASE WHEN n % 20 = 1 THEN 'refused' ELSE 'done' END, 'seed-' || n
FROM pg_temp.seeding, generate_series($1::bigint, $2::bigint - 1) n
