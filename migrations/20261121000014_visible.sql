-- Lists show the rows of a caller's teams.
CREATE INDEX IF NOT EXISTS application_by_team ON application (team, id);
CREATE INDEX run_by_team ON run (team, id);

-- Teams beside its own for which steps of a run may ask for applications, and let them go: those that whoever started it may
-- submit for; `*`: every team.
ALTER TABLE run ADD COLUMN acts_for text[] NOT NULL DEFAULT '{}';
