-- Who goes first: classes of runs that age, shares of teams, limits, freezes; and why each run waits.

ALTER TABLE team
    -- What share of the slots of a queue it has, beside those of the others that wait.
    ADD COLUMN weight smallint NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 1000);

-- How waiting makes up for a lower class and a lower priority. Written by the scheduler, from its configuration.
CREATE TABLE ageing (
    one           boolean  PRIMARY KEY DEFAULT true CHECK (one),
    -- How long a run waits until it is as one of the class interactive.
    batch_after   interval NOT NULL DEFAULT '10 minutes' CHECK (batch_after >= '0'),
    drift_after   interval NOT NULL DEFAULT '1 hour' CHECK (drift_after >= batch_after),
    -- What one point of priority is worth.
    priority_step interval NOT NULL DEFAULT '6 seconds' CHECK (priority_step >= '0')
);
INSERT INTO ageing DEFAULT VALUES;

ALTER TABLE run
    -- What kind of work it is: what people wait for goes before batches, and those before looks at what is there.
    ADD COLUMN class text NOT NULL DEFAULT 'interactive' CHECK (class IN ('interactive', 'batch', 'drift')),
    -- When it was made, put off by its class and drawn forward by its priority. Who has waited longest by this goes first, so
    -- nothing need be written for a run to rise, and nobody waits for ever.
    ADD COLUMN order_at timestamptz NOT NULL DEFAULT now(),
    -- What limits and freezes ask, as it was when the run was made.
    ADD COLUMN resource_type text,
    ADD COLUMN environment text,
    -- Runs of one lane are alike for every limit, freeze and share: if the first of them may not start, none may. So the heads
    -- of the lanes are all that is looked at, and what may not start is in nobody's way. Zero: made before there were lanes.
    ADD COLUMN lane uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    -- Which of its group's turns it has.
    ADD COLUMN group_turn smallint NOT NULL DEFAULT 1,
    -- Who let it start in spite of a freeze, and why.
    ADD COLUMN freeze_overridden_by text,
    ADD COLUMN freeze_overridden_why text,
    ADD CONSTRAINT run_freeze_check CHECK ((freeze_overridden_by IS NULL) = (freeze_overridden_why IS NULL));

-- One range a lane, in the order in which its runs go.
CREATE INDEX run_line ON run (queue, team, lane, order_at, id) WHERE status = 'pending' AND reason IS NULL;
CREATE INDEX run_ready_since ON run (queue, waiting_since) WHERE status = 'pending' AND reason IS NULL;
CREATE INDEX run_without_lane ON run (id)
    WHERE lane = '00000000-0000-0000-0000-000000000000' AND status IN ('pending', 'queued', 'running', 'suspended');
-- Nothing reads by it any more.
DROP INDEX run_ready;
-- A group of a size has that many turns, and still no turn is had twice.
DROP INDEX run_one_turn_per_group;
CREATE UNIQUE INDEX run_one_per_turn_of_group ON run (concurrency_group, group_turn)
    WHERE concurrency_group IS NOT NULL AND status IN ('pending', 'queued', 'running', 'suspended') AND reason IS DISTINCT FROM 'ConcurrencyGroup';

-- Whether a freeze is about it: it changes something, and nobody let it start in spite of one.
CREATE FUNCTION may_be_frozen(r run) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT r.operation <> 'read' AND r.kind <> 'preview' AND r.freeze_overridden_by IS NULL
$$;

CREATE FUNCTION place_run() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    SELECT NEW.created_at + CASE NEW.class WHEN 'interactive' THEN interval '0' WHEN 'batch' THEN a.batch_after ELSE a.drift_after END
           - NEW.priority * a.priority_step
    INTO NEW.order_at FROM ageing a;
    IF NEW.resource_id IS NOT NULL THEN
        SELECT r.type, coalesce(r.labels ->> 'env', a.labels ->> 'env') INTO NEW.resource_type, NEW.environment
        FROM resource r LEFT JOIN application a ON a.id = coalesce(NEW.application_id, r.application_id) WHERE r.id = NEW.resource_id;
    ELSIF NEW.application_id IS NOT NULL THEN
        SELECT a.labels ->> 'env' INTO NEW.environment FROM application a WHERE a.id = NEW.application_id;
    END IF;
    -- What a run starts goes on as that one does.
    IF TG_OP = 'INSERT' AND NEW.parent_run_id IS NOT NULL THEN
        SELECT above.freeze_overridden_by, above.freeze_overridden_why INTO NEW.freeze_overridden_by, NEW.freeze_overridden_why
        FROM run above WHERE above.id = NEW.parent_run_id;
    END IF;
    NEW.lane := md5(concat_ws(E'\x1f', coalesce(NEW.application_id::text, ''), coalesce(NEW.resource_type, ''), NEW.provider,
                              coalesce(NEW.environment, ''), may_be_frozen(NEW)))::uuid;
    RETURN NEW;
