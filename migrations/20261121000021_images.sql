-- Which image a try really ran: names can come to mean another one, ids cannot.
ALTER TABLE attempt ADD COLUMN image_id text;
COMMENT ON COLUMN attempt.image_id IS 'sha256:…; of the first try of a run with this image''s name, the id that the run keeps';
