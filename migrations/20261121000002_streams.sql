-- What is only ever appended: events and logs.

-- The cursor of a reader is (xid, id): ids commit out of order, so a reader that remembered the highest id
-- would lose rows. Readers see only rows below pg_snapshot_xmin(pg_current_snapshot()).
CREATE TABLE event (
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    xid            xid8        NOT NULL DEFAULT pg_current_xact_id(),
    at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    type           text        NOT NULL,
    application_id uuid,
    resource_id    uuid,
    run_id         uuid,
    step           text,
    actor          text        NOT NULL DEFAULT 'system',
    data           jsonb       NOT NULL DEFAULT '{}',
    PRIMARY KEY (xid, id)
);
CREATE INDEX event_by_resource ON event (resource_id, xid, id) WHERE resource_id IS NOT NULL;
CREATE INDEX event_by_run ON event (run_id, xid, id) WHERE run_id IS NOT NULL;
CREATE INDEX event_by_application ON event (application_id, xid, id) WHERE application_id IS NOT NULL;
CREATE INDEX event_at ON event (at);

-- One row a batch of lines. `cursor` numbers the lines of a run over all its steps; the worker that holds the lease
-- writes them in order, one transaction after another, so a reader may remember the highest.
CREATE TABLE log_line (
    run_id  uuid        NOT NULL REFERENCES run ON DELETE CASCADE,
    cursor  bigint      NOT NULL,
    step    text        NOT NULL,
    attempt smallint    NOT NULL,
    seq     bigint      NOT NULL,
    at      timestamptz NOT NULL,
    -- `gap`: a record that says lines are missing here, and why.
    stream  text        NOT NULL CHECK (stream IN ('stdout', 'stderr', 'system', 'gap')),
    text    text        NOT NULL,
    PRIMARY KEY (run_id, cursor)
);

CREATE TABLE log_seal (
    run_id    uuid        NOT NULL REFERENCES run ON DELETE CASCADE,
    step      text        NOT NULL,
    attempt   smallint    NOT NULL,
    lines     bigint      NOT NULL,
    -- Lines known to be missing: cut by a limit, or never read because the worker died.
    gaps      bigint      NOT NULL DEFAULT 0,
    sealed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, step, attempt)
);

-- Set when every log line of a finished run is in the archive and its rows may be pruned.
CREATE TABLE log_archive (
    run_id      uuid        PRIMARY KEY REFERENCES run ON DELETE CASCADE,
    key         text        NOT NULL,
    sha256      bytea       NOT NULL,
    bytes       bigint      NOT NULL,
    lines       bigint      NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now()
);
