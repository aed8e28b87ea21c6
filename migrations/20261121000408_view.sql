-- What pages show: when a step's command began, what queues did lately, and lists by more than there was.

-- Between `started_at` and this the try waited for its image, its services, its container and its files.
ALTER TABLE attempt ADD COLUMN began_at timestamptz CHECK (began_at >= started_at);
COMMENT ON COLUMN attempt.began_at IS 'when its command began; null: it did not, or nobody told yet';

-- Appends lines in the order of their cursors, as lease_append_log, and notes which tries' commands have begun, how many seconds ago.
CREATE FUNCTION lease_append_lines(
    of_run uuid, at_fence bigint, token uuid, cursors bigint[], steps text[], attempts_of smallint[], seqs bigint[], times timestamptz[],
    streams text[], texts text[], begun uuid[], begun_tries smallint[], begun_ago_s float8[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    done boolean;
BEGIN
    WITH lease AS (
        SELECT id FROM run
        WHERE id = of_run AND fence = at_fence AND status = 'running' AND lease_hash = lease_digest(token, at_fence) FOR NO KEY UPDATE),
    written AS (
        INSERT INTO log_line (run_id, cursor, step, attempt, seq, at, stream, text)
        SELECT lease.id, line.* FROM lease, UNNEST(cursors, steps, attempts_of, seqs, times, streams, texts) AS line
        ON CONFLICT DO NOTHING),
    noted AS (
        UPDATE attempt SET began_at = greatest(attempt.started_at, now() - make_interval(secs => told.ago_s))
        FROM lease, UNNEST(begun, begun_tries, begun_ago_s) AS told (its_step, its_try, ago_s)
        WHERE attempt.run_id = lease.id AND attempt.step_id = told.its_step AND attempt.number = told.its_try
          AND attempt.began_at IS NULL)
    SELECT true INTO done FROM lease;
    RETURN FOUND;
END $$;

-- Records the end of a try, the step's outcome and the checkpoint of the workspace, and closes the try's log with its last lines.
-- `begun_ago_s`: seconds since its command began; null: it did not, or that is recorded.
CREATE FUNCTION lease_step_ended(
    of_run uuid, at_fence bigint, token uuid, of_step uuid, try smallint, its_status text, counted smallint, retry_in_s float8,
    its_exit_code integer, its_code text, its_message text, its_outputs jsonb, its_sensitive text[], its_variables jsonb,
    its_checkpoint jsonb, of_shared_workspace boolean, try_status text, was_oom_killed boolean,
    cursors bigint[], steps text[], attempts_of smallint[], seqs bigint[], times timestamptz[], streams text[], texts text[],
    log_lines bigint, log_gaps bigint, begun_ago_s float8)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    done boolean;
BEGIN
    WITH lease AS (
        SELECT id, application_id, resource_id FROM run
        WHERE id = of_run AND fence = at_fence AND status = 'running' AND lease_hash = lease_digest(token, at_fence) FOR NO KEY UPDATE),
    ended AS (
        UPDATE step SET status = its_status, attempts = attempts + counted, not_before = now() + make_interval(secs => retry_in_s),
               exit_code = its_exit_code, error_code = CASE WHEN its_status = 'failed' THEN its_code END, error_message = its_message,
               outputs = its_outputs, sensitive_outputs = its_sensitive, variables = its_variables, checkpoint = its_checkpoint,
               finished_at = CASE WHEN its_status <> 'pending' THEN now() END
        FROM lease WHERE step.run_id = lease.id AND step.id = of_step AND step.status = 'running' AND tries = try
        RETURNING step.id, step.name),
    tried AS (
        UPDATE attempt SET status = try_status, exit_code = its_exit_code, oom_killed = was_oom_killed, error_code = its_code,
               error_message = its_message, finished_at = now(),
               began_at = coalesce(attempt.began_at, CASE WHEN begun_ago_s IS NOT NULL
                   THEN greatest(attempt.started_at, now() - make_interval(secs => begun_ago_s)) END)
        FROM ended WHERE attempt.step_id = ended.id AND attempt.number = try),
    saved AS (
        UPDATE run SET checkpoint = its_checkpoint FROM ended
        WHERE run.id = of_run AND of_shared_workspace AND its_checkpoint IS NOT NULL),
    written AS (
        INSERT INTO log_line (run_id, cursor, step, attempt, seq, at, stream, text)
        SELECT lease.id, line.* FROM lease, UNNEST(cursors, steps, attempts_of, seqs, times, streams, texts) AS line
        ON CONFLICT DO NOTHING),
    sealed AS (
        INSERT INTO log_seal (run_id, step, attempt, lines, gaps) SELECT of_run, name, try, log_lines, log_gaps FROM ended
        ON CONFLICT DO NOTHING),
    told AS (
        INSERT INTO event (type, application_id, resource_id, run_id, step, data)
        SELECT CASE WHEN its_status = 'pending' THEN 'step.retrying' ELSE 'step.finished' END, lease.application_id, lease.resource_id,
               of_run, ended.name,
               jsonb_build_object('attempt', try, 'attempt_status', try_status, 'status', its_status, 'exit_code', its_exit_code,
                                  'error_code', its_code, 'error_message', its_message, 'retry_in_s', retry_in_s)
        FROM lease, ended)
    -- It is done too when an earlier call did it, whose answer was lost.
    SELECT true INTO done FROM lease
    WHERE EXISTS (SELECT FROM ended) OR EXISTS (SELECT FROM attempt WHERE step_id = of_step AND number = try AND status = try_status);
    RETURN coalesce(done, false);
END $$;

-- What workers of the release before call.
CREATE OR REPLACE FUNCTION lease_step_finished(
    of_run uuid, at_fence bigint, token uuid, of_step uuid, try smallint, its_status text, counted smallint, retry_in_s float8,
    its_exit_code integer, its_code text, its_message text, its_outputs jsonb, its_sensitive text[], its_variables jsonb,
    its_checkpoint jsonb, of_shared_workspace boolean, try_status text, was_oom_killed boolean,
    cursors bigint[], steps text[], attempts_of smallint[], seqs bigint[], times timestamptz[], streams text[], texts text[],
    log_lines bigint, log_gaps bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    RETURN lease_step_ended(of_run, at_fence, token, of_step, try, its_status, counted, retry_in_s, its_exit_code, its_code, its_message,
                            its_outputs, its_sensitive, its_variables, its_checkpoint, of_shared_workspace, try_status, was_oom_killed,
                            cursors, steps, attempts_of, seqs, times, streams, texts, log_lines, log_gaps, NULL);
END $$;

-- What a provider serves, terminated or not, newest first.
CREATE INDEX resource_of_provider ON resource (provider, id);

-- As before, and: of a provider, and by how the name begins.
CREATE OR REPLACE FUNCTION resource_ids(wanted jsonb, visible text[], older_than uuid, most bigint) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE ROWS 100
SET jit = off
AS $$
DECLARE
    conditions text[] := ARRAY['true'];
    owners uuid[];
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['type', 'state', 'provider'] LOOP
        IF wanted ? name THEN
            conditions := conditions || format('r.%I = %L', name, wanted ->> name);
        END IF;
    END LOOP;
    IF wanted ? 'named' THEN
        conditions := conditions || format('r.name ^@ %L', wanted ->> 'named');
    END IF;
    IF wanted ? 'living' THEN
        conditions := conditions || 'r.state <> ''terminated'''::text;
    END IF;
    IF wanted ? 'application' THEN
        -- Several when the name was free again in between.
        owners := ARRAY(SELECT a.id FROM application a WHERE a.name = wanted ->> 'application');
        conditions := conditions || format('r.id = ANY (%L)', ARRAY(
            SELECT o.id FROM resource o WHERE o.application_id = ANY (owners)
            UNION SELECT u.resource_id FROM resource_user u WHERE u.application_id = ANY (owners)));
    END IF;
    IF wanted ? 'with' THEN
        conditions := conditions || format('r.labels @> %L', wanted ->> 'with');
    END IF;
    IF wanted ? 'without' THEN
        conditions := conditions || format('NOT r.labels @> ANY (%L::jsonb[])', ARRAY(SELECT jsonb_array_elements(wanted -> 'without')));
    END IF;
    IF wanted ? 'present' THEN
        conditions := conditions || format('r.labels ?& %L', ARRAY(SELECT jsonb_array_elements_text(wanted -> 'present')));
    END IF;
    IF wanted ? 'absent' THEN
        conditions := conditions || format('NOT r.labels ?| %L', ARRAY(SELECT jsonb_array_elements_text(wanted -> 'absent')));
    END IF;
    IF visible IS NOT NULL THEN
        owners := ARRAY(SELECT a.id FROM application a WHERE a.team = ANY (visible) LIMIT 1001);
        -- So many that a page of theirs is found soon, going through all resources.
        conditions := conditions || CASE WHEN cardinality(owners) <= 1000
            THEN format('r.id IN (SELECT o.id FROM resource o WHERE o.application_id = ANY (%1$L)
                                  UNION SELECT u.resource_id FROM resource_user u WHERE u.application_id = ANY (%1$L))', owners)
            ELSE format('(EXISTS (SELECT FROM application a WHERE a.id = r.application_id AND a.team = ANY (%1$L))
                          OR EXISTS (SELECT FROM resource_user u JOIN application a ON a.id = u.application_id
                                     WHERE u.resource_id = r.id AND a.team = ANY (%1$L)))', visible) END;
    END IF;
    IF older_than IS NOT NULL THEN
        conditions := conditions || format('r.id < %L', older_than);
    END IF;
    RETURN QUERY EXECUTE format('SELECT r.id FROM resource r WHERE %s ORDER BY r.id DESC LIMIT %s', array_to_string(conditions, ' AND '), most);
END $$;

-- Entries by the id of who did it: one that did nothing is known at once.
CREATE INDEX audit_entry_by_actor_id ON audit_entry (actor_id, id) WHERE actor_id IS NOT NULL;

-- As before, and: who acted is looked for by name or by id, and nothing is read of who did not.
CREATE OR REPLACE FUNCTION audit_ids(wanted jsonb, before bigint, most bigint) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 100
SET jit = off
AS $$
DECLARE
    conditions text[] := ARRAY['true'];
    name text;
    by_id boolean;
    by_name boolean;
BEGIN
    FOREACH name IN ARRAY ARRAY['action', 'object', 'team', 'outcome'] LOOP
        IF wanted ? name THEN
            conditions := conditions || format('e.%I = %L', name, wanted ->> name);
        END IF;
    END LOOP;
    IF wanted ? 'actor' THEN
        -- By the one or the other, so that its index gives them in their order; of who did nothing there is nothing to look for.
        by_id := wanted ->> 'actor' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                 AND EXISTS (SELECT FROM audit_entry e WHERE e.actor_id = (wanted ->> 'actor')::uuid);
        by_name := EXISTS (SELECT FROM audit_entry e WHERE e.actor_name = wanted ->> 'actor');
        IF NOT by_id AND NOT by_name THEN
            RETURN;
        END IF;
        conditions := conditions || CASE WHEN by_id AND by_name THEN format('(e.actor_name = %1$L OR e.actor_id = %1$L)', wanted ->> 'actor')
                                         WHEN by_id THEN format('e.actor_id = %L', wanted ->> 'actor')
                                         ELSE format('e.actor_name = %L', wanted ->> 'actor') END;
    END IF;
    IF wanted ? 'actions' THEN
        conditions := conditions || format('starts_with(e.action, %L)', wanted ->> 'actions');
    END IF;
    IF wanted ? 'objects' THEN
        conditions := conditions || format('starts_with(e.object, %L)', wanted ->> 'objects');
    END IF;
    IF wanted ? 'since' THEN
        conditions := conditions || format('e.at >= %L', wanted ->> 'since');
    END IF;
    IF wanted ? 'until' THEN
        conditions := conditions || format('e.at < %L', wanted ->> 'until');
    END IF;
    IF before IS NOT NULL THEN
        conditions := conditions || format('e.id < %L', before);
    END IF;
    RETURN QUERY EXECUTE format('SELECT e.id FROM audit_entry e WHERE %s ORDER BY e.id DESC LIMIT %s', array_to_string(conditions, ' AND '), most);
END $$;

-- Sums of what fell into buckets; those of a stretch that is written anew are taken off. Null: nothing was counted.
CREATE FUNCTION buckets_moved(before integer[], more integer[], less integer[]) RETURNS integer[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN before IS NOT NULL OR more IS NOT NULL
        THEN ARRAY(SELECT coalesce(its.before, 0) + coalesce(its.more, 0) - coalesce(its.less, 0)
                   FROM UNNEST(before, more, less) WITH ORDINALITY AS its (before, more, less, place) ORDER BY its.place) END
$$;

-- The same by the hour, for longer times: kept by a trigger, so whatever writes minutes writes these.
CREATE TABLE queue_hour (
    queue     text        NOT NULL,
    hour      timestamptz NOT NULL CHECK (extract(epoch FROM hour)::bigint % 3600 = 0),
    created   integer     NOT NULL DEFAULT 0,
    completed integer     NOT NULL DEFAULT 0,
    failed    integer     NOT NULL DEFAULT 0,
    cancelled integer     NOT NULL DEFAULT 0,
    waits     integer[],
    times     integer[],
    waiting   integer     NOT NULL DEFAULT 0,
    in_flight integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, hour)
);
CREATE INDEX queue_hour_age ON queue_hour (hour);

CREATE FUNCTION add_to_hour() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO queue_hour AS its (queue, hour, created, completed, failed, cancelled, waits, times, waiting, in_flight)
    VALUES (NEW.queue, date_trunc('hour', NEW.minute, 'UTC'), NEW.created - coalesce(OLD.created, 0),
            NEW.completed - coalesce(OLD.completed, 0), NEW.failed - coalesce(OLD.failed, 0), NEW.cancelled - coalesce(OLD.cancelled, 0),
            buckets_moved(NULL, NEW.waits, OLD.waits), buckets_moved(NULL, NEW.times, OLD.times), NEW.waiting, NEW.in_flight)
    ON CONFLICT (queue, hour) DO UPDATE SET
        created = its.created + excluded.created, completed = its.completed + excluded.completed,
        failed = its.failed + excluded.failed, cancelled = its.cancelled + excluded.cancelled,
        waits = buckets_moved(its.waits, NEW.waits, OLD.waits), times = buckets_moved(its.times, NEW.times, OLD.times),
        waiting = greatest(its.waiting, excluded.waiting), in_flight = greatest(its.in_flight, excluded.in_flight);
    RETURN NULL;
END $$;
CREATE TRIGGER add_to_hour AFTER INSERT OR UPDATE ON queue_minute FOR EACH ROW EXECUTE FUNCTION add_to_hour();
-- Also where triggers are passed over to write much.
ALTER TABLE queue_minute ENABLE ALWAYS TRIGGER add_to_hour;
-- Of a week that was counted before; the trigger holds off who counts until this is committed.
INSERT INTO queue_hour (queue, hour, created, completed, failed, cancelled, waits, times, waiting, in_flight)
SELECT m.queue, date_trunc('hour', m.minute, 'UTC'), sum(m.created), sum(m.completed), sum(m.failed), sum(m.cancelled), NULL, NULL,
       max(m.waiting), max(m.in_flight)
FROM queue_minute m GROUP BY 1, 2;
UPDATE queue_hour SET waits = its.counts
FROM (SELECT queue, hour, array_agg(counted ORDER BY place) AS counts
      FROM (SELECT m.queue, date_trunc('hour', m.minute, 'UTC') AS hour, b.place, sum(b.counted)::int AS counted
            FROM queue_minute m CROSS JOIN LATERAL UNNEST(m.waits) WITH ORDINALITY AS b (counted, place) GROUP BY 1, 2, 3) sums
      GROUP BY 1, 2) its
WHERE queue_hour.queue = its.queue AND queue_hour.hour = its.hour;
UPDATE queue_hour SET times = its.counts
FROM (SELECT queue, hour, array_agg(counted ORDER BY place) AS counts
      FROM (SELECT m.queue, date_trunc('hour', m.minute, 'UTC') AS hour, b.place, sum(b.counted)::int AS counted
            FROM queue_minute m CROSS JOIN LATERAL UNNEST(m.times) WITH ORDINALITY AS b (counted, place) GROUP BY 1, 2, 3) sums
      GROUP BY 1, 2) its
WHERE queue_hour.queue = its.queue AND queue_hour.hour = its.hour;

-- How many runs are ready, also by what limits and freezes tell apart. Of runs that are not, these columns say nothing.
ALTER TABLE run_change
    ADD COLUMN resource_type text    NOT NULL DEFAULT '',
    ADD COLUMN provider      text    NOT NULL DEFAULT '',
    ADD COLUMN environment   text    NOT NULL DEFAULT '',
    ADD COLUMN freezable     boolean NOT NULL DEFAULT false;
ALTER TABLE run_tally
    ADD COLUMN resource_type text    NOT NULL DEFAULT '',
    ADD COLUMN provider      text    NOT NULL DEFAULT '',
    ADD COLUMN environment   text    NOT NULL DEFAULT '',
    ADD COLUMN freezable     boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT run_tally_pkey,
    ADD PRIMARY KEY (queue, team, kind, status, reason, resource_type, provider, environment, freezable);

CREATE OR REPLACE FUNCTION note_runs_made() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO run_change (queue, team, kind, status, reason, runs, resource_type, provider, environment, freezable)
    SELECT m.queue, m.team, m.kind, m.status, coalesce(m.reason, ''), count(*),
           CASE WHEN its.ready THEN coalesce(m.resource_type, '') ELSE '' END, CASE WHEN its.ready THEN m.provider ELSE '' END,
           CASE WHEN its.ready THEN coalesce(m.environment, '') ELSE '' END,
           its.ready AND m.operation <> 'read' AND m.kind <> 'preview' AND m.freeze_overridden_by IS NULL
    FROM made m CROSS JOIN LATERAL (SELECT m.status = 'pending' AND m.reason IS NULL AS ready) its
    WHERE m.status NOT IN ('queued', 'running') GROUP BY 1, 2, 3, 4, 5, 7, 8, 9, 10;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION note_runs_forgotten() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO run_change (queue, team, kind, status, reason, runs, resource_type, provider, environment, freezable)
    SELECT f.queue, f.team, f.kind, f.status, coalesce(f.reason, ''), -count(*),
           CASE WHEN its.ready THEN coalesce(f.resource_type, '') ELSE '' END, CASE WHEN its.ready THEN f.provider ELSE '' END,
           CASE WHEN its.ready THEN coalesce(f.environment, '') ELSE '' END,
           its.ready AND f.operation <> 'read' AND f.kind <> 'preview' AND f.freeze_overridden_by IS NULL
    FROM forgotten f CROSS JOIN LATERAL (SELECT f.status = 'pending' AND f.reason IS NULL AS ready) its
    WHERE f.status NOT IN ('queued', 'running') GROUP BY 1, 2, 3, 4, 5, 7, 8, 9, 10;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION note_run_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.status = 'pending' AND OLD.reason IS NULL THEN
        INSERT INTO run_change (queue, team, kind, status, reason, runs, resource_type, provider, environment, freezable)
        VALUES (OLD.queue, OLD.team, OLD.kind, OLD.status, '', -1, coalesce(OLD.resource_type, ''), OLD.provider, coalesce(OLD.environment, ''),
                may_be_frozen(OLD));
    ELSIF OLD.status NOT IN ('queued', 'running') THEN
        INSERT INTO run_change (queue, team, kind, status, reason, runs)
        VALUES (OLD.queue, OLD.team, OLD.kind, OLD.status, coalesce(OLD.reason, ''), -1);
    END IF;
    IF NEW.status = 'pending' AND NEW.reason IS NULL THEN
        INSERT INTO run_change (queue, team, kind, status, reason, runs, resource_type, provider, environment, freezable)
        VALUES (NEW.queue, NEW.team, NEW.kind, NEW.status, '', 1, coalesce(NEW.resource_type, ''), NEW.provider, coalesce(NEW.environment, ''),
                may_be_frozen(NEW));
    ELSIF NEW.status NOT IN ('queued', 'running') THEN
        INSERT INTO run_change (queue, team, kind, status, reason, runs)
        VALUES (NEW.queue, NEW.team, NEW.kind, NEW.status, coalesce(NEW.reason, ''), 1);
    END IF;
    RETURN NULL;
END $$;
-- A ready run that comes to be told apart otherwise: let start in spite of a freeze, or placed anew.
CREATE TRIGGER note_run_placed AFTER UPDATE OF class, priority, lane, freeze_overridden_by ON run
    FOR EACH ROW WHEN (NEW.status = 'pending' AND NEW.reason IS NULL AND OLD.status = 'pending' AND OLD.reason IS NULL
                       AND OLD.lane <> NEW.lane)
    EXECUTE FUNCTION note_run_moved();
-- The trigger holds off all writers until this is committed, so none is missed.
DELETE FROM run_change WHERE status = 'pending' AND reason = '';
DELETE FROM run_tally WHERE status = 'pending' AND reason = '';
INSERT INTO run_tally (queue, team, kind, status, reason, runs, resource_type, provider, environment, freezable)
SELECT r.queue, r.team, r.kind, r.status, '', count(*), coalesce(r.resource_type, ''), r.provider, coalesce(r.environment, ''), may_be_frozen(r)
FROM run r WHERE r.status = 'pending' AND r.reason IS NULL GROUP BY 1, 2, 3, 4, 7, 8, 9, 10;

CREATE OR REPLACE FUNCTION add_up_changes(most bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    counted bigint;
BEGIN
    -- One at a time, so that the rows of figures are never waited for.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('changes', 0)) THEN
        RETURN 0;
    END IF;
    WITH runs AS (DELETE FROM run_change WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM run_change c LIMIT most)) RETURNING *),
    resources AS (DELETE FROM resource_change WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM resource_change c LIMIT most)) RETURNING *),
    of_runs AS (
        INSERT INTO run_tally AS tally (queue, team, kind, status, reason, resource_type, provider, environment, freezable, runs)
        SELECT queue, team, kind, status, reason, resource_type, provider, environment, freezable, sum(runs.runs)
        FROM runs GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 HAVING sum(runs.runs) <> 0
        ON CONFLICT (queue, team, kind, status, reason, resource_type, provider, environment, freezable)
            DO UPDATE SET runs = tally.runs + excluded.runs),
    of_resources AS (
        INSERT INTO resource_tally AS tally (team, state, resources)
        SELECT team, state, sum(resources.resources) FROM resources GROUP BY 1, 2 HAVING sum(resources.resources) <> 0
        ON CONFLICT (team, state) DO UPDATE SET resources = tally.resources + excluded.resources)
    SELECT greatest((SELECT count(*) FROM runs), (SELECT count(*) FROM resources)) INTO counted;
    RETURN counted;
