-- One rule for what environment something is in: freezes, limits and batches mean the same by it.

-- The environment that labels name: a resource's own before its application's, `env` before `environment`; null: none.
CREATE FUNCTION environment_of(of_resource jsonb, of_application jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(of_resource ->> 'env', ''), nullif(of_resource ->> 'environment', ''),
                    nullif(of_application ->> 'env', ''), nullif(of_application ->> 'environment', ''))
$$;

CREATE OR REPLACE FUNCTION place_run() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    SELECT NEW.created_at + CASE NEW.class WHEN 'interactive' THEN interval '0' WHEN 'batch' THEN a.batch_after ELSE a.drift_after END
           - NEW.priority * a.priority_step
    INTO NEW.order_at FROM ageing a;
    IF NEW.resource_id IS NOT NULL THEN
        SELECT r.type, environment_of(r.labels, a.labels) INTO NEW.resource_type, NEW.environment
        FROM resource r LEFT JOIN application a ON a.id = coalesce(NEW.application_id, r.application_id) WHERE r.id = NEW.resource_id;
    ELSIF NEW.application_id IS NOT NULL THEN
        SELECT environment_of(NULL, a.labels) INTO NEW.environment FROM application a WHERE a.id = NEW.application_id;
    END IF;
    -- What a run starts goes on as that one does.
    IF TG_OP = 'INSERT' AND NEW.parent_run_id IS NOT NULL THEN
        SELECT above.freeze_overridden_by, above.freeze_overridden_why INTO NEW.freeze_overridden_by, NEW.freeze_overridden_why
        FROM run above WHERE above.id = NEW.parent_run_id;
    END IF;
    NEW.lane := md5(concat_ws(E'\x1f', coalesce(NEW.application_id::text, ''), coalesce(NEW.resource_type, ''), NEW.provider,
                              coalesce(NEW.environment, ''), may_be_frozen(NEW)))::uuid;
    RETURN NEW;
END $$;

CREATE OR REPLACE VIEW batch_candidate AS
SELECT r.id, r.application_id, a.name AS application, a.team, r.name, r.type, r.class, r.state, r.desired, r.provider, r.provider_version,
       a.labels || r.labels AS labels, r.params, r.overrides,
       coalesce(environment_of(r.labels, a.labels), '') AS environment,
       r.applied_params IS NOT NULL AS made,
       r.protected OR coalesce(r.annotations ->> 'slipway.dev/deletion-protection', '') = 'true' AS kept,
       -- Resources with the same of these are planned alike.
       md5(jsonb_build_array(r.type, r.tags, r.workflow_override, r.provider, r.provider_version, r.applied_params IS NOT NULL,
                             g.spec #> '{metadata,annotations,slipway.dev/providers}')::text)::uuid AS group_key,
       sha256(convert_to(jsonb_build_array(r.type, r.tags, r.workflow_override, r.provider, r.provider_version, r.applied_params IS NOT NULL,
                                           g.spec #> '{metadata,annotations,slipway.dev/providers}', r.params, r.overrides, r.desired)::text,
                         'UTF8')) AS basis
FROM resource r JOIN application a ON a.id = r.application_id
LEFT JOIN generation g ON g.application_id = a.id AND g.number = a.generation
WHERE r.state <> 'terminated';

-- What waits already is held by the freezes that mean its environment, too.
UPDATE run SET lane = lane
FROM resource r JOIN application a ON a.id = r.application_id
WHERE run.status = 'pending' AND run.resource_id = r.id AND (r.labels ? 'environment' OR a.labels ? 'environment');
UPDATE run SET lane = lane
FROM application a
WHERE run.status = 'pending' AND run.resource_id IS NULL AND run.application_id = a.id AND a.labels ? 'environment';
SELECT grant_roles();
