-- Workers that come and go: what tells them apart, and the number that scalers ask Postgres for.

ALTER TABLE worker
    ADD COLUMN labels jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object' AND octet_length(labels::text) <= 8192);

-- Runs of a queue that need a slot, or have one. What waits for anything else asks for no worker. With the rights of its owner, so
-- that a scaler's login needs none but this.
CREATE FUNCTION queue_demand(of_queue text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT coalesce((SELECT sum(w.runs) FROM waiting_counts(of_queue) w
                     WHERE w.code IN ('NoWorkerForQueue', 'QueueFull', 'Fairness', 'Promoting')), 0)::bigint
           + (SELECT count(*) FROM run r WHERE r.queue = of_queue AND r.status IN ('queued', 'running'))
$$;

-- Makes the role of scalers if it is not there, and gives it the number and nothing else.
CREATE FUNCTION grant_scaler() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        IF to_regrole('slipway_scaler') IS NULL THEN
            CREATE ROLE slipway_scaler NOLOGIN;
        END IF;
    EXCEPTION
        -- Roles belong to the whole cluster: the migration of another database has just made it.
        WHEN duplicate_object OR unique_violation THEN NULL;
        WHEN insufficient_privilege THEN
            RAISE WARNING 'the role slipway_scaler is missing, which scalers that ask Postgres need'
            USING HINT = 'as an administrator: CREATE ROLE slipway_scaler NOLOGIN; SELECT grant_scaler();';
            RETURN;
    END;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO slipway_scaler', current_schema());
    GRANT EXECUTE ON FUNCTION queue_demand(text) TO slipway_scaler;
END $$;

SELECT grant_roles();
SELECT grant_scaler();
