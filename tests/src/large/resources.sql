-- Resources, by the last run of each: those of the runs from $1 on and before $2, which are as many as there are resources at most.
WITH planned AS MATERIALIZED (
    SELECT p.*, r, key, kind, name, above, r % s.applications AS a, pg_temp.key(s.start - 172800000 + r % s.applications, 0, r % s.applications) AS owner,
           CASE WHEN resource IS NULL THEN 'active'
                WHEN live THEN 'updating'
                WHEN status = 'failed' THEN CASE WHEN chance % 2 = 0 THEN 'failed' ELSE 'degraded' END
                WHEN chance % 40 = 1 THEN 'terminated'
                ELSE 'active' END AS state
    FROM pg_temp.seeding s, pg_temp.planned($1::bigint, $2::bigint) p
    CROSS JOIN LATERAL (SELECT p.n % s.resources AS r, p.n % s.resources / s.applications AS turn) place
    CROSS JOIN LATERAL (SELECT pg_temp.key(s.start - 86400000 + r, 0, r) AS key, pg_temp.resource_type(turn) AS kind,
                               pg_temp.resource_type(turn) || '-' || turn / 5 AS name,
                               CASE WHEN turn > 0 THEN pg_temp.key(s.start - 86400000 + r - s.applications, 0, r - s.applications) END AS above) it),
used AS (INSERT INTO resource_user (resource_id, application_id, name) SELECT key, owner, name FROM planned),
-- Each stands on the one before it, of the same application.
leaning AS (INSERT INTO resource_dependency (resource_id, depends_on_id) SELECT key, above FROM planned WHERE above IS NOT NULL)
INSERT INTO resource (id, application_id, name, type, identity, shared, params, resolved_params, applied_params, outputs, labels, state, state_since, desired,
                      current_run_id, last_run_id, error_code, error_message, provider, provider_version, created_at, updated_at)
SELECT key, owner, name, kind, format('%s.default#%s.%s', kind, pg_temp.application_name(a), name), false,
       '{"size": 3}', '{"size": 3}', '{"size": 3}', jsonb_build_object('host', name || '.internal'),
       jsonb_build_object('env', pg_temp.environment(a)), state, at, CASE state WHEN 'terminated' THEN 'absent' ELSE 'present' END,
       CASE WHEN state = 'updating' THEN id END, CASE WHEN resource IS NOT NULL AND state <> 'updating' THEN id END,
       CASE WHEN state IN ('failed', 'degraded') THEN 'StepFailed' END,
       CASE WHEN state IN ('failed', 'degraded') THEN 'step ''two'' ended with 1: no space left on device' END,
       'seed-' || kind, '1.4.0', at - interval '3 days', at
FROM planned
