-- The steps of the runs from $1 on and before $2, the attempts of those that began, and the questions that some wait for.
WITH planned AS MATERIALIZED (
    SELECT p.*, s.start, pg_temp.key(p.ms, 1 + its.position, p.n) AS step_id, its.*,
           CASE WHEN its.position = 0 AND started IS NOT NULL OR status = 'completed' THEN 'completed'
                WHEN status = 'suspended' THEN 'waiting'
                WHEN status IN ('failed', 'running', 'cancelled') THEN status
                ELSE 'pending' END AS stands,
           CASE its.position WHEN 0 THEN started ELSE started + interval '7 s' END AS began,
           CASE its.position WHEN 0 THEN started + interval '7 s' ELSE finished END AS ended
    FROM pg_temp.seeding s, pg_temp.planned($1::bigint, $2::bigint) p, (VALUES (0, 'one'), (1, 'two')) its (position, name)),
steps AS (
    INSERT INTO step (id, run_id, name, position, type, status, attempts, tries, idempotency_key, exit_code, error_code, error_message, started_at,
                      finished_at, wait)
    SELECT step_id, id, name, position, 'scripted', stands, tried, tried, id || '/' || name,
           CASE stands WHEN 'completed' THEN 0 WHEN 'failed' THEN 1 END, CASE stands WHEN 'failed' THEN 'StepFailed' END,
           CASE stands WHEN 'failed' THEN 'ended with 1: no space left on device' END, CASE WHEN stands <> 'pending' THEN began END,
           CASE WHEN stands IN ('completed', 'failed', 'cancelled') THEN coalesce(ended, finished) END,
           CASE stands WHEN 'waiting' THEN '{"kind": "approval", "message": "go on with it?"}'::jsonb END
    FROM (SELECT *, CASE WHEN began IS NOT NULL AND stands IN ('completed', 'failed', 'running', 'cancelled') THEN 1 ELSE 0 END AS tried FROM planned) all_of_them),
questions AS (
    INSERT INTO approval (step_id, run_id, message, requested_at) SELECT step_id, id, 'go on with it?', at FROM planned WHERE stands = 'waiting')
INSERT INTO attempt (step_id, number, run_id, fence, worker_id, status, image, exit_code, error_code, error_message, started_at, finished_at)
SELECT step_id, 1, id, 1, pg_temp.key(start, 4095, 0), stands, 'seed/step:1', CASE stands WHEN 'completed' THEN 0 WHEN 'failed' THEN 1 END,
       CASE stands WHEN 'failed' THEN 'StepFailed' END, CASE stands WHEN 'failed' THEN 'ended with 1: no space left on device' END, began,
       CASE WHEN stands <> 'running' THEN ended END
FROM planned WHERE began IS NOT NULL AND stands IN ('completed', 'failed', 'running', 'cancelled')
