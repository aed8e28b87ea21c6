-- What resources were made as, what they are to become, and how long applications live.

ALTER TABLE application
    -- Set by people; the annotation slipway.dev/deletion-protection of its spec protects it as well.
    ADD COLUMN protected boolean NOT NULL DEFAULT false,
    ADD COLUMN expires_at timestamptz,
    -- Whether the spec's annotation gave it its time or a request did: a new spec without one takes back only the first.
    ADD COLUMN expires_by text CHECK (expires_by IN ('spec', 'request')),
    -- Its time was over, and its protection kept it.
    ADD COLUMN expiry_blocked_at timestamptz,
    ADD CONSTRAINT application_expiry_has_source CHECK ((expires_at IS NULL) = (expires_by IS NULL));
-- A name is free again as soon as its deletion is asked for: what comes next waits for the resources, not for the name.
DROP INDEX application_live_name;
CREATE UNIQUE INDEX application_live_name ON application (name) WHERE delete_requested_at IS NULL;
CREATE INDEX application_expiring ON application (expires_at)
    WHERE expires_at IS NOT NULL AND delete_requested_at IS NULL AND expiry_blocked_at IS NULL;

ALTER TABLE generation
    -- Tags and workflows that came beside the spec: {"tags": [..], "workflows": {"<resource>": ".."}}.
    ADD COLUMN choices jsonb NOT NULL DEFAULT '{}',
    -- The generation whose content this one brings back.
    ADD COLUMN restores integer CHECK (restores > 0);

ALTER TABLE resource
    -- Resolved params of the last create or update that completed: what is really there. Null: nothing was ever made.
    ADD COLUMN applied_params jsonb,
    -- Since when an update that began and did not complete may have changed what is there.
    ADD COLUMN applied_uncertain_since timestamptz,
    -- What is wanted, or an output that its params name, may have changed since the last run was made; resolve compares.
    ADD COLUMN reconcile_requested_at timestamptz,
    -- What the spec or the request says about the choice of a workflow.
    ADD COLUMN workflow_override text,
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN protected boolean NOT NULL DEFAULT false,
    -- Its outputs changed, and what depends on it has not been marked yet. Not marked at once: rows of resources are locked
    -- in the order of their identities, and the end of a run holds its own resource already.
    ADD COLUMN dependents_due boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT resource_check,
    DROP CONSTRAINT resource_check2,
    -- A degraded resource may say why.
    ADD CONSTRAINT resource_failed_has_error CHECK (state <> 'failed' OR error_code IS NOT NULL),
    ADD CONSTRAINT resource_error_is_of_failure CHECK (error_code IS NULL OR state IN ('failed', 'degraded')),
    -- A read runs beside the state that the resource has.
    ADD CONSTRAINT resource_idle_has_no_run CHECK (state NOT IN ('requested', 'failed', 'terminated') OR current_run_id IS NULL);
UPDATE resource SET applied_params = coalesce(resolved_params, params) WHERE state IN ('active', 'degraded');

-- One that is on its way out makes room for the next of the same identity, which waits until it is gone.
DROP INDEX resource_live_identity;
CREATE UNIQUE INDEX resource_live_identity ON resource (identity) WHERE state <> 'terminated' AND desired = 'present';
CREATE INDEX resource_leaving_identity ON resource (identity) WHERE state <> 'terminated' AND desired = 'absent';
CREATE INDEX resource_leaving_name ON resource (name) WHERE state <> 'terminated' AND desired = 'absent';

CREATE INDEX resource_dependents_due ON resource (id) WHERE dependents_due;

DROP INDEX resource_to_resolve;
CREATE INDEX resource_to_resolve ON resource (id)
    WHERE current_run_id IS NULL
      AND (state = 'requested' OR retry_requested_at IS NOT NULL OR reconcile_requested_at IS NOT NULL
           OR (desired = 'absent' AND state IN ('active', 'degraded')));

-- False: the spec names it no more, but what was made may rest on it until an update has completed.
ALTER TABLE resource_dependency ADD COLUMN wanted boolean NOT NULL DEFAULT true;
