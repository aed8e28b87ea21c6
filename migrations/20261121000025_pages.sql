-- What the dashboard's pages ask for: runs by any filter, views that are kept, and one action for many runs.

-- Each index costs every change of a run, so these hold only what the common run does not have; those that begin with the
-- provider serve the workflow too, since there are few providers.
CREATE INDEX run_by_workflow ON run (provider, workflow, id);
CREATE INDEX run_by_queue ON run (queue, id) WHERE queue <> 'default';
CREATE INDEX run_by_requester ON run (requested_by, id) WHERE requested_by <> 'system';
CREATE INDEX run_by_error ON run (error_code, id) WHERE error_code IS NOT NULL;
CREATE INDEX run_by_kind ON run (kind, id) WHERE kind <> 'resource';
CREATE INDEX run_by_operation ON run (operation, id) WHERE operation IN ('read', 'update', 'delete');
-- Names by how they begin, whatever the collation of the database.
CREATE INDEX application_name_prefix ON application (name text_pattern_ops);
CREATE INDEX resource_name_prefix ON resource (name text_pattern_ops);

-- The ids of the runs that are wanted, newest first: those before `older_than`; with `newer_than`, the next ones after that.
-- The statement holds only the filters that are set, and their values, so that it is planned for these: one plan for all of
-- them would read a million runs to find ten.
CREATE FUNCTION run_ids(wanted jsonb, visible text[], older_than uuid, newer_than uuid, most bigint) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE ROWS 100
SET jit = off
AS $$
DECLARE
    conditions text[] := ARRAY['true'];
    name text;
    found uuid[];
    also uuid[];
    names text[];
    providers text[];
    alternatives text[];
    low text;
BEGIN
    FOREACH name IN ARRAY ARRAY['operation', 'queue', 'team', 'provider', 'workflow', 'requested_by', 'error_code'] LOOP
        IF wanted ? name THEN
            conditions := conditions || format('run.%I = %L', name, wanted ->> name);
        END IF;
    END LOOP;
    -- Steps from provider to provider, and from workflow to workflow, through the index, however many runs each has.
    IF wanted ? 'workflow' AND NOT wanted ? 'provider' OR wanted ? 'prefix' THEN
        WITH RECURSIVE step AS (
            (SELECT r.provider, r.workflow FROM run r ORDER BY r.provider, r.workflow LIMIT 1)
            UNION ALL
            SELECT next.provider, next.workflow FROM step CROSS JOIN LATERAL
                (SELECT r.provider, r.workflow FROM run r WHERE (r.provider, r.workflow) > (step.provider, step.workflow)
                 ORDER BY r.provider, r.workflow LIMIT 1) next)
        SELECT coalesce(array_agg(DISTINCT step.provider) FILTER (WHERE step.workflow = wanted ->> 'workflow' OR step.workflow ^@ (wanted ->> 'prefix')), '{}'),
               coalesce(array_agg(DISTINCT step.workflow) FILTER (WHERE step.workflow ^@ (wanted ->> 'prefix')), '{}')
        INTO providers, names FROM step;
        IF wanted ? 'workflow' AND NOT wanted ? 'provider' THEN
            conditions := conditions || CASE cardinality(providers) WHEN 1 THEN format('run.provider = %L', providers[1])
                                                                   ELSE format('run.provider = ANY (%L)', providers) END;
        END IF;
    END IF;
    IF wanted ? 'status' THEN
        conditions := conditions || CASE jsonb_array_length(wanted -> 'status')
            WHEN 1 THEN format('run.status = %L', wanted -> 'status' ->> 0)
            ELSE format('run.status = ANY (%L)', ARRAY(SELECT jsonb_array_elements_text(wanted -> 'status'))) END;
    END IF;
    conditions := conditions || CASE WHEN wanted ? 'kind' THEN format('run.kind = %L', wanted ->> 'kind') ELSE 'run.kind <> ''preview''' END;
    IF wanted ? 'resource' THEN
        conditions := conditions || format('run.resource_id = %L', wanted ->> 'resource');
    END IF;
    IF wanted ? 'parent' THEN
        conditions := conditions || format('run.parent_run_id = %L', wanted ->> 'parent');
    END IF;
    IF wanted ? 'application' THEN
        -- Several when the name was free again in between.
        found := ARRAY(SELECT a.id FROM application a WHERE a.name = wanted ->> 'application');
        conditions := conditions || CASE cardinality(found) WHEN 1 THEN format('run.application_id = %L', found[1])
                                                            ELSE format('run.application_id = ANY (%L)', found) END;
    END IF;
    -- Ids begin with the time that they were made at.
    IF wanted ? 'since' THEN
        conditions := conditions || format('run.id >= %L', wanted ->> 'since');
    END IF;
    IF wanted ? 'until' THEN
        conditions := conditions || format('run.id < %L', wanted ->> 'until');
    END IF;
    IF wanted ? 'prefix' THEN
        found := ARRAY(SELECT a.id FROM application a WHERE a.name ^@ (wanted ->> 'prefix') LIMIT 1001);
        also := ARRAY(SELECT r.id FROM resource r WHERE r.name ^@ (wanted ->> 'prefix') LIMIT 1001);
        -- So many that a page of them is found soon, going through the runs.
        alternatives := ARRAY[
            CASE WHEN cardinality(found) <= 1000 THEN format('run.application_id = ANY (%L)', found)
                 ELSE format('run.application_id IN (SELECT id FROM application WHERE name ^@ %L)', wanted ->> 'prefix') END,
            CASE WHEN cardinality(also) <= 1000 THEN format('run.resource_id = ANY (%L)', also)
                 ELSE format('run.resource_id IN (SELECT id FROM resource WHERE name ^@ %L)', wanted ->> 'prefix') END,
            format('run.provider = ANY (%L) AND run.workflow = ANY (%L)', providers, names)];
        low := replace(lower(wanted ->> 'prefix'), '-', '');
        IF low ~ '^[0-9a-f]{4,32}$' THEN
            alternatives := alternatives || format('run.id BETWEEN %L AND %L', rpad(low, 32, '0'), rpad(low, 32, 'f'));
        END IF;
        conditions := conditions || format('(%s)', array_to_string(alternatives, ' OR '));
    END IF;
    IF wanted ? 'retryable' THEN
        -- What its parent's retry runs again, and what was retried before, is not run twice.
        conditions := conditions || 'run.status IN (''failed'', ''cancelled'')'::text
            || 'NOT EXISTS (SELECT FROM run later WHERE later.retry_of = run.id)'::text;
        IF NOT wanted ? 'kind' THEN
            conditions := conditions || 'run.parent_run_id IS NULL'::text;
        END IF;
    END IF;
    IF wanted ? 'cancellable' THEN
        conditions := conditions
            || 'run.status IN (''pending'', ''queued'', ''running'', ''suspended'') AND run.cancel_requested_at IS NULL'::text;
    END IF;
    IF visible IS NOT NULL THEN
        conditions := conditions || CASE cardinality(visible) WHEN 1 THEN format('run.team = %L', visible[1])
                                                              ELSE format('run.team = ANY (%L)', visible) END;
    END IF;
    IF older_than IS NOT NULL THEN
        conditions := conditions || format('run.id < %L', older_than);
    END IF;
    IF newer_than IS NOT NULL THEN
        conditions := conditions || format('run.id > %L', newer_than);
    END IF;
    RETURN QUERY EXECUTE format('SELECT run.id FROM run WHERE %s ORDER BY run.id %s LIMIT %s', array_to_string(conditions, ' AND '),
                                CASE WHEN newer_than IS NULL THEN 'DESC' ELSE 'ASC' END, most);
