-- As lease_claim, and gives the run's steps with it, as lease_steps has them, so that a worker begins with one answer.
CREATE FUNCTION lease_take(of_run uuid, ticket bigint, by_worker uuid, ttl_s float8)
RETURNS TABLE (claimed run, given uuid, on_resource uuid, resource_name text, application_name text, remaining_s float8, log_cursor bigint,
               its_steps jsonb)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    taken record;
BEGIN
    SELECT * INTO taken FROM lease_claim(of_run, ticket, by_worker, ttl_s);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- With a snapshot of its own: whoever changed them had the run's row before.
    RETURN QUERY
    SELECT taken.claimed, taken.given, taken.on_resource, taken.resource_name, taken.application_name, taken.remaining_s, taken.log_cursor,
           coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object('wait_s', extract(epoch FROM s.not_before - now())::float8,
                                                                'released', s.released_by IS NOT NULL)
                              ORDER BY s.position, s.item_index NULLS FIRST), '[]')
    FROM step s WHERE s.run_id = of_run;
END $$;

-- These applications. By indexes, whenever its plan was made: while much changes, most rows of application_change are dead, and there
-- are few again when somebody looks.
CREATE FUNCTION applications_seen(ids uuid[]) RETURNS SETOF application_seen
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY SELECT * FROM application_seen a WHERE a.id = ANY (ids);
END $$;

SELECT grant_roles();
