-- Secrets, and the keys they are sealed with. Nothing here can be read without a key that is not in this database.

-- What outputs and states of a team are sealed with; itself wrapped by a key of the instance's keyring.
CREATE TABLE data_key (
    id         uuid        PRIMARY KEY,
    team       text        NOT NULL,
    -- Which key of the keyring wraps it; a rotation changes this and `wrapped`, and nothing that it seals.
    key_id     text        NOT NULL CHECK (length(key_id) BETWEEN 1 AND 64),
    wrapped    bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Since then it only opens.
    retired_at timestamptz
);
CREATE UNIQUE INDEX data_key_current ON data_key (team) WHERE retired_at IS NULL;
CREATE INDEX data_key_by_key ON data_key (key_id);

CREATE TABLE secret (
    id             uuid        PRIMARY KEY,
    team           text        NOT NULL,
    -- Null: every application of the team sees it; its own one goes before that.
    application_id uuid        REFERENCES application ON DELETE CASCADE,
    name           text        NOT NULL CHECK (name ~ '^[A-Za-z][A-Za-z0-9_-]{0,62}$'),
    -- Rises with each value; that of an earlier version is gone.
    version        integer     NOT NULL CHECK (version > 0),
    -- Its own data key, wrapped by a key of the keyring, and the value sealed with it; or where the value is read each time it is needed.
    key_id         text,
    wrapped        bytea,
    sealed         bytea,
    source         text        CHECK (length(source) BETWEEN 1 AND 1024),
    created_by     text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_by     text        NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (team, application_id, name),
    CHECK (num_nonnulls(sealed, source) = 1),
    CHECK (num_nonnulls(key_id, wrapped, sealed) IN (0, 3))
);
CREATE INDEX secret_by_application ON secret (application_id) WHERE application_id IS NOT NULL;
CREATE INDEX secret_by_key ON secret (key_id) WHERE key_id IS NOT NULL;

-- Credentials for other systems. Their secret part is never read out again, only used.
CREATE TABLE integration (
    id          uuid        PRIMARY KEY,
    name        text        NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9-]{0,62}$'),
    kind        text        NOT NULL,
    -- What is no secret: hosts, user names.
    settings    jsonb       NOT NULL DEFAULT '{}',
    version     integer     NOT NULL DEFAULT 1 CHECK (version > 0),
    key_id      text        NOT NULL,
    wrapped     bytea       NOT NULL,
    sealed      bytea       NOT NULL,
    created_by  text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_by  text        NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    -- The last live check; no error: it was accepted.
    checked_at  timestamptz,
    check_error text
);
CREATE INDEX integration_by_key ON integration (key_id);

-- Which version of each secret an application sees, as `a3` (its own) or `t1` (its team's).
CREATE FUNCTION visible_secrets(application uuid, application_team text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(name, scope || version), '{}')
    FROM (SELECT DISTINCT ON (name) name, version, CASE WHEN application_id IS NULL THEN 't' ELSE 'a' END AS scope
          FROM secret WHERE team = application_team AND (application_id IS NULL OR application_id = application)
          ORDER BY name, application_id NULLS LAST) seen
$$;

-- What a worker may have of all this: only for a run whose lease it holds. Without a key's id, the one that its team seals with now.
-- The key of another team opens what a shared resource of that team gave to this one, and what the run's own steps were given
-- by applications of a team that the run may act for.
CREATE FUNCTION data_key_of_run(run_id uuid, run_fence bigint, key uuid)
    RETURNS TABLE (id uuid, team text, key_id text, wrapped bytea) LANGUAGE sql STABLE AS $$
    SELECT k.id, k.team, k.key_id, k.wrapped
    FROM run r JOIN data_key k ON CASE WHEN key IS NULL THEN k.team = r.team AND k.retired_at IS NULL ELSE k.id = key END
    WHERE r.id = run_id AND r.fence = run_fence AND r.status = 'running'
      AND (k.team = r.team
           OR EXISTS (SELECT FROM application a JOIN resource_user u ON u.application_id = a.id
                      JOIN resource s ON s.id = u.resource_id
                      WHERE a.team = r.team AND a.deleted_at IS NULL AND s.shared
                        AND strpos(s.outputs::text, replace(k.id::text, '-', '')) > 0)
           OR EXISTS (SELECT FROM run root JOIN step given ON given.run_id = r.id
                      WHERE root.id = r.root_run_id AND root.acts_for && ARRAY[k.team, '*']
                        AND strpos(given.outputs::text, replace(k.id::text, '-', '')) > 0))
$$;

-- The first key of a run's team; nothing happens when it has one.
CREATE FUNCTION add_data_key_of_run(run_id uuid, run_fence bigint, key uuid, wrapped_by text, wrapped_key bytea)
    RETURNS void LANGUAGE sql AS $$
    INSERT INTO data_key (id, team, key_id, wrapped)
    SELECT key, r.team, wrapped_by, wrapped_key FROM run r
    WHERE r.id = run_id AND r.fence = run_fence AND r.status = 'running'
    ON CONFLICT (team) WHERE retired_at IS NULL DO NOTHING
$$;

-- The secrets of these names that the application of a run sees.
CREATE FUNCTION secrets_of_run(run_id uuid, run_fence bigint, names text[])
    RETURNS TABLE (id uuid, team text, application_id uuid, name text, version integer, key_id text, wrapped bytea, sealed bytea,
                   source text) LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (s.name) s.id, s.team, s.application_id, s.name, s.version, s.key_id, s.wrapped, s.sealed, s.source
    FROM run r JOIN secret s ON s.team = r.team AND (s.application_id IS NULL OR s.application_id = r.application_id)
    WHERE r.id = run_id AND r.fence = run_fence AND r.status = 'running' AND s.name = ANY (names)
    ORDER BY s.name, s.application_id NULLS LAST
$$;
