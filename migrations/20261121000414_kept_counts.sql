-- What lists and figures show beside runs is kept, too, where it was counted: resources by application, state and type, questions
-- that wait, how far the waves of batches are. As with runs, who changes something notes the change and waits for nobody.

-- Whether a resource is as its application wants it.
CREATE FUNCTION is_settled(state text, desired text, reconcile_requested_at timestamptz, dependents_due boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT state = 'active' AND desired = 'present' AND reconcile_requested_at IS NULL AND NOT dependents_due
$$;

-- Resources of an application, its own and others' that it uses; those that are terminated are none.
CREATE TABLE application_change (
    application_id uuid    NOT NULL,
    resources      integer NOT NULL,
    active         integer NOT NULL,
    failed         integer NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
-- A page of applications looks for the changes of each.
CREATE INDEX application_change_by_application ON application_change (application_id);

CREATE TABLE application_tally (
    application_id uuid   PRIMARY KEY,
    resources      bigint NOT NULL,
    active         bigint NOT NULL,
    failed         bigint NOT NULL
) WITH (fillfactor = 50);

ALTER TABLE resource_change ADD COLUMN type text NOT NULL DEFAULT '';
ALTER TABLE resource_tally
    ADD COLUMN type text NOT NULL DEFAULT '',
    DROP CONSTRAINT resource_tally_pkey,
    ADD PRIMARY KEY (team, state, type);

CREATE FUNCTION note_resources_made() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO resource_change (team, state, type, resources)
    SELECT a.team, m.state, m.type, count(*) FROM made m JOIN application a ON a.id = m.application_id GROUP BY 1, 2, 3;
    INSERT INTO application_change (application_id, resources, active, failed)
    SELECT m.application_id, count(*), count(*) FILTER (WHERE is_settled(m.state, m.desired, m.reconcile_requested_at, m.dependents_due)),
           count(*) FILTER (WHERE m.state = 'failed')
    FROM made m WHERE m.state <> 'terminated' GROUP BY 1;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION note_resource() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    -- As its applications count it: at all, as active, as failed.
    was integer[] := ARRAY[OLD.state <> 'terminated', is_settled(OLD.state, OLD.desired, OLD.reconcile_requested_at, OLD.dependents_due),
                           OLD.state = 'failed']::integer[];
    its integer[] := '{0, 0, 0}';
    moved boolean := true;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        its := ARRAY[NEW.state <> 'terminated', is_settled(NEW.state, NEW.desired, NEW.reconcile_requested_at, NEW.dependents_due),
                     NEW.state = 'failed']::integer[];
        moved := OLD.application_id <> NEW.application_id;
    END IF;
    IF moved OR OLD.state <> NEW.state THEN
        INSERT INTO resource_change (team, state, type, resources)
        SELECT a.team, OLD.state, OLD.type, -1 FROM application a WHERE a.id = OLD.application_id
        UNION ALL
        SELECT a.team, NEW.state, NEW.type, 1 FROM application a WHERE TG_OP = 'UPDATE' AND a.id = NEW.application_id;
    END IF;
    IF moved OR was <> its THEN
        INSERT INTO application_change (application_id, resources, active, failed)
        SELECT each.id, sum(each.counts[1]), sum(each.counts[2]), sum(each.counts[3])
        FROM (SELECT id, ARRAY[-was[1], -was[2], -was[3]] AS counts
              FROM (SELECT OLD.application_id AS id UNION SELECT application_id FROM resource_user WHERE resource_id = OLD.id) had
              UNION ALL
              SELECT id, its
              FROM (SELECT NEW.application_id AS id UNION SELECT application_id FROM resource_user WHERE resource_id = NEW.id) has
              WHERE TG_OP = 'UPDATE') each
        GROUP BY 1 HAVING (sum(each.counts[1]), sum(each.counts[2]), sum(each.counts[3])) <> (0, 0, 0);
    END IF;
    RETURN OLD;
END $$;

DROP TRIGGER note_resource_made ON resource;
DROP TRIGGER note_resource_moved ON resource;
DROP TRIGGER note_resource_forgotten ON resource;
CREATE TRIGGER note_resources_made AFTER INSERT ON resource
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION note_resources_made();
CREATE TRIGGER note_resource_moved AFTER UPDATE OF state, desired, reconcile_requested_at, dependents_due, application_id ON resource
    FOR EACH ROW WHEN ((OLD.state, OLD.desired, OLD.reconcile_requested_at, OLD.dependents_due, OLD.application_id)
                       IS DISTINCT FROM (NEW.state, NEW.desired, NEW.reconcile_requested_at, NEW.dependents_due, NEW.application_id))
    EXECUTE FUNCTION note_resource();
-- Before, while it is still known who uses it.
CREATE TRIGGER note_resource_forgotten BEFORE DELETE ON resource FOR EACH ROW EXECUTE FUNCTION note_resource();

-- An application comes to use another's resource with the first name that it has for it, and no longer does without the last. The
-- resource is locked then, so that it is counted as it is.
CREATE FUNCTION note_users_made() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO application_change (application_id, resources, active, failed)
    SELECT m.application_id, 1, is_settled(r.state, r.desired, r.reconcile_requested_at, r.dependents_due)::integer, (r.state = 'failed')::integer
    FROM (SELECT resource_id, application_id, count(*) AS names FROM made GROUP BY 1, 2) m
    JOIN resource r ON r.id = m.resource_id AND r.application_id <> m.application_id AND r.state <> 'terminated'
    WHERE m.names = (SELECT count(*) FROM resource_user u WHERE u.resource_id = m.resource_id AND u.application_id = m.application_id);
    RETURN NULL;
END $$;
CREATE TRIGGER note_users_made AFTER INSERT ON resource_user
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION note_users_made();

CREATE FUNCTION note_users_gone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO application_change (application_id, resources, active, failed)
    SELECT g.application_id, -1, -is_settled(r.state, r.desired, r.reconcile_requested_at, r.dependents_due)::integer, -(r.state = 'failed')::integer
    FROM (SELECT DISTINCT resource_id, application_id FROM gone) g
    JOIN resource r ON r.id = g.resource_id AND r.application_id <> g.application_id AND r.state <> 'terminated'
    WHERE NOT EXISTS (SELECT FROM resource_user u WHERE u.resource_id = g.resource_id AND u.application_id = g.application_id);
    RETURN NULL;
END $$;
CREATE TRIGGER note_users_gone AFTER DELETE ON resource_user
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION note_users_gone();

-- Questions that wait for a decision, by the team of the run and the teams whose people are asked.
CREATE TABLE approval_change (
    team  text    NOT NULL,
    asked text[]  NOT NULL,
    open  integer NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE TABLE approval_tally (
    team  text   NOT NULL,
    asked text[] NOT NULL,
    open  bigint NOT NULL,
    PRIMARY KEY (team, asked)
) WITH (fillfactor = 50);

CREATE FUNCTION note_approval() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO approval_change (team, asked, open)
    SELECT run.team, OLD.teams, -1 FROM run WHERE TG_OP = 'UPDATE' AND run.id = OLD.run_id AND OLD.decision IS NULL
    UNION ALL
    SELECT run.team, NEW.teams, 1 FROM run WHERE run.id = NEW.run_id AND NEW.decision IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER note_approval_made AFTER INSERT ON approval
    FOR EACH ROW WHEN (NEW.decision IS NULL) EXECUTE FUNCTION note_approval();
-- One is forgotten with its run, which ended and withdrew what was open.
CREATE TRIGGER note_approval_moved AFTER UPDATE OF decision, teams ON approval
    FOR EACH ROW WHEN ((OLD.decision IS NULL, OLD.teams) IS DISTINCT FROM (NEW.decision IS NULL, NEW.teams)) EXECUTE FUNCTION note_approval();

-- How far a wave is; what is none of these is open. Changes are written by who has its batch locked.
ALTER TABLE batch_wave
    ADD COLUMN running   integer NOT NULL DEFAULT 0,
    ADD COLUMN succeeded integer NOT NULL DEFAULT 0,
    ADD COLUMN failed    integer NOT NULL DEFAULT 0,
    ADD COLUMN skipped   integer NOT NULL DEFAULT 0;

CREATE FUNCTION note_items() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE batch_wave w
    SET running = w.running + its.running, succeeded = w.succeeded + its.succeeded, failed = w.failed + its.failed, skipped = w.skipped + its.skipped
    FROM (SELECT batch_id, wave, coalesce(sum(one) FILTER (WHERE status = 'running'), 0) AS running,
                 coalesce(sum(one) FILTER (WHERE status = 'succeeded'), 0) AS succeeded,
                 coalesce(sum(one) FILTER (WHERE status = 'failed'), 0) AS failed,
                 coalesce(sum(one) FILTER (WHERE status = 'skipped'), 0) AS skipped
          FROM (SELECT batch_id, wave, status, 1 AS one FROM its_items UNION ALL SELECT batch_id, wave, status, -1 FROM old_items) each
          GROUP BY 1, 2) its
    WHERE w.batch_id = its.batch_id AND w.number = its.wave AND (its.running, its.succeeded, its.failed, its.skipped) <> (0, 0, 0, 0);
    RETURN NULL;
END $$;
CREATE TRIGGER note_items AFTER UPDATE ON batch_item
    REFERENCING OLD TABLE AS old_items NEW TABLE AS its_items FOR EACH STATEMENT EXECUTE FUNCTION note_items();

-- As before, and: those of applications, and of questions.
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
    applications AS (DELETE FROM application_change WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM application_change c LIMIT most)) RETURNING *),
    approvals AS (DELETE FROM approval_change WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM approval_change c LIMIT most)) RETURNING *),
    of_runs AS (
        INSERT INTO run_tally AS tally (queue, team, kind, status, reason, resource_type, provider, environment, freezable, runs)
        SELECT queue, team, kind, status, reason, resource_type, provider, environment, freezable, sum(runs.runs)
        FROM runs GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 HAVING sum(runs.runs) <> 0
        ON CONFLICT (queue, team, kind, status, reason, resource_type, provider, environment, freezable)
            DO UPDATE SET runs = tally.runs + excluded.runs),
    of_resources AS (
        INSERT INTO resource_tally AS tally (team, state, type, resources)
        SELECT team, state, type, sum(resources.resources) FROM resources GROUP BY 1, 2, 3 HAVING sum(resources.resources) <> 0
        ON CONFLICT (team, state, type) DO UPDATE SET resources = tally.resources + excluded.resources),
    of_applications AS (
        INSERT INTO application_tally AS tally (application_id, resources, active, failed)
        SELECT application_id, sum(resources), sum(active), sum(failed) FROM applications
        GROUP BY 1 HAVING (sum(resources), sum(active), sum(failed)) <> (0, 0, 0)
        ON CONFLICT (application_id) DO UPDATE SET resources = tally.resources + excluded.resources, active = tally.active + excluded.active,
            failed = tally.failed + excluded.failed),
    of_approvals AS (
        INSERT INTO approval_tally AS tally (team, asked, open)
        SELECT team, asked, sum(open) FROM approvals GROUP BY 1, 2 HAVING sum(open) <> 0
        ON CONFLICT (team, asked) DO UPDATE SET open = tally.open + excluded.open)
    SELECT greatest((SELECT count(*) FROM runs), (SELECT count(*) FROM resources), (SELECT count(*) FROM applications),
                    (SELECT count(*) FROM approvals)) INTO counted;
    RETURN counted;
