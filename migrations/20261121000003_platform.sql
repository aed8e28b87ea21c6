-- Who serves, what may be asked for, who may ask.

CREATE TABLE worker (
    id           uuid        PRIMARY KEY,
    name         text        NOT NULL,
    host         text        NOT NULL,
    version      text        NOT NULL,
    queues       text[]      NOT NULL CHECK (cardinality(queues) > 0),
    slots        integer     NOT NULL CHECK (slots > 0),
    state        text        NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'draining', 'stopped')),
    posture      jsonb       NOT NULL DEFAULT '{}',
    -- Late writes refused to this worker because its lease was gone.
    refused_writes bigint    NOT NULL DEFAULT 0,
    started_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    stopped_at   timestamptz,
    CHECK ((state = 'stopped') = (stopped_at IS NOT NULL))
);
CREATE INDEX worker_live ON worker (heartbeat_at) WHERE state <> 'stopped';

-- One row a queue that was ever named. The scheduler's promote task keeps wait_reason true: it is what every ready
-- run of the queue waits for, so a million of them cost one write.
CREATE TABLE queue (
    name         text        PRIMARY KEY,
    wait_reason  text        CHECK (wait_reason IN ('NoWorkerForQueue', 'QueueFull', 'Fairness')),
    wait_detail  text,
    wait_since   timestamptz NOT NULL DEFAULT now(),
    created_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE provider (
    name        text        NOT NULL,
    version     text        NOT NULL,
    digest      bytea       NOT NULL,
    manifest    jsonb       NOT NULL,
    loaded_at   timestamptz NOT NULL DEFAULT now(),
    -- False when the latest load no longer had it.
    current     boolean     NOT NULL DEFAULT true,
    PRIMARY KEY (name, version)
);

-- Files of a provider that its steps need (a Terraform module, a playbook), as a tar archive, by SHA-256.
CREATE TABLE bundle (
    digest     bytea       PRIMARY KEY CHECK (octet_length(digest) = 32),
    content    bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
    id           uuid        PRIMARY KEY,
    name         text        NOT NULL,
    -- First characters, to recognise a key by; the key itself is stored only as a SHA-256 of its 256 random bits.
    prefix       text        NOT NULL,
    hash         bytea       NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    role         text        NOT NULL CHECK (role IN ('admin')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);

CREATE TABLE idempotency_key (
    api_key_id   uuid        NOT NULL REFERENCES api_key ON DELETE CASCADE,
    key          text        NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea       NOT NULL,
    status       smallint    NOT NULL,
    location     text,
    body         jsonb       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (api_key_id, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);

-- State that a step type keeps between runs of one resource (Terraform's), every version of it.
CREATE TABLE state_version (
    resource_id uuid        NOT NULL REFERENCES resource,
    version     bigint      NOT NULL CHECK (version > 0),
    serial      bigint      NOT NULL,
    lineage     text        NOT NULL,
    content     bytea       NOT NULL,
    md5         text        NOT NULL,
    -- Null when a person wrote it through the state protocol.
    run_id      uuid,
    fence       bigint,
    written_by  text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (resource_id, version)
);

CREATE TABLE state_lock (
    resource_id uuid        PRIMARY KEY REFERENCES resource,
    lock_id     text        NOT NULL,
    info        jsonb       NOT NULL,
    -- Set when a run holds it; a person's lock has neither.
    run_id      uuid,
    fence       bigint,
    created_at  timestamptz NOT NULL DEFAULT now()
);
-- True when the host that may hold a newer state is gone: no blind second apply.
ALTER TABLE resource ADD COLUMN state_uncertain_since timestamptz;
