-- Where providers come from, what of it is served, and the number of the set that every scheduler converges on.

-- The files of a source at one commit, as a gzipped tar archive, by its SHA-256: a set is built again without asking the
-- source, which may be away.
CREATE TABLE provider_tree (
    digest     bytea       PRIMARY KEY CHECK (octet_length(digest) = 32),
    content    bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE provider_source (
    name           text        PRIMARY KEY CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    url            text        NOT NULL,
    -- A tag, a branch or a whole commit.
    ref            text        NOT NULL,
    -- The folder in the repository; empty for all of it.
    path           text        NOT NULL DEFAULT '',
    -- Seconds between looks; 0: only when asked.
    interval_s     integer     NOT NULL CHECK (interval_s >= 0),
    -- Names in the configuration; the secrets themselves are never here.
    credential     text,
    webhook_secret text,
    -- `file`: the instance's list says it, and only that list may change it.
    origin         text        NOT NULL CHECK (origin IN ('file', 'api')),
    created_by     text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    remove_requested_at timestamptz,

    -- What the last look found.
    status         text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'loaded', 'rejected', 'unreachable')),
    seen_commit    text,
    problems       jsonb       NOT NULL DEFAULT '[]',
    warnings       jsonb       NOT NULL DEFAULT '[]',
    looked_at      timestamptz,
    next_look_at   timestamptz NOT NULL DEFAULT now(),
    -- Set by whoever wants a look now, and taken away by the look that began after it.
    look_requested_at timestamptz,

    -- What is served.
    commit         text,
    tree_digest    bytea       REFERENCES provider_tree,
    providers      text[]      NOT NULL DEFAULT '{}',
    loaded_at      timestamptz,
    CHECK ((commit IS NULL) = (tree_digest IS NULL)),
    CHECK (status <> 'loaded' OR commit IS NOT NULL)
);

CREATE TABLE provider_set (
    one         boolean     PRIMARY KEY DEFAULT true CHECK (one),
    -- Rises with every change; a scheduler that holds another loads the set from these rows.
    generation  bigint      NOT NULL DEFAULT 0,
    stored_at   timestamptz NOT NULL DEFAULT now(),
    -- Who looks at sources at the moment: one at a time, by the database's clock.
    looker      uuid,
    looks_until timestamptz,
    CHECK ((looker IS NULL) = (looks_until IS NULL))
);
INSERT INTO provider_set DEFAULT VALUES;

-- What a person asked the scheduler about providers, and its answer.
CREATE TABLE provider_request (
    id           uuid        PRIMARY KEY,
    kind         text        NOT NULL CHECK (kind IN ('reload', 'validate')),
    requested_by text        NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    begun_at     timestamptz,
    answer       jsonb,
    answered_at  timestamptz,
    CHECK ((answer IS NULL) = (answered_at IS NULL))
);
CREATE INDEX provider_request_open ON provider_request (requested_at) WHERE answered_at IS NULL;
