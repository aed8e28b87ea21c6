-- People are listed by name.
CREATE INDEX person_by_name ON person (name, id);