END $$;

-- As before, and: figures of what there is none of are forgotten.
CREATE OR REPLACE FUNCTION recount() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    wrong_runs bigint;
    wrong_resources bigint;
BEGIN
    DELETE FROM run_tally WHERE runs = 0;
    WITH difference AS (
        SELECT queue, team, kind, status, reason, resource_type, provider, environment, freezable, sum(runs) AS runs
        FROM (SELECT r.queue, r.team, r.kind, r.status, coalesce(r.reason, '') AS reason,
                     CASE WHEN its.ready THEN coalesce(r.resource_type, '') ELSE '' END AS resource_type,
                     CASE WHEN its.ready THEN r.provider ELSE '' END AS provider,
                     CASE WHEN its.ready THEN coalesce(r.environment, '') ELSE '' END AS environment,
                     its.ready AND may_be_frozen(r) AS freezable, count(*) AS runs
              FROM run r CROSS JOIN LATERAL (SELECT r.status = 'pending' AND r.reason IS NULL AS ready) its
              WHERE r.status NOT IN ('queued', 'running') GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
              UNION ALL SELECT queue, team, kind, status, reason, resource_type, provider, environment, freezable, -runs FROM run_tally
              UNION ALL SELECT queue, team, kind, status, reason, resource_type, provider, environment, freezable, -runs FROM run_change) compared
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 HAVING sum(runs) <> 0),
    mended AS (INSERT INTO run_change (queue, team, kind, status, reason, resource_type, provider, environment, freezable, runs)
               SELECT * FROM difference)
    SELECT count(*) INTO wrong_runs FROM difference;
    WITH difference AS (
        SELECT team, state, sum(resources) AS resources
        FROM (SELECT a.team, r.state, count(*) AS resources FROM resource r JOIN application a ON a.id = r.application_id
              WHERE r.state <> 'requested' GROUP BY 1, 2
              UNION ALL SELECT team, state, -resources FROM resource_tally
              UNION ALL SELECT team, state, -resources FROM resource_change) compared
        GROUP BY 1, 2 HAVING sum(resources) <> 0),
    mended AS (INSERT INTO resource_change (team, state, resources) SELECT * FROM difference)
    SELECT count(*) INTO wrong_resources FROM difference;
    RETURN wrong_runs + wrong_resources;
