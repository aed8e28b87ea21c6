-- Whose a mark is; null: everybody's.
ALTER TABLE mark ADD COLUMN team text;
-- Who made it, by id: names may be given again. Null: it was made before this was kept.
ALTER TABLE mark ADD COLUMN maker uuid;
CREATE INDEX mark_by_team ON mark (team, id) WHERE team IS NOT NULL;
