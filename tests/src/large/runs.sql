-- Runs from $1 on and before $2.
INSERT INTO run (id, root_run_id, kind, operation, resource_id, application_id, team, provider, provider_version, workflow, plan_digest, inputs, outputs,
                 requested_by, queue, status, reason, reason_detail, fence, lease_worker_id, lease_until, error_code, error_message, created_at,
                 waiting_since, queued_at, ticket_sent_at, started_at, finished_at, class, order_at, resource_type, environment, lane)
SELECT id, id, CASE WHEN resource IS NULL THEN 'golden_path' ELSE 'resource' END, operation, resource_id, application_id, team, provider, '1.4.0', workflow,
       plan, '{"size": 3}', '{}', CASE WHEN chance % 10 = 3 THEN (ARRAY['ada', 'grace', 'linus', 'barbara', 'edsger'])[1 + n % 5] ELSE 'system' END,
       queue, status, CASE status WHEN 'suspended' THEN 'WaitingForApproval' END, CASE status WHEN 'suspended' THEN 'somebody has to agree' END,
       CASE WHEN started IS NULL THEN 0 ELSE 1 END,
       -- Of a worker that is gone, until tomorrow.
       CASE status WHEN 'running' THEN pg_temp.key(start, 4095, 0) END, CASE status WHEN 'running' THEN now() + interval '1 day' END,
       CASE WHEN status = 'failed' THEN CASE WHEN chance % 7 = 0 THEN 'TimedOut' ELSE 'StepFailed' END END,
       CASE WHEN status = 'failed' THEN 'step ''two'' ended with 1: no space left on device' END,
       at, at, CASE WHEN status = 'queued' OR started IS NOT NULL THEN at END, CASE WHEN status = 'queued' OR started IS NOT NULL THEN at END, started,
       finished, CASE operation WHEN 'read' THEN 'drift' ELSE 'interactive' END, CASE operation WHEN 'read' THEN at + drift_after ELSE at END,
       type, environment,
       -- As place_run has it.
       md5(concat_ws(E'\x1f', application_id::text, coalesce(type, ''), provider, environment, operation <> 'read'))::uuid
FROM (SELECT p.*, s.plan, s.start, drift_after, operation, CASE WHEN resource IS NULL THEN 'seed-paths' ELSE 'seed-' || type END AS provider,
             CASE WHEN resource IS NULL THEN (ARRAY['onboard-team', 'rotate-keys', 'restore-backup'])[1 + n % 3] ELSE operation || '-' || type END AS workflow
      FROM ageing, pg_temp.seeding s, pg_temp.planned($1::bigint, $2::bigint) p
      CROSS JOIN LATERAL (SELECT CASE WHEN resource IS NULL THEN 'execute' WHEN n < s.resources THEN 'create'
                                      WHEN chance % 20 = 0 THEN 'read' ELSE 'update' END AS operation) does) run
