-- The engine's bookkeeping for child runs and for groups of runs that go one at a time.

ALTER TABLE run
    -- Set on a run that ever started children, until none of them can be live any more.
    ADD COLUMN has_children boolean NOT NULL DEFAULT false,
    -- Whether the step that started this run knows how it ended.
    ADD COLUMN told_parent boolean NOT NULL DEFAULT false,
    -- Whether its deadline passed before it could end, so that it was stopped for that and fails once its `finally` steps are over.
    ADD COLUMN deadline_missed boolean NOT NULL DEFAULT false,
    -- Names among the outputs that are masked wherever they are shown.
    ADD COLUMN sensitive_outputs text[] NOT NULL DEFAULT '{}';
CREATE INDEX run_child_over ON run (id) WHERE parent_run_id IS NOT NULL AND finished_at IS NOT NULL AND NOT told_parent;
CREATE INDEX run_with_orphans ON run (id) WHERE has_children AND (finished_at IS NOT NULL OR cancel_requested_at IS NOT NULL);
CREATE INDEX run_by_parent_step ON run (parent_step_id, id) WHERE parent_step_id IS NOT NULL;

-- Steps whose child run or application has not been asked for yet: the work list, however many wait for theirs.
CREATE INDEX step_to_begin ON step (id)
    WHERE status = 'waiting' AND wait ->> 'kind' IN ('child', 'resources') AND NOT (wait ? 'run' OR wait ? 'asked');
CREATE INDEX approval_open_by_step ON approval (step_id) WHERE decision IS NULL;
CREATE INDEX approval_due ON approval (expires_at) WHERE decision IS NULL AND expires_at IS NOT NULL;

-- Whether a run that is to end must run `finally` steps first: some step of it has begun, and one of those is not over.
CREATE FUNCTION cleanup_left(of_run uuid, of_plan bytea) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM plan CROSS JOIN LATERAL jsonb_array_elements(plan.body -> 'steps') planned
                   JOIN step ON step.run_id = of_run AND step.name = planned ->> 'name'
                   WHERE plan.digest = of_plan AND (planned ->> 'finally')::boolean AND step.finished_at IS NULL)
       AND EXISTS (SELECT FROM step WHERE step.run_id = of_run AND (step.tries > 0 OR step.status <> 'pending'))
$$;

-- A run of a group waits with the reason ConcurrencyGroup, apart from the line of ready runs, until promote gives it the group's
-- turn. So the line holds one run of a group at most, and a million that wait for one group slow nobody down.
CREATE INDEX run_group_waiting ON run (concurrency_group, id)
    WHERE concurrency_group IS NOT NULL AND status = 'pending' AND reason = 'ConcurrencyGroup';
-- One run of a group has its turn, until it is over; it keeps it while it is suspended and when it goes on again.
CREATE UNIQUE INDEX run_one_turn_per_group ON run (concurrency_group)
    WHERE concurrency_group IS NOT NULL AND status IN ('pending', 'queued', 'running', 'suspended')
      AND reason IS DISTINCT FROM 'ConcurrencyGroup';

-- Gives the turn of every group that nobody has to the oldest of its runs.
CREATE FUNCTION promote_groups() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- A turn must not be given twice. Another scheduler that holds the lock does the work.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('promote:groups', 0)) THEN
        RETURN;
    END IF;
    -- Steps from group to group through the index, however many runs each has.
    WITH RECURSIVE waiting AS (
        (SELECT r.concurrency_group AS name FROM run r
         WHERE r.concurrency_group IS NOT NULL AND r.status = 'pending' AND r.reason = 'ConcurrencyGroup'
         ORDER BY r.concurrency_group LIMIT 1)
        UNION ALL
        SELECT (SELECT r.concurrency_group FROM run r
                WHERE r.concurrency_group > waiting.name AND r.status = 'pending' AND r.reason = 'ConcurrencyGroup'
                ORDER BY r.concurrency_group LIMIT 1)
        FROM waiting WHERE waiting.name IS NOT NULL),
    oldest AS (
        SELECT first.id FROM waiting
        -- Written as a range, so that only the index of the group's line is in this order: the planner likes to walk all blocked runs.
        CROSS JOIN LATERAL (SELECT r.id FROM run r
                            WHERE r.concurrency_group BETWEEN waiting.name AND waiting.name
                              AND r.status = 'pending' AND r.reason = 'ConcurrencyGroup'
                            ORDER BY r.concurrency_group, r.id LIMIT 1) first
        WHERE waiting.name IS NOT NULL AND NOT EXISTS (SELECT FROM run taken
                          WHERE taken.concurrency_group = waiting.name AND taken.status IN ('pending', 'queued', 'running', 'suspended')
                            AND taken.reason IS DISTINCT FROM 'ConcurrencyGroup')),
    -- One that someone is cancelling is left to the next pass.
    locked AS (SELECT r.id FROM run r JOIN oldest ON oldest.id = r.id WHERE r.status = 'pending' AND r.reason = 'ConcurrencyGroup'
               ORDER BY r.id FOR NO KEY UPDATE OF r SKIP LOCKED)
    UPDATE run SET reason = NULL, reason_detail = NULL, waiting_since = now() FROM locked WHERE run.id = locked.id;
END $$;

DROP FUNCTION promote(interval, bigint);
-- Every queue that has ready runs, or a reason for waiting that may no longer be true.
CREATE FUNCTION promote(worker_gone_after interval, most bigint)
RETURNS TABLE (queue_name text, run_id uuid, fence bigint)
LANGUAGE plpgsql AS $$
BEGIN
    -- A statement of its own: what follows sees who has a turn now.
    PERFORM promote_groups();
    RETURN QUERY
    -- Steps from queue to queue through the index, however many runs each has.
    WITH RECURSIVE ready AS (
        (SELECT r.queue FROM run r WHERE r.status = 'pending' AND r.reason IS NULL ORDER BY r.queue LIMIT 1)
        UNION ALL
        SELECT (SELECT r.queue FROM run r WHERE r.status = 'pending' AND r.reason IS NULL AND r.queue > ready.queue ORDER BY r.queue LIMIT 1)
        FROM ready WHERE ready.queue IS NOT NULL),
    named AS (SELECT ready.queue AS name FROM ready WHERE ready.queue IS NOT NULL
              UNION SELECT q.name FROM queue q WHERE q.wait_reason IS NOT NULL)
    SELECT named.name, promoted.run_id, promoted.fence FROM named, promote_queue(named.name, worker_gone_after, most) promoted;
END $$;

-- Runs that are forgotten and may have left something in the archive, until a worker has removed it there.
CREATE TABLE pruned_run (
    run_id    uuid        PRIMARY KEY,
    pruned_at timestamptz NOT NULL DEFAULT now()
);
