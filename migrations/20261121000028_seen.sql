-- Applications and resources as people look at them, written once for lists, for one by its name, and for all of an application.
-- Each of those is a statement of its own, so that the ones that are asked for all the time keep a plan: making one anew took
-- as long as half a submission.

CREATE VIEW application_seen AS
SELECT a.*,
       (a.protected OR coalesce(g.spec -> 'metadata' -> 'annotations' ->> 'slipway.dev/deletion-protection', '') = 'true') AS kept,
       used.resources, used.active, used.failed
FROM application a
LEFT JOIN generation g ON g.application_id = a.id AND g.number = a.generation
CROSS JOIN LATERAL (
    SELECT count(*) AS resources,
           count(*) FILTER (WHERE r.state = 'active' AND r.desired = 'present' AND r.reconcile_requested_at IS NULL
                                AND NOT r.dependents_due) AS active,
           count(*) FILTER (WHERE r.state = 'failed') AS failed
    FROM (SELECT o.id FROM resource o WHERE o.application_id = a.id
          UNION SELECT u.resource_id FROM resource_user u WHERE u.application_id = a.id) mine
    JOIN resource r ON r.id = mine.id
    WHERE r.state <> 'terminated') used;

CREATE VIEW resource_seen AS
SELECT r.*, a.name AS application, a.team,
       (r.reconcile_requested_at IS NOT NULL OR r.dependents_due) AS reconciling,
       (r.protected OR coalesce(r.annotations ->> 'slipway.dev/deletion-protection', '') = 'true') AS kept,
       failed.id AS failed_run_id, failed.team AS failed_run_team, run.status AS run_status,
       -- Without a run, one that is to be compared waits for what it names.
       CASE WHEN run.status = 'pending' AND run.reason IS NULL AND EXISTS (SELECT FROM team_wait w WHERE w.team = run.team) THEN 'TeamQuota'
            WHEN run.id IS NOT NULL OR r.reconcile_requested_at IS NULL THEN run.reason
            ELSE (WITH RECURSIVE needed AS (
                      SELECT d.depends_on_id AS id FROM resource_dependency d WHERE d.resource_id = r.id AND d.wanted
                      UNION
                      SELECT d.depends_on_id FROM needed JOIN resource o ON o.id = needed.id
                      JOIN resource_dependency d ON d.resource_id = o.id AND d.wanted
                      WHERE o.reconcile_requested_at IS NOT NULL AND o.current_run_id IS NULL)
                  SELECT CASE WHEN bool_or(o.state = 'failed') THEN 'DependencyFailed' ELSE 'WaitingForDependency' END
                  FROM needed JOIN resource o USING (id)
                  WHERE o.state NOT IN ('active', 'degraded') OR o.reconcile_requested_at IS NOT NULL
                  HAVING count(*) > 0) END AS run_reason
FROM resource r
JOIN application a ON a.id = r.application_id
LEFT JOIN run ON run.id = r.current_run_id
LEFT JOIN run failed ON r.state = 'failed' AND failed.id = r.last_run_id AND failed.status IN ('failed', 'cancelled')
                        AND failed.operation <> 'read';
