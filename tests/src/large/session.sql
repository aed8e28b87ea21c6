-- The connection's own, and what its statements agree on.
SET statement_timeout = 0;
SET synchronous_commit = off;
SET jit = off;
CREATE TEMP TABLE seeding (
    runs         bigint           NOT NULL,
    applications bigint           NOT NULL,
    resources    bigint           NOT NULL,
    teams        bigint           NOT NULL,
    -- Of each run's log.
    lines        bigint           NOT NULL,
    -- When the first run is made, and how long after each the next: milliseconds.
    start        bigint           NOT NULL,
    step         double precision NOT NULL,
    plan         bytea            NOT NULL,
    -- The run with the longest log.
    longest      uuid,
    -- Where the numbers of the part that is being written end.
    whole        bigint
);
INSERT INTO queue (name) SELECT unnest(ARRAY['default', 'seed-gpu', 'seed-eu', 'seed-bulk']) ON CONFLICT DO NOTHING;