END $$;
CREATE TRIGGER place_run BEFORE INSERT OR UPDATE OF class, priority, lane, freeze_overridden_by ON run
    FOR EACH ROW EXECUTE FUNCTION place_run();

-- What may run at once, over all queues; of a queue or a group: in it.
CREATE TABLE run_limit (
    kind          text        NOT NULL CHECK (kind IN ('team', 'type', 'provider', 'queue', 'group')),
    name          text        NOT NULL CHECK (length(name) BETWEEN 1 AND 253),
    most          integer     NOT NULL CHECK (most BETWEEN 0 AND 10000 AND (kind <> 'group' OR most <= 1000)),
    reason        text        NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
    made_by       text        NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    -- Since when as many run; null: fewer do. Not kept for groups, which have a reason of their own.
    reached_since timestamptz,
    PRIMARY KEY (kind, name)
);

-- Times in which nothing is to be changed.
CREATE TABLE freeze_window (
    id          uuid        PRIMARY KEY,
    name        text        NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 63),
    -- Of all, when there is none.
    team        text,
    environment text,
    -- Again and again: at the times that this names, in that time zone, for so long.
    cron        text,
    time_zone   text,
    duration_s  integer     CHECK (duration_s BETWEEN 60 AND 2678400),
    -- Or once.
    starts_at   timestamptz,
    ends_at     timestamptz CHECK (ends_at > starts_at),
    reason      text        NOT NULL DEFAULT '' CHECK (length(reason) <= 500),
    made_by     text        NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now(),
    -- The time that is on, or else the next one; null: there is none any more. Kept by the scheduler, ahead of time, so that
    -- it begins and ends when it should.
    open_from   timestamptz,
    open_until  timestamptz CHECK (open_until > open_from),
    CHECK ((cron IS NULL) = (duration_s IS NULL) AND (cron IS NULL) = (time_zone IS NULL)),
    CHECK ((cron IS NULL) = (starts_at IS NOT NULL) AND (cron IS NULL) = (ends_at IS NOT NULL)),
    CHECK ((open_from IS NULL) = (open_until IS NULL))
);
CREATE INDEX freeze_window_open ON freeze_window (open_until);

ALTER TABLE queue
    DROP CONSTRAINT queue_wait_reason_check,
    ADD CONSTRAINT queue_wait_reason_check
        CHECK (wait_reason IN ('NoWorkerForQueue', 'QueueFull', 'QueueLimit', 'Fairness', 'QueuePaused')),
    -- Of the teams that wait for a slot of a full queue, what the one has that has least of it: slots by weight.
    ADD COLUMN least_share double precision;

-- Whether a freeze that is on is about runs like these.
CREATE FUNCTION is_frozen(of_team text, of_environment text, freezable boolean) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT freezable AND EXISTS (SELECT FROM freeze_window f
                                 WHERE f.open_from <= now() AND f.open_until > now() AND (f.team IS NULL OR f.team = of_team)
                                   AND (f.environment IS NULL OR f.environment = of_environment))
$$;

-- The head of a lane.
CREATE TYPE ready_line AS (
    team text, lane uuid, application_id uuid, resource_type text, provider text, environment text, freezable boolean,
    order_at timestamptz, place integer
);

