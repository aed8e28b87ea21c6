-- Who did what: an append-only record that is chained by hashes; and what leaves Slipway when something happens.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TABLE audit_entry (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Ids commit out of order: whoever chains reads what is below pg_snapshot_xmin, in the order of (xid, id).
    xid         xid8        NOT NULL DEFAULT pg_current_xact_id(),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_kind  text        NOT NULL,
    -- Null: nobody was known, as at a login that was refused.
    actor_id    uuid,
    actor_name  text        NOT NULL,
    -- `key/ID`, `session/ID`, or what else was shown.
    credential  text        NOT NULL DEFAULT '',
    -- `<noun>.<verb>`.
    action      text        NOT NULL,
    -- `<kind>/<id or name>`.
    object      text        NOT NULL,
    team        text,
    outcome     text        NOT NULL CHECK (outcome IN ('done', 'refused')),
    before      jsonb,
    after       jsonb,
    request_id  text        NOT NULL DEFAULT '',
    address     text        NOT NULL DEFAULT '',
    agent       text        NOT NULL DEFAULT '',
    -- What is recorded once only (a refusal, a minute): what tells it from others.
    once        text
);
CREATE INDEX audit_entry_order ON audit_entry (xid, id);
CREATE INDEX audit_entry_by_object ON audit_entry (object, id);
CREATE INDEX audit_entry_by_actor ON audit_entry (actor_name, id);
CREATE INDEX audit_entry_by_action ON audit_entry (action, id);
CREATE INDEX audit_entry_by_team ON audit_entry (team, id) WHERE team IS NOT NULL;
CREATE INDEX audit_entry_at ON audit_entry USING brin (at);
CREATE UNIQUE INDEX audit_entry_once ON audit_entry (once) WHERE once IS NOT NULL;

-- Entries are chained after they are committed, so that two changes at once do not wait for each other.
CREATE TABLE audit_chain (
    seq        bigint      PRIMARY KEY CHECK (seq > 0),
    entry_id   bigint      NOT NULL UNIQUE REFERENCES audit_entry,
    entry_xid  xid8        NOT NULL,
    -- The hash of the entry before; 32 zero bytes for the first.
    previous   bytea       NOT NULL CHECK (octet_length(previous) = 32),
    -- SHA-256 over number, previous hash and content of the entry: see docs/guides/audit.md.
    hash       bytea       NOT NULL CHECK (octet_length(hash) = 32),
    chained_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Always: also where triggers are otherwise switched off (session_replication_role), and for the owner of the tables.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry EXECUTE FUNCTION refuse_change();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain EXECUTE FUNCTION refuse_change();
ALTER TABLE audit_chain ENABLE ALWAYS TRIGGER append_only;

-- How far the record has been sent elsewhere.
CREATE TABLE audit_stream (
    name      text        PRIMARY KEY,
    -- Every entry up to this one was taken there.
    seq       bigint      NOT NULL DEFAULT 0,
    sent_at   timestamptz,
    error     text,
    failing_since timestamptz,
    -- Until when whoever sends may be at it.
    lease_until timestamptz
);

-- Where events are sent to.
CREATE TABLE webhook_endpoint (
    id              uuid        PRIMARY KEY,
    -- Whose events; null: those of all teams, and of the instance.
    team            text,
    url             text        NOT NULL,
    description     text        NOT NULL DEFAULT '',
    -- Names of events, or `run.*`; none: all.
    events          text[]      NOT NULL DEFAULT '{}',
    secret          text        NOT NULL,
    -- Signs beside the new one until then, so that receivers can change over.
    previous_secret text,
    previous_until  timestamptz,
    created_by      text        NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    -- Events of earlier transactions are not for it.
    from_xid        xid8        NOT NULL DEFAULT pg_current_xact_id(),
    disabled_at     timestamptz,
    -- `by NAME`, `gone` (410), or `failing`.
    disabled_reason text,
    -- Since when no delivery has succeeded.
    failing_since   timestamptz,
    CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL)),
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
);
CREATE INDEX webhook_endpoint_by_team ON webhook_endpoint (team, id);
CREATE INDEX webhook_endpoint_enabled ON webhook_endpoint (id) WHERE disabled_at IS NULL;

-- Events up to here have their deliveries. One row.
CREATE TABLE webhook_cursor (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    xid      xid8    NOT NULL,
    id       bigint  NOT NULL
);
INSERT INTO webhook_cursor (xid, id) VALUES (pg_snapshot_xmin(pg_current_snapshot()), 0);

CREATE TABLE webhook_delivery (
    -- Stays the same over all tries: what receivers tell doubles by.
    id              uuid        PRIMARY KEY,
    endpoint_id     uuid        NOT NULL REFERENCES webhook_endpoint ON DELETE CASCADE,
    -- Null for a test.
    event_xid       xid8,
    event_id        bigint,
    type            text        NOT NULL,
    payload         jsonb       NOT NULL,
    status          text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    -- When it is given up.
    give_up_at      timestamptz NOT NULL,
    -- Until when whoever claimed it may be at it. Another takes it then.
    lease_until     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    last_status     smallint,
    last_error      text,
    CHECK ((finished_at IS NOT NULL) = (status <> 'pending')),
    -- Exactly one of an event for an endpoint, whoever makes it, however often.
    UNIQUE (endpoint_id, event_xid, event_id)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, next_attempt_at) WHERE status = 'pending';
CREATE INDEX webhook_delivery_by_endpoint ON webhook_delivery (endpoint_id, id);
CREATE INDEX webhook_delivery_over ON webhook_delivery (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE webhook_attempt (
    delivery_id      uuid        NOT NULL REFERENCES webhook_delivery ON DELETE CASCADE,
    number           integer     NOT NULL CHECK (number > 0),
    at               timestamptz NOT NULL DEFAULT now(),
    duration_ms      integer     NOT NULL,
    -- The address that was connected to.
    address          text,
    request_headers  jsonb       NOT NULL DEFAULT '{}',
    response_status  smallint,
    response_headers jsonb,
    -- Its first bytes.
    response_body    text,
    error            text,
    PRIMARY KEY (delivery_id, number)
);
