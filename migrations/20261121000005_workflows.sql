-- Steps that wait for people, time and other runs; loops; groups of runs that go one at a time.

ALTER TABLE run
    DROP CONSTRAINT run_kind_check,
    ADD CONSTRAINT run_kind_check CHECK (kind IN ('resource', 'golden_path', 'child', 'preview')),
    DROP CONSTRAINT run_reason_check,
    ADD CONSTRAINT run_reason_check CHECK (reason IN
        ('WaitingForDependency', 'DependencyFailed', 'BackingOff', 'WaitingForApproval', 'WaitingForStart', 'WaitingForChild', 'Delayed',
         'ConcurrencyGroup')),
    ADD COLUMN parent_run_id uuid REFERENCES run,
    ADD COLUMN parent_step_id uuid,
    -- How many runs are above it; bounded, so that workflows which start each other come to an end.
    ADD COLUMN depth smallint NOT NULL DEFAULT 0 CHECK (depth BETWEEN 0 AND 8),
    ADD COLUMN concurrency_group text,
    ADD CONSTRAINT run_child_has_parent CHECK ((kind = 'child') = (parent_run_id IS NOT NULL)),
    ADD CONSTRAINT run_parent_has_step CHECK ((parent_run_id IS NULL) = (parent_step_id IS NULL));
CREATE INDEX run_by_parent ON run (parent_run_id) WHERE parent_run_id IS NOT NULL;
CREATE INDEX run_by_root ON run (root_run_id) WHERE root_run_id <> id;
-- One live child a step, whatever else goes wrong.
CREATE UNIQUE INDEX run_one_live_per_step ON run (parent_step_id)
    WHERE parent_step_id IS NOT NULL AND status IN ('pending', 'queued', 'running', 'suspended');
-- One run of a group at a time between its ticket and its end; a suspended one keeps the group.
CREATE INDEX run_in_group ON run (concurrency_group, status)
    WHERE concurrency_group IS NOT NULL AND status IN ('pending', 'queued', 'running', 'suspended');

ALTER TABLE step
    -- Of a waiting step: {"kind": "approval" | "start" | "delay" | "child" | "resources", …}.
    ADD COLUMN wait jsonb,
    -- When the wait is over by itself: a delay's end, an approval's timeout.
    ADD COLUMN wait_until timestamptz,
    -- Who let a step with `when: manual` begin.
    ADD COLUMN released_by text,
    -- Of an element of a loop: the loop's step, the element and its number. `name` is `<parent>.<index>` then.
    ADD COLUMN parent text,
    ADD COLUMN item jsonb,
    ADD COLUMN item_index integer,
    -- What it set for the steps after it.
    ADD COLUMN variables jsonb NOT NULL DEFAULT '{}',
    ADD CONSTRAINT step_waiting_has_wait CHECK (status <> 'waiting' OR wait IS NOT NULL),
    ADD CONSTRAINT step_item_has_parent CHECK ((parent IS NULL) = (item_index IS NULL));
CREATE INDEX step_waiting ON step (wait_until, id) WHERE status = 'waiting';
CREATE INDEX step_waiting_by_kind ON step ((wait ->> 'kind'), id) WHERE status = 'waiting';

CREATE TABLE approval (
    step_id      uuid        PRIMARY KEY REFERENCES step ON DELETE CASCADE,
    run_id       uuid        NOT NULL REFERENCES run ON DELETE CASCADE,
    message      text        NOT NULL,
    -- Who may decide: anyone of one of these roles and (when there are any) of one of these teams. No roles: admins.
    roles        text[]      NOT NULL DEFAULT '{}',
    teams        text[]      NOT NULL DEFAULT '{}',
    requested_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    on_timeout   text        NOT NULL DEFAULT 'reject' CHECK (on_timeout IN ('reject', 'approve')),
    decision     text        CHECK (decision IN ('approved', 'rejected', 'expired', 'withdrawn')),
    decided_at   timestamptz,
    decided_by   text,
    reason       text,
    CHECK ((decision IS NULL) = (decided_at IS NULL))
);
CREATE INDEX approval_open ON approval (requested_at, step_id) WHERE decision IS NULL;
CREATE INDEX approval_by_run ON approval (run_id);
