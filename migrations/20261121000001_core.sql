-- Applications, their generations, resources, runs, steps, attempts.
-- Words, states and transitions are those of docs/ARCHITECTURE.md; each CHECK repeats one rule of shared/src/domain.

CREATE TABLE application (
    id           uuid        PRIMARY KEY,
    name         text        NOT NULL,
    team         text        NOT NULL,
    generation   integer     NOT NULL CHECK (generation > 0),
    labels       jsonb       NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    -- Deletion is two moments: asked for, and done when the last resource is gone.
    delete_requested_at timestamptz,
    deleted_at   timestamptz,
    CHECK (deleted_at IS NULL OR delete_requested_at IS NOT NULL)
);
-- A deleted application keeps its rows; its name is free again.
CREATE UNIQUE INDEX application_live_name ON application (name) WHERE deleted_at IS NULL;
CREATE INDEX application_by_name ON application (name, id);

CREATE TABLE generation (
    application_id uuid        NOT NULL REFERENCES application ON DELETE CASCADE,
    number         integer     NOT NULL CHECK (number > 0),
    spec           jsonb       NOT NULL,
    -- SHA-256 of the spec in canonical JSON: the same content is the same generation.
    digest         bytea       NOT NULL CHECK (octet_length(digest) = 32),
    warnings       jsonb       NOT NULL DEFAULT '[]',
    submitted_by   text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (application_id, number)
);

CREATE TABLE resource (
    id              uuid        PRIMARY KEY,
    -- The application that first asked for it; other users of a shared one are in resource_user.
    application_id  uuid        NOT NULL REFERENCES application,
    name            text        NOT NULL,
    type            text        NOT NULL,
    class           text,
    -- `type.class#workload.name`, or `type.class#id` when shared: what makes two requests the same resource.
    identity        text        NOT NULL,
    shared          boolean     NOT NULL,
    params          jsonb       NOT NULL DEFAULT '{}',
    annotations     jsonb       NOT NULL DEFAULT '{}',
    labels          jsonb       NOT NULL DEFAULT '{}',
    -- Params with placeholders filled in, as the last run that was given them saw them.
    resolved_params jsonb,
    outputs         jsonb       NOT NULL DEFAULT '{}',
    sensitive_outputs text[]    NOT NULL DEFAULT '{}',
    state           text        NOT NULL DEFAULT 'requested' CHECK (state IN
                    ('requested', 'provisioning', 'active', 'updating', 'degraded', 'failed', 'terminating', 'terminated')),
    state_since     timestamptz NOT NULL DEFAULT now(),
    -- What should be: set by requests, read by the scheduler's resolve task.
    desired         text        NOT NULL DEFAULT 'present' CHECK (desired IN ('present', 'absent')),
    current_run_id  uuid,
    last_run_id     uuid,
    error_code      text,
    error_message   text,
    -- Set to have a failed resource resolved once more: its type is known now, say, or it should be gone.
    retry_requested_at timestamptz,
    provider        text,
    provider_version text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'failed') = (error_code IS NOT NULL)),
    CHECK (state NOT IN ('provisioning', 'updating') OR current_run_id IS NOT NULL),
    CHECK (state NOT IN ('requested', 'active', 'failed', 'terminated') OR current_run_id IS NULL)
);
CREATE UNIQUE INDEX resource_live_identity ON resource (identity) WHERE state <> 'terminated';
CREATE INDEX resource_by_application ON resource (application_id, id);
CREATE INDEX resource_by_type ON resource (type, id);
CREATE INDEX resource_by_state ON resource (state, id);
CREATE INDEX resource_labels ON resource USING gin (labels jsonb_path_ops);
-- Resolve's work list: what was never tried, what is to be tried again, and what should be gone and is not being removed.
-- A failed delete is not on it until someone asks for another try.
CREATE INDEX resource_to_resolve ON resource (id)
    WHERE current_run_id IS NULL
      AND (state = 'requested' OR retry_requested_at IS NOT NULL OR (desired = 'absent' AND state IN ('active', 'degraded')));

