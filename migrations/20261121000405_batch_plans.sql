-- What a batch would run for some of its resources, looked at before it begins.

CREATE TABLE batch_plan (
    batch_id    uuid        NOT NULL REFERENCES batch ON DELETE CASCADE,
    resource_id uuid        NOT NULL,
    -- The preview that shows it. Kept as long as the batch is not over, then as long as any preview: so no foreign key.
    run_id      uuid,
    -- Why there is none.
    problem     text,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (batch_id, resource_id),
    CHECK ((run_id IS NULL) <> (problem IS NULL))
);
CREATE INDEX batch_plan_run ON batch_plan (run_id);
SELECT grant_roles();