END $$;

-- Filters of a page under a name: somebody's own, or a team's.
CREATE TABLE saved_view (
    id         uuid        PRIMARY KEY,
    -- The id of a person, a service account, or a key without owner.
    owner_id   uuid,
    team       text,
    -- `runs`, `resources`, `applications`, ….
    page       text        NOT NULL CHECK (length(page) BETWEEN 1 AND 40),
    name       text        NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    -- What stands behind the `?` of the page's address.
    query      text        NOT NULL CHECK (length(query) <= 2000),
    created_by text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(owner_id, team) = 1)
);
CREATE UNIQUE INDEX saved_view_of_owner ON saved_view (owner_id, page, name) WHERE owner_id IS NOT NULL;
CREATE UNIQUE INDEX saved_view_of_team ON saved_view (team, page, name) WHERE team IS NOT NULL;

-- One action for many runs. Which runs is fixed when it is asked for: the rows of bulk_item.
CREATE TABLE bulk_operation (
    id           uuid        PRIMARY KEY,
    action       text        NOT NULL CHECK (action IN ('retry', 'cancel')),
    -- The filter that chose the runs, as it was given.
    filter       jsonb       NOT NULL,
    reason       text        NOT NULL DEFAULT '',
    requested_by text        NOT NULL,
    requester_id uuid        NOT NULL,
    -- Who asked and from where, for the audit log's entry about each run.
    actor        jsonb       NOT NULL,
    -- Teams that new runs may ask for applications of; `*`: every team.
    acts_for     text[]      NOT NULL,
    -- Whose runs they are.
    teams        text[]      NOT NULL,
    total        integer     NOT NULL CHECK (total >= 0),
    -- Kept with each item, in its transaction.
    done         integer     NOT NULL DEFAULT 0,
    failed       integer     NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    stopped_at   timestamptz,
    stopped_by   text,
    finished_at  timestamptz,
    CHECK (done + failed <= total),
    CHECK ((stopped_at IS NULL) = (stopped_by IS NULL))
);
CREATE INDEX bulk_operation_open ON bulk_operation (id) WHERE finished_at IS NULL;

CREATE TABLE bulk_item (
    bulk_id    uuid NOT NULL REFERENCES bulk_operation ON DELETE CASCADE,
    run_id     uuid NOT NULL,
    -- Null: not its turn yet.
    outcome    text CHECK (outcome IN ('done', 'failed')),
    -- Why it was not done.
    detail     text,
    -- The run that a retry made.
    new_run_id uuid,
    PRIMARY KEY (bulk_id, run_id),
    CHECK (detail IS NULL OR outcome = 'failed')
);
CREATE INDEX bulk_item_open ON bulk_item (bulk_id, run_id) WHERE outcome IS NULL;
CREATE INDEX bulk_item_failed ON bulk_item (bulk_id, run_id) WHERE outcome = 'failed';

-- Set when the lines are in the archive alone.
ALTER TABLE log_archive ADD COLUMN pruned_at timestamptz;
CREATE INDEX log_archive_unpruned ON log_archive (archived_at) WHERE pruned_at IS NULL;
