-- Pages are indexed passage by passage: `terms` may hold several passages, and a vector there is a
-- vector for each. Scopes of before stand at version 0 of that until their pages have been cut.
ALTER TABLE scopes ADD COLUMN indexing INTEGER NOT NULL DEFAULT 0;

-- A number of a vector is a byte now, no float32. (`pack_vector` is ours: codec.pack_vectors.)
UPDATE vectors SET vector = pack_vector(vector);
