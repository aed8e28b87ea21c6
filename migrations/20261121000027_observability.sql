-- What people and teams are told of, where, and how that went; and the trace that a run belongs to.

CREATE TABLE notification_rule (
    id            uuid        PRIMARY KEY,
    -- Whose it is: a person's, a team's, or (neither) the installation's, which is told of all teams' things.
    person_id     uuid        REFERENCES person ON DELETE CASCADE,
    team          text,
    -- `failure`, `approval`, `drift`.
    kinds         text[]      NOT NULL CHECK (cardinality(kinds) > 0),
    channel       text        NOT NULL CHECK (channel IN ('email', 'slack', 'webhook')),
    -- An address, or a URL; sealed where the instance has a key, because URLs of chats are secrets.
    target        text        NOT NULL,
    -- What of it is shown.
    shown         text        NOT NULL,
    -- What deliveries to a webhook are signed with.
    secret        text,
    description   text        NOT NULL DEFAULT '',
    -- After a message, what happens within so many seconds is told together.
    digest_s      integer     NOT NULL CHECK (digest_s BETWEEN 0 AND 86400),
    quiet_until   timestamptz,
    -- What happened beyond what is kept as rows until it is told.
    overflow      bigint      NOT NULL DEFAULT 0,
    -- Events of earlier transactions are not for it.
    from_xid      xid8        NOT NULL DEFAULT pg_current_xact_id(),
    created_by    text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    paused_at     timestamptz,
    CHECK (num_nonnulls(person_id, team) <= 1),
    CHECK ((channel = 'webhook') = (secret IS NOT NULL))
);
CREATE INDEX notification_rule_by_person ON notification_rule (person_id, id) WHERE person_id IS NOT NULL;
CREATE INDEX notification_rule_by_team ON notification_rule (team, id) WHERE person_id IS NULL;

-- Events up to here are known to the rules. One row.
CREATE TABLE notification_cursor (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    xid      xid8    NOT NULL,
    id       bigint  NOT NULL
);
INSERT INTO notification_cursor (xid, id) VALUES (pg_snapshot_xmin(pg_current_snapshot()), 0);

-- What is to be told, until a message is made of it.
CREATE TABLE notification_item (
    rule_id   uuid        NOT NULL REFERENCES notification_rule ON DELETE CASCADE,
    event_xid xid8        NOT NULL,
    event_id  bigint      NOT NULL,
    body      jsonb       NOT NULL,
    PRIMARY KEY (rule_id, event_xid, event_id)
);

CREATE TABLE notification_delivery (
    -- The same over all tries: what receivers tell doubles by.
    id              uuid        PRIMARY KEY,
    rule_id         uuid        NOT NULL REFERENCES notification_rule ON DELETE CASCADE,
    -- How many things it tells of.
    items           bigint      NOT NULL,
    message         jsonb       NOT NULL,
    status          text        NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    give_up_at      timestamptz NOT NULL,
    lease_until     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    -- What the receiver said to the last try.
    last_answer     text,
    last_error      text,
    CHECK ((finished_at IS NOT NULL) = (status <> 'pending'))
);
CREATE INDEX notification_delivery_due ON notification_delivery (next_attempt_at) WHERE status = 'pending';
CREATE INDEX notification_delivery_by_rule ON notification_delivery (rule_id, id);
CREATE INDEX notification_delivery_over ON notification_delivery (finished_at) WHERE finished_at IS NOT NULL;

-- W3C `traceparent` of what asked for it; null: nobody traces it.
ALTER TABLE generation ADD COLUMN trace_parent text CHECK (length(trace_parent) = 55);
ALTER TABLE run ADD COLUMN trace_parent text CHECK (length(trace_parent) = 55);