-- The heads of the lanes of a queue. Steps from lane to lane through the index, however many runs each has. Of a team that has more
-- lanes than a few, some of the others are looked at besides, other ones each time: so a pass stays short whatever there is.
CREATE FUNCTION ready_lines(of_queue text) RETURNS SETOF ready_line
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    RETURN QUERY
    WITH RECURSIVE start AS MATERIALIZED (SELECT gen_random_uuid() AS lane),
    walk AS (
        (SELECT (r.team, r.lane, r.application_id, r.resource_type, r.provider, r.environment, may_be_frozen(r), r.order_at, 1)::ready_line AS its
         FROM run r WHERE r.queue = of_queue AND r.status = 'pending' AND r.reason IS NULL
         ORDER BY r.team, r.lane, r.order_at, r.id LIMIT 1)
        UNION ALL
        SELECT next.its FROM walk CROSS JOIN LATERAL (
            SELECT (r.team, r.lane, r.application_id, r.resource_type, r.provider, r.environment, may_be_frozen(r), r.order_at,
                    CASE WHEN r.team = (walk.its).team THEN (walk.its).place + 1 ELSE 1 END)::ready_line AS its
            FROM run r
            WHERE r.queue = of_queue AND r.status = 'pending' AND r.reason IS NULL
              AND (r.team, r.lane) > ((walk.its).team,
                                      CASE WHEN (walk.its).place < 16 THEN (walk.its).lane ELSE 'ffffffff-ffff-ffff-ffff-ffffffffffff' END)
            ORDER BY r.team, r.lane, r.order_at, r.id LIMIT 1) next),
    many AS MATERIALIZED (SELECT (walk.its).team, (walk.its).lane, 10000 / count(*) OVER () AS most FROM walk WHERE (walk.its).place = 16),
    more AS (
        SELECT next.its, many.most FROM many CROSS JOIN start CROSS JOIN LATERAL (
            SELECT (r.team, r.lane, r.application_id, r.resource_type, r.provider, r.environment, may_be_frozen(r), r.order_at, 17)::ready_line AS its
            FROM run r
            WHERE r.queue = of_queue AND r.status = 'pending' AND r.reason IS NULL
              AND r.team = many.team AND r.lane > greatest(many.lane, start.lane)
            ORDER BY r.team, r.lane, r.order_at, r.id LIMIT 1) next
        UNION ALL
        SELECT next.its, more.most FROM more CROSS JOIN LATERAL (
            SELECT (r.team, r.lane, r.application_id, r.resource_type, r.provider, r.environment, may_be_frozen(r), r.order_at,
                    (more.its).place + 1)::ready_line AS its
            FROM run r
            WHERE r.queue = of_queue AND r.status = 'pending' AND r.reason IS NULL
              AND r.team = (more.its).team AND r.lane > (more.its).lane AND (more.its).place < more.most
            ORDER BY r.team, r.lane, r.order_at, r.id LIMIT 1) next)
    SELECT (walk.its).* FROM walk UNION ALL SELECT (more.its).* FROM more;
END $$;

-- What may still start of what limits bound, over all queues. Counted from what is queued or runs: no more than there are slots.
CREATE FUNCTION limit_rooms() RETURNS TABLE (kind text, name text, room bigint)
LANGUAGE sql STABLE AS $$
    WITH flying AS MATERIALIZED (
        SELECT r.team, r.resource_type, r.provider, count(*) AS runs FROM run r WHERE r.status IN ('queued', 'running') GROUP BY 1, 2, 3)
    SELECT l.kind, l.name, l.most - coalesce((
               SELECT sum(f.runs) FROM flying f
               WHERE l.name = CASE l.kind WHEN 'team' THEN f.team WHEN 'type' THEN f.resource_type ELSE f.provider END), 0)::bigint
    FROM run_limit l WHERE l.kind IN ('team', 'type', 'provider')
$$;

-- Those of the lanes that nothing holds, with what their teams have of the queue and what limits leave to them. Joins by hash: nobody
-- can foretell how many there are.
CREATE FUNCTION open_lines(queue_name text, lines ready_line[], held text[], mine boolean)
RETURNS TABLE (team text, lane uuid, application_id uuid, resource_type text, provider text, order_at timestamptz, weight double precision,
               runs bigint, team_room bigint, type_room bigint, provider_room bigint)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_nestloop = off
SET jit = off
AS $$
DECLARE
    -- Whether there are limits over all queues.
    bounded boolean := EXISTS (SELECT FROM run_limit l WHERE l.kind IN ('team', 'type', 'provider'));
    freezing boolean := EXISTS (SELECT FROM freeze_window f WHERE f.open_from <= now() AND f.open_until > now());
BEGIN
    RETURN QUERY
    WITH busy AS MATERIALIZED (SELECT r.team, count(*) AS runs FROM run r
                               WHERE r.queue = queue_name AND r.status IN ('queued', 'running') GROUP BY 1),
    -- While another scheduler decides about what is bounded over all queues, nothing of it is left here.
    rooms AS MATERIALIZED (SELECT l.kind, l.name, CASE WHEN mine THEN l.room ELSE 0 END AS room FROM limit_rooms() l WHERE bounded)
    SELECT l.team, l.lane, l.application_id, l.resource_type, l.provider, l.order_at, coalesce(t.weight, 1)::double precision,
           coalesce(b.runs, 0), of_team.room, of_type.room, of_provider.room
    FROM UNNEST(lines) l
    LEFT JOIN team t ON t.name = l.team
    LEFT JOIN busy b ON b.team = l.team
    LEFT JOIN rooms of_team ON of_team.kind = 'team' AND of_team.name = l.team
    LEFT JOIN rooms of_type ON of_type.kind = 'type' AND of_type.name = l.resource_type
    LEFT JOIN rooms of_provider ON of_provider.kind = 'provider' AND of_provider.name = l.provider
    WHERE l.team <> ALL (held)
      AND least(of_team.room, of_type.room, of_provider.room) > 0 IS NOT FALSE
      AND NOT (freezing AND is_frozen(l.team, l.environment, l.freezable));
