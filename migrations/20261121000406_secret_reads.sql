-- What a worker is given of a run's secrets is in the audit log: which, for which step, never their values.

-- The secrets of these names that the application of the run sees, for this step of it; empty: for what the run gives. The same
-- versions for the same step are recorded once, however often it is tried.
CREATE FUNCTION lease_secrets(of_run uuid, at_fence bigint, token uuid, names text[], for_step text)
RETURNS TABLE (id uuid, team text, application_id uuid, name text, version integer, key_id text, wrapped bytea, sealed bytea, source text)
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
    IF NOT lease_shown(of_run, at_fence, token) THEN
        RETURN;
    END IF;
    INSERT INTO audit_entry (actor_kind, actor_id, actor_name, credential, action, object, team, outcome, after, once)
    SELECT 'worker', r.lease_worker_id, coalesce(w.name, '-'), 'lease/' || at_fence, 'secret.use', 'run/' || of_run, r.team, 'done',
           jsonb_build_object('step', left(for_step, 200), 'given', given.list),
           'secret.use ' || of_run || ' ' || encode(sha256(convert_to(for_step || ' ' || given.list, 'UTF8')), 'hex')
    FROM run r LEFT JOIN worker w ON w.id = r.lease_worker_id
    CROSS JOIN (
        SELECT jsonb_agg(jsonb_build_object('name', s.name, 'version', s.version,
                                            'of', CASE WHEN s.application_id IS NULL THEN 'team' ELSE 'application' END)
                         ORDER BY s.name) AS list
        FROM secrets_of_run(of_run, at_fence, names) s) given
    WHERE r.id = of_run AND given.list IS NOT NULL
    ON CONFLICT (once) WHERE once IS NOT NULL DO NOTHING;
    RETURN QUERY SELECT s.id, s.team, s.application_id, s.name, s.version, s.key_id, s.wrapped, s.sealed, s.source
                 FROM secrets_of_run(of_run, at_fence, names) s;
END $$;

-- As workers of the release before call it; they say of no step.
CREATE OR REPLACE FUNCTION lease_secrets(of_run uuid, at_fence bigint, token uuid, names text[])
RETURNS TABLE (id uuid, team text, application_id uuid, name text, version integer, key_id text, wrapped bytea, sealed bytea, source text)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    SELECT s.* FROM lease_secrets(of_run, at_fence, token, names, '') s
$$;

SELECT grant_roles();
