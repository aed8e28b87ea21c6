-- As before, but gives the steps only of a run that was not begun: their array is one value, of which Postgres makes 256 MB at most, and
-- what a run's elements gave back may be more. Of any other run it gives none, and lease_steps gives them row by row.
CREATE OR REPLACE FUNCTION lease_take(of_run uuid, ticket bigint, by_worker uuid, ttl_s float8)
RETURNS TABLE (claimed run, given uuid, on_resource uuid, resource_name text, application_name text, remaining_s float8, log_cursor bigint,
               its_steps jsonb)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    taken record;
    steps jsonb;
BEGIN
    SELECT * INTO taken FROM lease_claim(of_run, ticket, by_worker, ttl_s);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- With a snapshot of its own: whoever changed them had the run's row before.
    IF NOT EXISTS (SELECT FROM step s WHERE s.run_id = of_run AND (s.status <> 'pending' OR s.tries > 0 OR s.item_index IS NOT NULL)) THEN
        SELECT coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object('wait_s', extract(epoch FROM s.not_before - now())::float8,
                                                                    'released', s.released_by IS NOT NULL)
                                  ORDER BY s.position), '[]')
        INTO steps FROM step s WHERE s.run_id = of_run;
    END IF;
    RETURN QUERY
    SELECT taken.claimed, taken.given, taken.on_resource, taken.resource_name, taken.application_name, taken.remaining_s, taken.log_cursor,
           steps;
END $$;

SELECT grant_roles();