END $$;

-- Who gets the free slots: by class, then between teams by their share of the slots in use, then between the applications of a team by
-- theirs, then by age. Fewer than could be when limits get in each other's way; the next pass gives the others then.
CREATE FUNCTION choose_runs(queue_name text, lines ready_line[], slots bigint, held text[], mine boolean, capped text[], room bigint[])
RETURNS uuid[]
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_nestloop = off
SET jit = off
AS $$
DECLARE
    -- Runs rise by waiting: who should have had a turn by now is as one that people wait for, who should have one until then as one
    -- of a batch.
    soon timestamptz := now() + (SELECT a.batch_after FROM ageing a);
BEGIN
    RETURN ARRAY(
        WITH busy AS MATERIALIZED (SELECT r.team, coalesce(r.application_id::text, '') AS application, count(*) AS runs FROM run r
                                   WHERE r.queue = queue_name AND r.status IN ('queued', 'running') GROUP BY 1, 2),
        line AS MATERIALIZED (
            SELECT l.*, CASE WHEN l.order_at <= now() THEN 0 WHEN l.order_at <= soon THEN 1 ELSE 2 END AS rank
            FROM open_lines(queue_name, lines, held, mine) l),
        -- The next slot is for the team that has least of them; so only so many teams can get one as there are slots.
        team_first AS MATERIALIZED (
            SELECT l.team, l.weight, l.runs, min(l.rank) AS rank, (l.runs + 1) / l.weight AS share
            FROM line l GROUP BY l.team, l.weight, l.runs
            ORDER BY min(l.rank), (l.runs + 1) / l.weight, min(l.order_at) LIMIT slots),
        -- And a team gets a second one only after all that have less by then have one.
        turn AS (
            SELECT f.team, f.rank, f.share, false AS second FROM team_first f
            UNION ALL SELECT f.team, f.rank, (f.runs + 2) / f.weight, true FROM team_first f),
        most_of AS MATERIALIZED (
            SELECT t.team, greatest(1, slots - t.before + 1) AS slots
            FROM (SELECT turn.*, count(*) FILTER (WHERE NOT turn.second)
                                 OVER (ORDER BY turn.rank, turn.share RANGE UNBOUNDED PRECEDING EXCLUDE GROUP) AS before FROM turn) t
            WHERE t.second),
        lane AS MATERIALIZED (
            SELECT l.*, row_number() OVER (PARTITION BY l.team ORDER BY l.rank, l.app_runs + l.app_lane, l.order_at) AS lane_place
            FROM (SELECT l.*, m.slots, coalesce(b.runs, 0) AS app_runs,
                         row_number() OVER (PARTITION BY l.team, l.application_id ORDER BY l.order_at) AS app_lane
                  FROM line l JOIN most_of m ON m.team = l.team
                  LEFT JOIN busy b ON b.team = l.team AND b.application = coalesce(l.application_id::text, '')) l),
        candidate AS (
            SELECT lane.team, lane.weight, lane.runs, lane.application_id, lane.app_runs, lane.resource_type, lane.provider, lane.slots,
                   lane.team_room, lane.type_room, lane.provider_room, first.id, first.order_at,
                   CASE WHEN first.order_at <= now() THEN 0 WHEN first.order_at <= soon THEN 1 ELSE 2 END AS rank
            FROM lane CROSS JOIN LATERAL (
                SELECT r.id, r.order_at FROM run r
                WHERE r.queue = queue_name AND r.team = lane.team AND r.lane = lane.lane AND r.status = 'pending' AND r.reason IS NULL
                ORDER BY r.order_at, r.id LIMIT lane.slots) first
            WHERE lane.lane_place <= 2 * lane.slots),
        of_app AS (SELECT c.*, c.app_runs + row_number() OVER (PARTITION BY c.team, c.application_id ORDER BY c.order_at, c.id) AS app_place
                   FROM candidate c),
        of_team AS (SELECT o.*, row_number() OVER (PARTITION BY o.team ORDER BY o.rank, o.app_place, o.order_at, o.id) AS place FROM of_app o),
        in_line AS (SELECT o.*, row_number() OVER (ORDER BY o.rank, (o.runs + o.place) / o.weight, o.order_at, o.id) AS number
                    FROM of_team o WHERE o.place <= o.slots),
        fitting AS (
            SELECT i.id, i.number, i.place, i.team,
                   i.team_room IS NULL OR i.place <= i.team_room AS fits_team,
                   i.type_room IS NULL OR row_number() OVER (PARTITION BY i.resource_type ORDER BY i.number) <= i.type_room AS fits_type,
                   i.provider_room IS NULL OR row_number() OVER (PARTITION BY i.provider ORDER BY i.number) <= i.provider_room AS fits_provider
            FROM in_line i)
        SELECT f.id FROM fitting f
        WHERE f.fits_team AND f.fits_type AND f.fits_provider
          AND f.place <= coalesce(room[array_position(capped, f.team)], f.place)
        ORDER BY f.number LIMIT slots);