END $$;

-- The runs of a queue that are pending or suspended, by team and reason, exactly. Sums serve, whatever limits and freezes hold.
CREATE OR REPLACE FUNCTION waiting_counts(of_queue text) RETURNS TABLE (team text, code text, runs bigint)
LANGUAGE plpgsql STABLE
SET jit = off
AS $$
DECLARE
    -- Whether what holds some ready runs of a team may leave others of it.
    told_apart boolean := EXISTS (SELECT FROM run_limit l WHERE l.reached_since IS NOT NULL)
                          OR EXISTS (SELECT FROM freeze_window f WHERE f.open_from <= now() AND f.open_until > now());
BEGIN
    RETURN QUERY
    WITH counted AS MATERIALIZED (
        SELECT t.team, t.status, t.reason, t.resource_type, t.provider, t.environment, t.freezable, t.runs FROM run_tally t
        WHERE t.queue = of_queue AND t.status IN ('pending', 'suspended')
        UNION ALL
        SELECT c.team, c.status, c.reason, c.resource_type, c.provider, c.environment, c.freezable, c.runs FROM run_change c
        WHERE c.queue = of_queue AND c.status IN ('pending', 'suspended')),
    ready AS MATERIALIZED (
        SELECT c.team, CASE WHEN told_apart THEN c.resource_type END AS resource_type, CASE WHEN told_apart THEN c.provider END AS provider,
               CASE WHEN told_apart THEN c.environment END AS environment, told_apart AND c.freezable AS freezable, sum(c.runs)::bigint AS runs
        FROM counted c WHERE c.status = 'pending' AND c.reason = '' GROUP BY 1, 2, 3, 4, 5 HAVING sum(c.runs) > 0)
    SELECT c.team, c.reason, sum(c.runs)::bigint FROM counted c WHERE c.reason <> '' GROUP BY 1, 2 HAVING sum(c.runs) > 0
    UNION ALL
    SELECT r.team, why.code, sum(r.runs)::bigint
    FROM ready r CROSS JOIN LATERAL ready_wait(of_queue, r.team, r.resource_type, r.provider, r.environment, r.freezable) why
    GROUP BY 1, 2;
END $$;

SELECT grant_roles();