END $$;

-- As before, and: those of applications, questions and waves.
CREATE OR REPLACE FUNCTION recount() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
    also_wrong bigint;
BEGIN
    DELETE FROM run_tally WHERE runs = 0;
    DELETE FROM resource_tally WHERE resources = 0;
    DELETE FROM approval_tally WHERE open = 0;
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
    SELECT count(*) INTO wrong FROM difference;
    WITH difference AS (
        SELECT team, state, type, sum(resources) AS resources
        FROM (SELECT a.team, r.state, r.type, count(*) AS resources FROM resource r JOIN application a ON a.id = r.application_id GROUP BY 1, 2, 3
              UNION ALL SELECT team, state, type, -resources FROM resource_tally
              UNION ALL SELECT team, state, type, -resources FROM resource_change) compared
        GROUP BY 1, 2, 3 HAVING sum(resources) <> 0),
    mended AS (INSERT INTO resource_change (team, state, type, resources) SELECT * FROM difference)
    SELECT count(*) INTO also_wrong FROM difference;
    wrong := wrong + also_wrong;
    WITH difference AS (
        SELECT application_id, sum(resources) AS resources, sum(active) AS active, sum(failed) AS failed
        FROM (SELECT mine.application_id, count(*) AS resources, count(*) FILTER (WHERE mine.settled) AS active,
                     count(*) FILTER (WHERE mine.state = 'failed') AS failed
              FROM (SELECT application_id, state, is_settled(state, desired, reconcile_requested_at, dependents_due) AS settled FROM resource
                    UNION ALL
                    SELECT u.application_id, r.state, is_settled(r.state, r.desired, r.reconcile_requested_at, r.dependents_due)
                    FROM (SELECT DISTINCT resource_id, application_id FROM resource_user) u
                    JOIN resource r ON r.id = u.resource_id AND r.application_id <> u.application_id) mine
              WHERE mine.state <> 'terminated' GROUP BY 1
              UNION ALL SELECT application_id, -resources, -active, -failed FROM application_tally
              UNION ALL SELECT application_id, -resources, -active, -failed FROM application_change) compared
        GROUP BY 1 HAVING (sum(resources), sum(active), sum(failed)) <> (0, 0, 0)),
    mended AS (INSERT INTO application_change (application_id, resources, active, failed) SELECT * FROM difference)
    SELECT count(*) INTO also_wrong FROM difference;
    wrong := wrong + also_wrong;
    WITH difference AS (
        SELECT team, asked, sum(open) AS open
        FROM (SELECT run.team, p.teams AS asked, count(*) AS open FROM approval p JOIN run ON run.id = p.run_id WHERE p.decision IS NULL GROUP BY 1, 2
              UNION ALL SELECT team, asked, -open FROM approval_tally
              UNION ALL SELECT team, asked, -open FROM approval_change) compared
        GROUP BY 1, 2 HAVING sum(open) <> 0),
    mended AS (INSERT INTO approval_change (team, asked, open) SELECT * FROM difference)
    SELECT count(*) INTO also_wrong FROM difference;
    wrong := wrong + also_wrong;
    -- By how much, and not what they are: somebody may be moving the wave on.
    UPDATE batch_wave w SET running = w.running + off.running, succeeded = w.succeeded + off.succeeded, failed = w.failed + off.failed,
           skipped = w.skipped + off.skipped
    FROM (SELECT seen.batch_id, seen.number, coalesce(i.running, 0) - seen.running AS running, coalesce(i.succeeded, 0) - seen.succeeded AS succeeded,
                 coalesce(i.failed, 0) - seen.failed AS failed, coalesce(i.skipped, 0) - seen.skipped AS skipped
          FROM batch_wave seen
          LEFT JOIN (SELECT batch_id, wave, count(*) FILTER (WHERE status = 'running') AS running,
                            count(*) FILTER (WHERE status = 'succeeded') AS succeeded, count(*) FILTER (WHERE status = 'failed') AS failed,
                            count(*) FILTER (WHERE status = 'skipped') AS skipped
                     FROM batch_item GROUP BY 1, 2) i ON i.batch_id = seen.batch_id AND i.wave = seen.number) off
    WHERE off.batch_id = w.batch_id AND off.number = w.number AND (off.running, off.succeeded, off.failed, off.skipped) <> (0, 0, 0, 0);
    GET DIAGNOSTICS also_wrong = ROW_COUNT;
    RETURN wrong + also_wrong;