END $$;

-- What the team has of the queue, for its weight, that has least of it, of those with runs that nothing holds but the lack of a slot;
-- null: there are none.
CREATE FUNCTION least_share(queue_name text, lines ready_line[], held text[], mine boolean) RETURNS double precision
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    RETURN (SELECT l.share
            FROM (SELECT o.team, o.lane, o.runs / o.weight AS share FROM open_lines(queue_name, lines, held, mine) o ORDER BY 3 OFFSET 0) l
            -- Its runs may have got slots since.
            CROSS JOIN LATERAL (SELECT FROM run r WHERE r.queue = queue_name AND r.team = l.team AND r.lane = l.lane
                                                    AND r.status = 'pending' AND r.reason IS NULL LIMIT 1) ready
            ORDER BY l.share LIMIT 1);
END $$;

-- As before, and: by class, then between teams by their share of the slots in use, then between the applications of a team by theirs,
-- then by age. What a limit or a freeze holds stays where it is, and is in nobody's way.
CREATE OR REPLACE FUNCTION promote_queue(queue_name text, worker_gone_after interval, most bigint)
RETURNS TABLE (run_id uuid, fence bigint)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    workers bigint;
    slots bigint;
    running bigint;
    queued bigint;
    in_flight bigint;
    allowed bigint;
    free bigint;
    given bigint := 0;
    chosen uuid[];
    lines ready_line[];
    why text;
    detail text;
    share double precision;
    -- Teams whose quotas bound their runs; those of them of which none may start; and what the others of them may start.
    limited text[] := ARRAY(SELECT t.name FROM team t WHERE t.max_runs IS NOT NULL OR t.max_cpu_minutes IS NOT NULL
                                                         OR t.max_log_bytes IS NOT NULL OR t.max_storage_bytes IS NOT NULL);
    held text[] := limited;
    capped text[] := '{}';
    room bigint[] := '{}';
    mine boolean := false;
    -- Whether there are limits over all queues.
    bounded boolean := EXISTS (SELECT FROM run_limit l WHERE l.kind IN ('team', 'type', 'provider'));
    held_back queue;