CREATE TABLE resource_user (
    resource_id    uuid NOT NULL REFERENCES resource ON DELETE CASCADE,
    application_id uuid NOT NULL REFERENCES application ON DELETE CASCADE,
    -- The name under which this application's spec names the resource.
    name           text NOT NULL,
    PRIMARY KEY (resource_id, application_id, name)
);
CREATE INDEX resource_user_by_application ON resource_user (application_id, name);

CREATE TABLE resource_dependency (
    resource_id   uuid NOT NULL REFERENCES resource ON DELETE CASCADE,
    depends_on_id uuid NOT NULL REFERENCES resource ON DELETE CASCADE,
    PRIMARY KEY (resource_id, depends_on_id),
    CHECK (resource_id <> depends_on_id)
);
CREATE INDEX resource_dependency_reverse ON resource_dependency (depends_on_id, resource_id);

-- What runs execute, by SHA-256 of the canonical JSON: a million runs of one workflow share one row.
CREATE TABLE plan (
    digest     bytea       PRIMARY KEY CHECK (octet_length(digest) = 32),
    body       jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE run (
    id               uuid        PRIMARY KEY,
    kind             text        NOT NULL CHECK (kind IN ('resource', 'golden_path')),
    operation        text        NOT NULL CHECK (operation IN ('create', 'read', 'update', 'delete', 'execute')),
    resource_id      uuid        REFERENCES resource,
    application_id   uuid        REFERENCES application,
    team             text        NOT NULL,
    root_run_id      uuid        NOT NULL,
    retry_of         uuid        REFERENCES run,
    provider         text        NOT NULL,
    provider_version text        NOT NULL,
    provider_commit  text,
    workflow         text        NOT NULL,
    -- The whole definition as it was when the run was made: a run never changes under its feet.
    plan_digest      bytea       NOT NULL REFERENCES plan,
    -- Null until the resources it needs are there and their outputs fill its placeholders.
    inputs           jsonb,
    requested_by     text        NOT NULL DEFAULT 'system',
    queue            text        NOT NULL DEFAULT 'default',
    priority         smallint    NOT NULL DEFAULT 0,
    status           text        NOT NULL DEFAULT 'pending' CHECK (status IN
                     ('pending', 'queued', 'running', 'suspended', 'completed', 'failed', 'cancelled')),
    -- Why a pending or suspended run does not go on. A pending run without one is ready: what it
    -- waits for then is its queue's wait_reason, which is the same for all of them.
    reason           text        CHECK (reason IN ('WaitingForDependency', 'DependencyFailed', 'BackingOff')),
    reason_detail    text,
    waiting_since    timestamptz NOT NULL DEFAULT now(),
    suspended_until  timestamptz,
    fence            bigint      NOT NULL DEFAULT 0 CHECK (fence >= 0),
    lease_worker_id  uuid,
    lease_until      timestamptz,
    cancel_requested_at timestamptz,
    cancel_reason    text,
    -- Times this run was taken from a worker that stopped renewing; bounded, apart from the steps' own attempts.
    losses           smallint    NOT NULL DEFAULT 0,
    -- Digest and key of the last durable checkpoint of the workspace.
    checkpoint       jsonb,
    outputs          jsonb       NOT NULL DEFAULT '{}',
    error_code       text,
    error_message    text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    queued_at        timestamptz,
    ticket_sent_at   timestamptz,
    started_at       timestamptz,
    finished_at      timestamptz,
    deadline_at      timestamptz,
    CHECK ((finished_at IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled'))),
    CHECK ((status = 'running') = (lease_worker_id IS NOT NULL)),
    CHECK ((status = 'running') = (lease_until IS NOT NULL)),
    CHECK ((status = 'failed') = (error_code IS NOT NULL)),
    CHECK (status IN ('pending', 'suspended') OR reason IS NULL),
    CHECK (status <> 'suspended' OR reason IS NOT NULL),
    CHECK ((kind = 'resource') = (resource_id IS NOT NULL)),
    CHECK (status NOT IN ('queued', 'running', 'completed') OR inputs IS NOT NULL),
    CHECK (status <> 'pending' OR reason IS NOT NULL OR inputs IS NOT NULL)
);
ALTER TABLE resource ADD FOREIGN KEY (current_run_id) REFERENCES run;
ALTER TABLE resource ADD FOREIGN KEY (last_run_id) REFERENCES run;
-- A run that is pruned is looked for in both: without these, each costs two scans of all resources.
CREATE INDEX resource_by_current_run ON resource (current_run_id) WHERE current_run_id IS NOT NULL;
CREATE INDEX resource_by_last_run ON resource (last_run_id) WHERE last_run_id IS NOT NULL;
-- One live run a resource, whatever else goes wrong.
CREATE UNIQUE INDEX run_one_live_per_resource ON run (resource_id)
    WHERE status IN ('pending', 'queued', 'running', 'suspended');
-- Promote reads each team's head of line from this one; it stays flat however many wait behind.
CREATE INDEX run_ready ON run (queue, team, priority DESC, id) WHERE status = 'pending' AND reason IS NULL;
CREATE INDEX run_blocked ON run (id) WHERE status = 'pending' AND reason IS NOT NULL;
CREATE INDEX run_suspended ON run (suspended_until) WHERE status = 'suspended';
CREATE INDEX run_cancelling ON run (id) WHERE cancel_requested_at IS NOT NULL AND status IN ('pending', 'queued', 'running', 'suspended');
CREATE INDEX run_retry_of ON run (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX run_in_flight ON run (queue, team) WHERE status IN ('queued', 'running');
CREATE INDEX run_queued ON run (queue, ticket_sent_at) WHERE status = 'queued';
CREATE INDEX run_leased ON run (lease_until) WHERE status = 'running';
CREATE INDEX run_by_worker ON run (lease_worker_id) WHERE status = 'running';
CREATE INDEX run_deadline ON run (deadline_at) WHERE status IN ('pending', 'queued', 'running', 'suspended') AND deadline_at IS NOT NULL;
CREATE INDEX run_by_resource ON run (resource_id, id);
CREATE INDEX run_by_application ON run (application_id, id);
CREATE INDEX run_by_status ON run (status, id);
CREATE INDEX run_finished ON run (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX run_finished_by_queue ON run (queue, finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE step (
    id              uuid        PRIMARY KEY,
    run_id          uuid        NOT NULL REFERENCES run ON DELETE CASCADE,
    name            text        NOT NULL,
    position        integer     NOT NULL,
    type            text        NOT NULL,
    status          text        NOT NULL DEFAULT 'pending' CHECK (status IN
                    ('pending', 'running', 'waiting', 'completed', 'failed', 'skipped', 'cancelled')),
    -- Attempts that ended by the step's own doing; what infrastructure took is in the run's losses.
    attempts        smallint    NOT NULL DEFAULT 0,
    -- Tries begun, lost ones too: numbers the attempt rows and names the container.
    tries           smallint    NOT NULL DEFAULT 0,
    not_before      timestamptz,
    -- Stable over retries and rescues, inherited by a retry of the run.
    idempotency_key text        NOT NULL,
    inherited_from  uuid,
    checkpoint      jsonb,
    exit_code       integer,
    outputs         jsonb       NOT NULL DEFAULT '{}',
    sensitive_outputs text[]    NOT NULL DEFAULT '{}',
    error_code      text,
    error_message   text,
    started_at      timestamptz,
    finished_at     timestamptz,
    UNIQUE (run_id, name),
    CHECK ((finished_at IS NOT NULL) = (status IN ('completed', 'failed', 'skipped', 'cancelled'))),
    CHECK ((status = 'failed') = (error_code IS NOT NULL))
);

CREATE TABLE attempt (
    step_id     uuid        NOT NULL REFERENCES step ON DELETE CASCADE,
    number      smallint    NOT NULL CHECK (number > 0),
    run_id      uuid        NOT NULL,
    fence       bigint      NOT NULL,
    worker_id   uuid        NOT NULL,
    -- `lost`: the worker or its engine went away; says nothing about the step.
    status      text        NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'completed', 'failed', 'cancelled', 'lost')),
    image       text        NOT NULL DEFAULT '',
    exit_code   integer,
    oom_killed  boolean     NOT NULL DEFAULT false,
    error_code  text,
    error_message text,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (step_id, number),
    CHECK ((finished_at IS NULL) = (status = 'running'))
);
CREATE INDEX attempt_by_run ON attempt (run_id);