END $$;

-- The triggers hold off all writers until this is committed, so nothing is missed.
DELETE FROM resource_change;
DELETE FROM resource_tally;
SELECT recount();
SELECT add_up_changes(9223372036854775807);

CREATE OR REPLACE VIEW resource_count AS
SELECT team, state, sum(resources)::bigint AS resources, type
FROM (SELECT team, state, type, resources FROM resource_tally UNION ALL SELECT team, state, type, resources FROM resource_change) counted
GROUP BY team, state, type HAVING sum(resources) <> 0;

CREATE VIEW approval_count AS
SELECT team, asked, sum(open)::bigint AS open
FROM (SELECT team, asked, open FROM approval_tally UNION ALL SELECT team, asked, open FROM approval_change) counted
GROUP BY team, asked HAVING sum(open) <> 0;

-- As before, with counts that are kept.
CREATE OR REPLACE VIEW application_seen AS
SELECT a.id, a.name, a.team, a.generation, a.labels, a.created_at, a.updated_at, a.delete_requested_at, a.deleted_at, a.protected, a.expires_at,
       a.expires_by, a.expiry_blocked_at,
       (a.protected OR coalesce(g.spec -> 'metadata' -> 'annotations' ->> 'slipway.dev/deletion-protection', '') = 'true') AS kept,
       coalesce(tally.resources, 0) + lately.resources AS resources, coalesce(tally.active, 0) + lately.active AS active,
       coalesce(tally.failed, 0) + lately.failed AS failed
FROM application a
LEFT JOIN generation g ON g.application_id = a.id AND g.number = a.generation
LEFT JOIN application_tally tally ON tally.application_id = a.id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(c.resources), 0) AS resources, coalesce(sum(c.active), 0) AS active, coalesce(sum(c.failed), 0) AS failed
    FROM application_change c WHERE c.application_id = a.id) lately;

-- What only served counting.
CREATE INDEX resource_by_application ON resource (application_id, id);
DROP INDEX resource_of_application, resource_shared, batch_item_standing;
-- And what nothing asks for any more.
DROP INDEX batch_item_open;
DROP FUNCTION oldest_ready(text);

SELECT grant_roles();