BEGIN
    -- Free slots must not be given twice. Another scheduler that holds the lock does the work.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('promote:' || queue_name, 0)) THEN
        RETURN;
    END IF;
    SELECT * INTO held_back FROM queue q WHERE q.name = queue_name AND q.paused_at IS NOT NULL;
    IF FOUND THEN
        -- Its wait_reason was set when it was paused. What runs goes on; of a drain it is told when that is over.
        IF held_back.draining AND held_back.drained_at IS NULL
           AND NOT EXISTS (SELECT FROM run r WHERE r.queue = queue_name AND r.status IN ('queued', 'running')) THEN
            UPDATE queue q SET drained_at = now() WHERE q.name = queue_name;
            INSERT INTO event (type, data) VALUES ('queue.drained', jsonb_build_object('queue', queue_name));
        END IF;
        RETURN;
    END IF;
    -- A team's quota is one over all queues, and so are limits: they are given under one lock. While another scheduler holds it, what
    -- they bound is that one's work.
    IF (limited <> '{}' OR bounded) AND pg_try_advisory_xact_lock(hashtextextended('promote:quotas', 0)) THEN
        mine := true;
        held := ARRAY(SELECT h.team FROM teams_held() h);
        SELECT coalesce(array_agg(t.name), '{}'), coalesce(array_agg(t.max_runs - runs_in_flight(t.name)), '{}') INTO capped, room
        FROM team t WHERE t.max_runs IS NOT NULL;
    END IF;
    WITH live AS (SELECT w.id, w.slots FROM worker w
                  WHERE w.state = 'active' AND w.asked = 'serve' AND queue_name = ANY (w.queues) AND w.heartbeat_at > now() - worker_gone_after)
    SELECT (SELECT count(*) FROM live), (SELECT coalesce(sum(live.slots), 0) FROM live),
           (SELECT count(*) FROM run r JOIN live ON r.lease_worker_id = live.id WHERE r.status = 'running'),
           (SELECT count(*) FROM run r WHERE r.queue = queue_name AND r.status = 'queued'),
           (SELECT count(*) FROM run r WHERE r.queue = queue_name AND r.status IN ('queued', 'running')),
           (SELECT l.most FROM run_limit l WHERE l.kind = 'queue' AND l.name = queue_name)
    INTO workers, slots, running, queued, in_flight, allowed;
    -- One ticket where there is no worker, so that a scaler sees the work.
    free := CASE WHEN workers = 0 THEN 1 - queued ELSE slots - running - queued END;
    lines := ARRAY(SELECT its FROM ready_lines(queue_name) its);
    IF least(free, allowed - in_flight, most) > 0 AND lines <> '{}' THEN
        chosen := choose_runs(queue_name, lines, least(free, allowed - in_flight, most), held, mine, capped, room);
        RETURN QUERY
        -- One that someone is cancelling is left to the next pass: it must not hold up the others.
        WITH locked AS (SELECT r.id FROM run r WHERE r.id = ANY (chosen) AND r.status = 'pending' AND r.reason IS NULL
                        ORDER BY r.id FOR NO KEY UPDATE OF r SKIP LOCKED)
        UPDATE run SET status = 'queued', queued_at = now(), ticket_sent_at = now()
        FROM locked WHERE run.id = locked.id
        RETURNING run.id, run.fence;
        GET DIAGNOSTICS given = ROW_COUNT;
    END IF;
    -- What the others wait for is the same for all of them, so it is one row, written when it changes. It is not what those
    -- wait for whose team is at its quota now, or that a limit or a freeze holds.
    IF mine THEN
        held := ARRAY(SELECT h.team FROM teams_held() h);
    END IF;
    IF lines <> '{}' THEN
        share := least_share(queue_name, lines, held, mine);
    END IF;
    IF share IS NULL THEN
        NULL;
    ELSIF in_flight + given >= allowed THEN
        why := 'QueueLimit';
        detail := format('queue ''%s'' runs the %s that it may at once', queue_name, allowed);
    ELSIF workers = 0 THEN
        why := 'NoWorkerForQueue';
        detail := format('no live worker serves queue ''%s''', queue_name);
    ELSIF given >= free THEN
        why := 'QueueFull';
        detail := format('all %s slots of %s worker(s) are taken', slots, workers);
    END IF;
    UPDATE queue SET wait_reason = why, wait_detail = detail, least_share = share,
           wait_since = CASE WHEN wait_reason IS NOT DISTINCT FROM why THEN wait_since ELSE now() END
    WHERE name = queue_name AND (wait_reason, wait_detail, least_share) IS DISTINCT FROM (why, detail, share);
END $$;

