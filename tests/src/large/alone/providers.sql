-- Providers from $1 on and before $2, as a scheduler stores what it has loaded; it would take them out of the set again. The first ones
-- are those that runs name. Each serves a type with the plan of all runs, and has a golden path or three.
WITH loaded AS (
    SELECT n, p.body AS plan, name, CASE WHEN n < 5 THEN pg_temp.resource_type(n) ELSE 'seed-type-' || lpad(n::text, 5, '0') END AS type,
           CASE WHEN n = 5 THEN ARRAY['onboard-team', 'rotate-keys', 'restore-backup'] ELSE ARRAY['look-after-' || name] END AS paths,
           sha256(name::bytea) AS digest
    FROM pg_temp.seeding s JOIN plan p ON p.digest = s.plan, generate_series($1::bigint, $2::bigint - 1) n,
         LATERAL (SELECT CASE WHEN n < 5 THEN 'seed-' || pg_temp.resource_type(n) WHEN n = 5 THEN 'seed-paths'
                              ELSE 'seed-provider-' || lpad(n::text, 5, '0') END AS name OFFSET 0) its),
-- Who has read the set reads it again.
changed AS (UPDATE provider_set SET generation = generation + 1, stored_at = now())
INSERT INTO provider (name, version, digest, manifest, loaded_at)
SELECT name, '1.4.0', digest,
       jsonb_build_object(
           'name', name, 'version', '1.4.0', 'digest', encode(digest, 'hex'), 'kind', 'Provider', 'author', 'seed',
           'description', 'Looks after ' || type || '.', 'tags', jsonb_build_array('seed'), 'step_types', '[]'::jsonb,
           'capabilities', jsonb_build_object(type, jsonb_build_object('operations', jsonb_build_object(
               'create', jsonb_build_object('workflows', jsonb_build_array(jsonb_build_object('name', 'create-' || type))),
               'update', jsonb_build_object('workflows', jsonb_build_array(jsonb_build_object('name', 'update-' || type)))))),
           'workflows', (
               SELECT jsonb_agg(jsonb_build_object('name', w.name, 'category', w.category, 'operation', w.operation,
                                                   'parameters', '[]'::jsonb, 'plan', plan))
               FROM (SELECT operation || '-' || type, 'provisioner', operation FROM unnest(ARRAY['create', 'update']) operation
                     UNION ALL SELECT path, 'goldenpath', NULL FROM unnest(paths) path) w (name, category, operation))),
       now()
FROM loaded
