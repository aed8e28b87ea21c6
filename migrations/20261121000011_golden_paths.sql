-- How long golden paths took, newest first, without a look at every other run.
CREATE INDEX run_golden_path ON run (provider, workflow, finished_at DESC)
    WHERE kind = 'golden_path' AND status = 'completed';
-- Previews are pruned within the hour.
CREATE INDEX run_preview_over ON run (finished_at) WHERE kind = 'preview' AND finished_at IS NOT NULL;