-- What ready runs like these wait for. Of several things the one that would hold them longest.
CREATE FUNCTION ready_wait(of_queue text, of_team text, of_type text, of_provider text, of_environment text, freezable boolean)
RETURNS TABLE (code text, detail text, since timestamptz, blocker text, named text)
LANGUAGE sql STABLE AS $$
    SELECT why.code, why.detail, why.since, why.blocker, why.named FROM (
        SELECT 1 AS place, 'QueuePaused' AS code, q.wait_detail AS detail, q.paused_at AS since, 'queue' AS blocker, q.name AS named,
               NULL::timestamptz AS until
        FROM queue q WHERE q.name = of_queue AND q.paused_at IS NOT NULL
        UNION ALL
        SELECT 2, 'FreezeWindow',
               format('freeze ''%s'' is on until %sZ%s', f.name, to_char(f.open_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS'),
                      CASE WHEN f.reason = '' THEN '' ELSE ': ' || f.reason END),
               f.open_from, 'freeze', f.name, f.open_until
        FROM freeze_window f
        WHERE freezable AND f.open_from <= now() AND f.open_until > now() AND (f.team IS NULL OR f.team = of_team)
          AND (f.environment IS NULL OR f.environment = of_environment)
        UNION ALL
        SELECT 3, 'TeamQuota', w.detail, w.since, 'team', w.team, NULL FROM team_wait w WHERE w.team = of_team
        UNION ALL
        SELECT 4, CASE l.kind WHEN 'team' THEN 'TeamLimit' WHEN 'type' THEN 'TypeLimit' ELSE 'ProviderLimit' END,
               format('at most %s run(s) of %s ''%s'' go at once, and as many do', l.most, l.kind, l.name), l.reached_since, 'limit',
               l.kind || '/' || l.name, NULL
        FROM run_limit l
        WHERE l.reached_since IS NOT NULL
          AND (l.kind = 'team' AND l.name = of_team OR l.kind = 'type' AND l.name = of_type OR l.kind = 'provider' AND l.name = of_provider)
        UNION ALL
        SELECT 5, CASE WHEN its.fair THEN 'Fairness' ELSE q.wait_reason END,
               CASE WHEN its.fair THEN format('team ''%s'' has %s of the slots of queue ''%s'', and teams that have less go first', of_team, its.runs, q.name)
                    ELSE q.wait_detail END,
               q.wait_since, CASE WHEN its.fair THEN 'team' WHEN q.wait_reason = 'QueueLimit' THEN 'limit' ELSE 'queue' END,
               CASE WHEN its.fair THEN of_team WHEN q.wait_reason = 'QueueLimit' THEN 'queue/' || q.name ELSE q.name END, NULL
        FROM queue q
        CROSS JOIN LATERAL (
            SELECT used.runs, q.wait_reason = 'QueueFull'
                   AND used.runs / coalesce((SELECT t.weight FROM team t WHERE t.name = of_team), 1)::double precision > q.least_share AS fair
            FROM (SELECT count(*) AS runs FROM run r
                  WHERE r.queue = of_queue AND r.team = of_team AND r.status IN ('queued', 'running')) used) its
        WHERE q.name = of_queue AND q.wait_reason IS NOT NULL
        UNION ALL
        SELECT 9, 'Promoting', NULL, NULL, NULL, NULL, NULL) why
    ORDER BY why.place, why.until DESC NULLS LAST, why.since LIMIT 1
$$;

-- The runs of a queue that are pending or suspended, by team and reason, exactly. Sums serve as long as all ready runs of a team wait
-- for the same; while a limit or a freeze holds some of them, those are counted by lane.
CREATE FUNCTION waiting_counts(of_queue text) RETURNS TABLE (team text, code text, runs bigint)
LANGUAGE plpgsql STABLE
SET jit = off
AS $$
BEGIN
    RETURN QUERY SELECT c.team, c.reason, sum(c.runs)::bigint FROM run_count c
                 WHERE c.queue = of_queue AND c.status IN ('pending', 'suspended') AND c.reason <> '' GROUP BY 1, 2 HAVING sum(c.runs) > 0;
    IF EXISTS (SELECT FROM run_limit l WHERE l.reached_since IS NOT NULL)
       OR EXISTS (SELECT FROM freeze_window f WHERE f.open_from <= now() AND f.open_until > now()) THEN
        RETURN QUERY
        WITH lane AS MATERIALIZED (SELECT r.team, r.lane, count(*) AS runs FROM run r
                                   WHERE r.queue = of_queue AND r.status = 'pending' AND r.reason IS NULL GROUP BY 1, 2),
        alike AS MATERIALIZED (
            SELECT lane.team, its.resource_type, its.provider, its.environment, its.freezable, sum(lane.runs)::bigint AS runs
            FROM lane CROSS JOIN LATERAL (
                SELECT r.resource_type, r.provider, r.environment, may_be_frozen(r) AS freezable FROM run r
                WHERE r.queue = of_queue AND r.team = lane.team AND r.lane = lane.lane AND r.status = 'pending' AND r.reason IS NULL
                ORDER BY r.order_at, r.id LIMIT 1) its
            GROUP BY 1, 2, 3, 4, 5)
        SELECT a.team, why.code, sum(a.runs)::bigint
        FROM alike a CROSS JOIN LATERAL ready_wait(of_queue, a.team, a.resource_type, a.provider, a.environment, a.freezable) why
        GROUP BY 1, 2;
    ELSE
        RETURN QUERY
        SELECT c.team, why.code, c.runs
        FROM (SELECT c.team, sum(c.runs)::bigint AS runs FROM run_count c
              WHERE c.queue = of_queue AND c.status = 'pending' AND c.reason = '' GROUP BY 1 HAVING sum(c.runs) > 0) c
        CROSS JOIN LATERAL ready_wait(of_queue, c.team, NULL, NULL, NULL, false) why;
    END IF;
END $$;

-- Notes since when limits over all queues are reached.
CREATE FUNCTION tell_reached_limits() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM run_limit l WHERE l.kind IN ('team', 'type', 'provider'))
       OR NOT pg_try_advisory_xact_lock(hashtextextended('promote:quotas', 0)) THEN
        RETURN;
    END IF;
    UPDATE run_limit l SET reached_since = CASE WHEN its.room <= 0 THEN now() END
    FROM limit_rooms() its
    WHERE its.kind = l.kind AND its.name = l.name AND (its.room <= 0) <> (l.reached_since IS NOT NULL);
END $$;

