-- Looking at what is there: asked for by people or by a schedule, and what was found to differ.

ALTER TABLE resource
    ADD COLUMN read_requested_at timestamptz,
    ADD COLUMN read_requested_by text,
    -- When a look at it last came to an end, however.
    ADD COLUMN read_at timestamptz,
    -- What the last look found to differ from what was made; null: nothing, or nobody looked.
    ADD COLUMN drift jsonb,
    ADD COLUMN drift_since timestamptz,
    ADD CONSTRAINT resource_drift_has_time CHECK ((drift IS NULL) = (drift_since IS NULL));
CREATE INDEX resource_to_read ON resource (id) WHERE read_requested_at IS NOT NULL AND current_run_id IS NULL;
CREATE INDEX resource_by_provider ON resource (provider, id) WHERE state IN ('active', 'degraded') AND desired = 'present';
