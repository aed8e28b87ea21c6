-- What a run's files take is counted when its worker lets go of it, once a run. Counted with each step, it cost as much as all
-- the rest of what is recorded about the step, the more the longer the run: every step of the run was looked at.

DROP TRIGGER count_checkpoint ON step;
DROP FUNCTION count_checkpoint();
DROP TRIGGER count_completed ON run;
DROP TRIGGER count_forgotten ON run;
DROP FUNCTION count_gone();
DROP FUNCTION workspace_bytes(uuid, uuid, jsonb, timestamptz);

-- Bytes that the archive keeps of the checkpoints that a run itself made; those that it took over from another run are counted
-- there. As domain::checkpoint has it: the newest of the shared workspace always, of those before it 32 and a GiB at most.
CREATE FUNCTION workspace_bytes(of_run uuid) RETURNS bigint
LANGUAGE sql STABLE AS $$
    WITH own AS (
        SELECT (s.checkpoint ->> 'bytes')::bigint AS bytes, coalesce(s.checkpoint ->> 'shared' = 'true', false) AS shared, s.finished_at AS at, s.position
        FROM step s WHERE s.run_id = of_run AND starts_with(s.checkpoint ->> 'key', 'workspaces/' || of_run)),
    lined AS (
        SELECT own.bytes, own.shared, row_number() OVER newest_first AS place,
               sum(own.bytes) OVER newest_first - first_value(own.bytes) OVER newest_first AS older
        FROM own WINDOW newest_first AS (PARTITION BY own.shared ORDER BY own.at DESC, own.position DESC ROWS UNBOUNDED PRECEDING))
    SELECT coalesce(sum(lined.bytes) FILTER (WHERE NOT lined.shared OR lined.place <= 33 AND lined.older <= 1073741824), 0)::bigint FROM lined
$$;

-- What of a run's files is in its team's figure.
ALTER TABLE run ADD COLUMN counted_bytes bigint NOT NULL DEFAULT 0;
UPDATE run SET counted_bytes = workspace_bytes(id) WHERE started_at IS NOT NULL AND status <> 'completed';

-- A run that completed needs its files no more.
CREATE FUNCTION count_files() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    files bigint := CASE WHEN NEW.status = 'completed' THEN 0 ELSE workspace_bytes(NEW.id) END;
BEGIN
    IF files <> OLD.counted_bytes THEN
        INSERT INTO team_usage (run_id, kind, amount) VALUES (NEW.id, 'workspace', files - OLD.counted_bytes);
        NEW.counted_bytes := files;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER count_files BEFORE UPDATE OF status ON run
    FOR EACH ROW WHEN (OLD.status = 'running' AND NEW.status <> 'running') EXECUTE FUNCTION count_files();

-- One that is forgotten leaves nothing at all.
CREATE FUNCTION count_gone() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO team_usage (team, kind, amount)
    SELECT OLD.team, 'kept_log', -l.bytes FROM log_archive l WHERE l.run_id = OLD.id
    UNION ALL SELECT OLD.team, 'workspace', -OLD.counted_bytes WHERE OLD.counted_bytes <> 0;
    RETURN OLD;
END $$;
CREATE TRIGGER count_gone BEFORE DELETE ON run
    FOR EACH ROW WHEN (OLD.started_at IS NOT NULL) EXECUTE FUNCTION count_gone();
