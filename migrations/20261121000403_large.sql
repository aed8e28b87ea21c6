-- Lists of what there is very much of.

-- What failed or was cancelled, of a team and of a workflow: what people look for in a history of a million runs, and one in twenty
-- of it. Without these, a page of it is put together from two indexes that hold everything, and takes the longer the more there is.
-- A run that completes writes neither.
CREATE INDEX run_ended_badly_by_team ON run (team, status, id) WHERE status IN ('failed', 'cancelled');
CREATE INDEX run_ended_badly_by_workflow ON run (provider, workflow, status, id) WHERE status IN ('failed', 'cancelled');

-- Pages of resources, applications and entries of the audit log, newest first: as run_ids, only with the conditions that there are, so
-- that each is planned for what it asks. One statement with all of them is planned for none, and reads everything.
CREATE FUNCTION resource_ids(wanted jsonb, visible text[], older_than uuid, most bigint) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE ROWS 100
SET jit = off
AS $$
DECLARE
    conditions text[] := ARRAY['true'];
    owners uuid[];
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['type', 'state'] LOOP
        IF wanted ? name THEN
            conditions := conditions || format('r.%I = %L', name, wanted ->> name);
        END IF;
    END LOOP;
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

CREATE FUNCTION application_ids(wanted jsonb, visible text[], older_than uuid, most bigint) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE ROWS 100
SET jit = off
AS $$
DECLARE
    conditions text[] := ARRAY['true'];
BEGIN
    IF wanted ? 'team' THEN
        conditions := conditions || format('a.team = %L', wanted ->> 'team');
    END IF;
    IF wanted ? 'living' THEN
        conditions := conditions || 'a.deleted_at IS NULL'::text;
    END IF;
    IF wanted ? 'with' THEN
        conditions := conditions || format('a.labels @> %L', wanted ->> 'with');
    END IF;
    IF wanted ? 'without' THEN
        conditions := conditions || format('NOT a.labels @> ANY (%L::jsonb[])', ARRAY(SELECT jsonb_array_elements(wanted -> 'without')));
    END IF;
    IF wanted ? 'present' THEN
        conditions := conditions || format('a.labels ?& %L', ARRAY(SELECT jsonb_array_elements_text(wanted -> 'present')));
    END IF;
    IF wanted ? 'absent' THEN
        conditions := conditions || format('NOT a.labels ?| %L', ARRAY(SELECT jsonb_array_elements_text(wanted -> 'absent')));
    END IF;
    IF visible IS NOT NULL THEN
        conditions := conditions || format('a.team = ANY (%L)', visible);
    END IF;
    IF older_than IS NOT NULL THEN
        conditions := conditions || format('a.id < %L', older_than);
    END IF;
    RETURN QUERY EXECUTE format('SELECT a.id FROM application a WHERE %s ORDER BY a.id DESC LIMIT %s', array_to_string(conditions, ' AND '), most);
END $$;

CREATE FUNCTION audit_ids(wanted jsonb, before bigint, most bigint) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 100
SET jit = off
AS $$
DECLARE
    conditions text[] := ARRAY['true'];
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['action', 'object', 'team', 'outcome'] LOOP
        IF wanted ? name THEN
            conditions := conditions || format('e.%I = %L', name, wanted ->> name);
        END IF;
    END LOOP;
    IF wanted ? 'actor' THEN
        conditions := conditions || CASE WHEN wanted ->> 'actor' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            THEN format('(e.actor_name = %1$L OR e.actor_id = %1$L)', wanted ->> 'actor')
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
