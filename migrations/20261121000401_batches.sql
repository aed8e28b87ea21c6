-- Batches: one operation on very many resources, in waves, with a budget of failures and a way back.

ALTER TABLE resource
    -- Params that a batch set in place of what the spec says. The next spec does not take them back; a batch or its rollback does.
    ADD COLUMN overrides jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(overrides) = 'object');

ALTER TABLE run
    -- The batch that it is part of. Which runs are a batch's is asked of its items.
    ADD COLUMN batch_id uuid;

CREATE TABLE batch (
    id               uuid        PRIMARY KEY,
    name             text        NOT NULL,
    reason           text        NOT NULL DEFAULT '',
    operation        text        NOT NULL CHECK (operation IN ('update', 'reprovision', 'read', 'delete', 'retry')),
    -- What chose the resources, as it was given.
    selector         text        NOT NULL,
    provider_version text,
    -- What is set; null takes back what a batch had set.
    params           jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(params) = 'object'),
    -- As it was given, as '1,10%,50%,100%'; `batch_wave` has what it came to.
    waves            text        NOT NULL,
    max_in_flight    integer     NOT NULL CHECK (max_in_flight BETWEEN 1 AND 10000),
    bake_s           integer     NOT NULL CHECK (bake_s >= 0),
    -- How many may fail: a number, or a part of what was begun.
    max_failures     text        NOT NULL,
    -- Cron, in UTC: in the minutes that it names, runs may begin. None: always.
    window_cron      text,
    -- Whether each wave is looked at by reads before the next begins.
    verify           boolean     NOT NULL DEFAULT false,
    status           text        NOT NULL CHECK (status IN ('awaiting_approval', 'approval_void', 'running', 'paused', 'stopped', 'aborted',
                                                            'completed', 'rolling_back', 'rolled_back')),
    -- Why it is as it is, for people.
    detail           text        NOT NULL DEFAULT '',
    -- What would be done, for people, and the digest of that which an approval is bound to.
    preview          jsonb       NOT NULL DEFAULT '{}',
    digest           bytea       NOT NULL DEFAULT '',
    teams            text[]      NOT NULL DEFAULT '{}',
    total            integer     NOT NULL DEFAULT 0 CHECK (total >= 0),
    -- The wave whose resources may begin, from 0.
    wave             integer     NOT NULL DEFAULT 0,
    succeeded        integer     NOT NULL DEFAULT 0,
    failed           integer     NOT NULL DEFAULT 0,
    skipped          integer     NOT NULL DEFAULT 0,
    -- On how many a run works, to do it or to take it back.
    in_flight        integer     NOT NULL DEFAULT 0 CHECK (in_flight >= 0),
    rolled_back      integer     NOT NULL DEFAULT 0,
    -- Failures that whoever resumed it took for granted.
    forgiven         integer     NOT NULL DEFAULT 0,
    requested_by     text        NOT NULL,
    requester_id     uuid        NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    approved_by      text,
    approved_at      timestamptz,
    approved_digest  bytea,
    started_at       timestamptz,
    finished_at      timestamptz,
    told_at          timestamptz NOT NULL DEFAULT now(),
    CHECK (succeeded + failed + skipped <= total),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (approved_by IS NULL) = (approved_digest IS NULL)),
    CHECK ((finished_at IS NOT NULL) = (status IN ('aborted', 'completed', 'rolled_back')))
);
-- What a scheduler looks after: what goes on by itself, and what still has runs.
CREATE INDEX batch_active ON batch (id) WHERE status IN ('running', 'rolling_back') OR in_flight > 0;

CREATE TABLE batch_wave (
    batch_id    uuid        NOT NULL REFERENCES batch ON DELETE CASCADE,
    number      integer     NOT NULL,
    -- How many resources it has.
    total       integer     NOT NULL,
    started_at  timestamptz,
    -- When the last of its resources was done; then it bakes.
    ended_at    timestamptz,
    bake_until  timestamptz,
    -- When the next was let begin.
    passed_at   timestamptz,
    PRIMARY KEY (batch_id, number)
);

-- Resources that would be done alike: by one workflow of one version.
CREATE TABLE batch_group (
    batch_id     uuid    NOT NULL REFERENCES batch ON DELETE CASCADE,
    key          uuid    NOT NULL,
    resources    integer NOT NULL,
    kind         text    NOT NULL,
    provider     text,
    from_version text,
    to_version   text,
    workflow     text,
    plan_digest  bytea,
    -- Why nothing can be done for them.
    problem      text,
    -- One of them.
    sample       uuid    NOT NULL,
    PRIMARY KEY (batch_id, key)
);

CREATE TABLE batch_item (
    -- Without a foreign key: checking it for 100,000 rows takes as long as writing half of them.
    batch_id     uuid        NOT NULL,
    resource_id  uuid        NOT NULL,
    position     integer     NOT NULL,
    wave         integer     NOT NULL,
    group_key    uuid        NOT NULL,
    -- What would be done to it rests on this.
    basis        bytea       NOT NULL,
    status       text        NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'running', 'succeeded', 'failed', 'skipped')),
    run_id       uuid,
    detail       text,
    started_at   timestamptz,
    finished_at  timestamptz,
    -- The version and what was set before, to go back to.
    before       jsonb,
    undo         text        CHECK (undo IN ('open', 'running', 'succeeded', 'failed', 'skipped')),
    undo_run_id  uuid,
    undo_detail  text,
    PRIMARY KEY (batch_id, resource_id),
    CHECK ((status = 'open') = (started_at IS NULL AND finished_at IS NULL)),
    CHECK ((finished_at IS NOT NULL) = (status IN ('succeeded', 'failed', 'skipped'))),
    CHECK (status <> 'running' OR run_id IS NOT NULL),
    CHECK (undo <> 'running' OR undo_run_id IS NOT NULL)
);
CREATE INDEX batch_item_position ON batch_item (batch_id, position);
CREATE INDEX batch_item_open ON batch_item (batch_id, position) WHERE status = 'open';
CREATE INDEX batch_item_undo ON batch_item (batch_id, position) WHERE undo = 'open';
CREATE INDEX batch_item_running ON batch_item (batch_id) WHERE status = 'running' OR undo = 'running';

-- What a batch may be about: every resource that is there, with what decides how it would be done.
CREATE VIEW batch_candidate AS
SELECT r.id, r.application_id, a.name AS application, a.team, r.name, r.type, r.class, r.state, r.desired, r.provider, r.provider_version,
       a.labels || r.labels AS labels, r.params, r.overrides,
       coalesce(nullif(a.labels ->> 'env', ''), nullif(a.labels ->> 'environment', ''), nullif(r.labels ->> 'env', ''), '') AS environment,
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

SELECT grant_roles();
