-- Who may ask: people, service accounts, their keys and sessions; and the teams they belong to.

-- Every team that was ever named, with what it may use; no figure: no bound.
CREATE TABLE team (
    name               text        PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 63),
    created_at         timestamptz NOT NULL DEFAULT now(),
    max_runs           integer     CHECK (max_runs >= 0),
    -- Type → how many resources that are not gone.
    max_resources      jsonb       NOT NULL DEFAULT '{}',
    -- In a calendar month (UTC).
    max_cpu_minutes    bigint      CHECK (max_cpu_minutes >= 0),
    max_log_bytes      bigint      CHECK (max_log_bytes >= 0),
    -- Kept now: workspaces, archived logs, states.
    max_storage_bytes  bigint      CHECK (max_storage_bytes >= 0)
);
INSERT INTO team (name) SELECT team FROM application UNION SELECT team FROM run ON CONFLICT DO NOTHING;

CREATE TABLE person (
    id            uuid        PRIMARY KEY,
    -- Who vouches for them (`file`, or an OpenID provider's issuer URL), and what they are called there.
    issuer        text        NOT NULL,
    subject       text        NOT NULL,
    name          text        NOT NULL,
    email         text,
    -- As their last login said; roles that Slipway does not know count for approvals that name them. Their sessions and keys never have more, and have less at once when these are less.
    roles         text[]      NOT NULL DEFAULT '{}',
    teams         text[]      NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz,
    disabled_at   timestamptz,
    UNIQUE (issuer, subject)
);

CREATE TABLE service_account (
    id          uuid        PRIMARY KEY,
    name        text        NOT NULL CHECK (length(name) BETWEEN 1 AND 63),
    roles       text[]      NOT NULL DEFAULT '{}',
    teams       text[]      NOT NULL DEFAULT '{}',
    created_by  text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);
CREATE UNIQUE INDEX service_account_name ON service_account (name);

-- A key has an owner, whose roles and teams bound its own; a key without one stands for itself.
ALTER TABLE api_key
    -- `role` is read by older binaries only, which refuse what they do not know.
    ALTER COLUMN role DROP NOT NULL,
    ADD COLUMN person_id          uuid REFERENCES person,
    ADD COLUMN service_account_id uuid REFERENCES service_account,
    ADD COLUMN roles              text[] NOT NULL DEFAULT '{}',
    ADD COLUMN teams              text[] NOT NULL DEFAULT '{}',
    -- What it is good for, as `run.read` or `run.*`; null: all that its roles allow.
    ADD COLUMN scopes             text[],
    ADD COLUMN expires_at         timestamptz,
    -- The key that this one was made to take the place of; both work until that one expires.
    ADD COLUMN replaces           uuid REFERENCES api_key,
    ADD COLUMN created_by         text,
    ADD CONSTRAINT api_key_one_owner CHECK (num_nonnulls(person_id, service_account_id) <= 1);
UPDATE api_key SET roles = ARRAY[role] WHERE role IS NOT NULL;
CREATE INDEX api_key_by_person ON api_key (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX api_key_by_service_account ON api_key (service_account_id) WHERE service_account_id IS NOT NULL;

-- A browser's login. The cookie's 256 random bits are stored as a hash, as those of keys.
CREATE TABLE session (
    id           uuid        PRIMARY KEY,
    hash         bytea       NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    person_id    uuid        NOT NULL REFERENCES person,
    address      text        NOT NULL DEFAULT '',
    agent        text        NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    -- The absolute end; the idle one is counted from `last_seen_at`.
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz
);
CREATE INDEX session_by_person ON session (person_id);
CREATE INDEX session_age ON session (expires_at);

-- From now on the caller may be a person too: a key's id, or theirs.
ALTER TABLE idempotency_key DROP CONSTRAINT idempotency_key_api_key_id_fkey;
COMMENT ON COLUMN idempotency_key.api_key_id IS 'who called: the id of a person, a service account, or a key without owner';
