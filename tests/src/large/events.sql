-- What happened to the runs from $1 on and before $2. The transaction is an old one, before all that any reader of events has read
-- up to: nobody is told of any of it.
INSERT INTO event (xid, at, type, application_id, resource_id, run_id, actor, data)
SELECT '100'::xid8, it.at, it.type, application_id, resource_id, id, 'seed', '{}'
FROM pg_temp.planned($1::bigint, $2::bigint) p
CROSS JOIN LATERAL (VALUES (p.at, 'run.created'), (p.started, 'run.claimed'), (p.finished, 'run.' || p.status)) it (at, type)
WHERE it.at IS NOT NULL
ORDER BY n, it.at