-- As before, and: a group of a size has that many turns.
CREATE OR REPLACE FUNCTION promote_groups() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- A turn must not be given twice. Another scheduler that holds the lock does the work.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('promote:groups', 0)) THEN
        RETURN;
    END IF;
    -- Steps from group to group through the index, however many runs each has.
    WITH RECURSIVE waiting AS (
        (SELECT r.concurrency_group AS name FROM run r
         WHERE r.concurrency_group IS NOT NULL AND r.status = 'pending' AND r.reason = 'ConcurrencyGroup'
         ORDER BY r.concurrency_group LIMIT 1)
        UNION ALL
        SELECT (SELECT r.concurrency_group FROM run r
                WHERE r.concurrency_group > waiting.name AND r.status = 'pending' AND r.reason = 'ConcurrencyGroup'
                ORDER BY r.concurrency_group LIMIT 1)
        FROM waiting WHERE waiting.name IS NOT NULL),
    taken AS MATERIALIZED (
        SELECT waiting.name, coalesce(l.most, 1) AS most,
               ARRAY(SELECT r.group_turn::int FROM run r
                     WHERE r.concurrency_group = waiting.name AND r.status IN ('pending', 'queued', 'running', 'suspended')
                       AND r.reason IS DISTINCT FROM 'ConcurrencyGroup') AS turns
        FROM waiting LEFT JOIN run_limit l ON l.kind = 'group' AND l.name = waiting.name WHERE waiting.name IS NOT NULL),
    turn AS (
        SELECT taken.name, free.number, row_number() OVER (PARTITION BY taken.name ORDER BY free.number) AS place
        FROM taken CROSS JOIN LATERAL (
            SELECT number FROM generate_series(1, taken.most) number WHERE number <> ALL (taken.turns)
            ORDER BY number LIMIT greatest(taken.most - cardinality(taken.turns), 0)) free),
    oldest AS (
        SELECT first.id, turn.number
        FROM (SELECT turn.name, count(*) AS free FROM turn GROUP BY 1) its
        -- Written as a range, so that only the index of the group's line is in this order: the planner likes to walk all blocked runs.
        CROSS JOIN LATERAL (
            SELECT line.id, row_number() OVER () AS place
            FROM (SELECT r.id FROM run r WHERE r.concurrency_group BETWEEN its.name AND its.name
                                           AND r.status = 'pending' AND r.reason = 'ConcurrencyGroup'
                  ORDER BY r.concurrency_group, r.id LIMIT its.free) line) first
        JOIN turn ON turn.name = its.name AND turn.place = first.place),
    -- One that someone is cancelling is left to the next pass.
    locked AS (SELECT r.id, oldest.number FROM run r JOIN oldest ON oldest.id = r.id WHERE r.status = 'pending' AND r.reason = 'ConcurrencyGroup'
               ORDER BY r.id FOR NO KEY UPDATE OF r SKIP LOCKED)
    UPDATE run SET reason = NULL, reason_detail = NULL, waiting_since = now(), group_turn = locked.number FROM locked WHERE run.id = locked.id;
END $$;

CREATE OR REPLACE FUNCTION promote(worker_gone_after interval, most bigint)
RETURNS TABLE (queue_name text, run_id uuid, fence bigint)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
    -- Runs of the release before are given lanes, some at a time.
    UPDATE run SET lane = run.lane
    FROM (SELECT r.id FROM run r WHERE r.lane = '00000000-0000-0000-0000-000000000000' AND r.status IN ('pending', 'queued', 'running', 'suspended')
          ORDER BY r.id LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED) old
    WHERE run.id = old.id;
    -- Statements of their own: what follows sees who has a turn now, and what was promoted.
    PERFORM promote_groups();
    RETURN QUERY
    -- Steps from queue to queue through the index, however many runs each has.
    WITH RECURSIVE ready AS (
        (SELECT r.queue FROM run r WHERE r.status = 'pending' AND r.reason IS NULL ORDER BY r.queue LIMIT 1)
        UNION ALL
        SELECT (SELECT r.queue FROM run r WHERE r.status = 'pending' AND r.reason IS NULL AND r.queue > ready.queue ORDER BY r.queue LIMIT 1)
        FROM ready WHERE ready.queue IS NOT NULL),
    named AS (SELECT ready.queue AS name FROM ready WHERE ready.queue IS NOT NULL
              UNION SELECT q.name FROM queue q WHERE q.wait_reason IS NOT NULL)
    SELECT named.name, promoted.run_id, promoted.fence FROM named, promote_queue(named.name, worker_gone_after, most) promoted;
    PERFORM tell_held_teams();
    PERFORM tell_reached_limits();
END $$;

-- When the run that has waited longest for a slot of the queue began to.
CREATE OR REPLACE FUNCTION oldest_ready(of_queue text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT min(r.waiting_since) FROM run r WHERE r.queue = of_queue AND r.status = 'pending' AND r.reason IS NULL
$$;
-- Those were settings of what it was before.
ALTER FUNCTION oldest_ready(text) RESET ALL;

SELECT grant_roles();
