-- Only what is shared is used by other applications than its own: a submission that would have it otherwise is refused. What was bound
-- before, by an id spelled as another's workload and name, stays bound, and shows as what it is.
UPDATE resource r SET shared = true
WHERE NOT r.shared AND EXISTS (SELECT FROM resource_user u WHERE u.resource_id = r.id AND u.application_id <> r.application_id);

-- A page of 500 applications counts the resources of each. The counts are read from the index alone.
CREATE INDEX resource_of_application ON resource (application_id, id)
    INCLUDE (state, desired, reconcile_requested_at, dependents_due);
DROP INDEX resource_by_application;
CREATE INDEX resource_shared ON resource (id)
    INCLUDE (application_id, state, desired, reconcile_requested_at, dependents_due) WHERE shared;
-- The same as resource_leaving.
DROP INDEX resource_leaving_identity;

-- As before; of others' resources only shared ones are looked at.
CREATE OR REPLACE VIEW application_seen AS
SELECT a.id, a.name, a.team, a.generation, a.labels, a.created_at, a.updated_at, a.delete_requested_at, a.deleted_at, a.protected, a.expires_at,
       a.expires_by, a.expiry_blocked_at,
       (a.protected OR coalesce(g.spec -> 'metadata' -> 'annotations' ->> 'slipway.dev/deletion-protection', '') = 'true') AS kept,
       used.resources, used.active, used.failed
FROM application a
LEFT JOIN generation g ON g.application_id = a.id AND g.number = a.generation
CROSS JOIN LATERAL (
    SELECT count(*) AS resources,
           count(*) FILTER (WHERE r.state = 'active' AND r.desired = 'present' AND r.reconcile_requested_at IS NULL
                                AND NOT r.dependents_due) AS active,
           count(*) FILTER (WHERE r.state = 'failed') AS failed
    FROM (SELECT o.state, o.desired, o.reconcile_requested_at, o.dependents_due FROM resource o WHERE o.application_id = a.id
          UNION ALL
          -- Of others, that it shares.
          SELECT o.state, o.desired, o.reconcile_requested_at, o.dependents_due FROM resource o
          WHERE o.shared AND o.application_id <> a.id
            AND o.id IN (SELECT u.resource_id FROM resource_user u WHERE u.application_id = a.id)) r
    WHERE r.state <> 'terminated') used;

SELECT grant_roles();
