-- Pages are indexed passage by passage: `terms` may hold several passages, and there is a vector for
-- each. Scopes of before stand at version 0 of that until their pages have been cut.
ALTER TABLE memoryos.scopes ADD COLUMN indexing integer NOT NULL DEFAULT 0;

-- Sealed blocks and HNSW indexes are of pages; they are made again in the background.
TRUNCATE memoryos.blocks, memoryos.postings;
ALTER TABLE memoryos.blocks ADD COLUMN lengths bytea NOT NULL;  -- words of each passage; packed
DO $$
DECLARE near text;
BEGIN
    FOR near IN SELECT indexname FROM pg_catalog.pg_indexes
        WHERE schemaname = 'memoryos' AND indexname LIKE 'vectors\_near\_%'
    LOOP
        EXECUTE format('DROP INDEX memoryos.%I', near);
    END LOOP;
END $$;

-- A number of a vector is a whole one from -127 to 127, the largest being 127, as in every store
-- (`codec.pack_vectors`); halves hold them exactly, and directions are what is compared.
ALTER TABLE memoryos.vectors ADD COLUMN passage integer NOT NULL DEFAULT 0, ADD COLUMN packed halfvec;
UPDATE memoryos.vectors SET packed = (
    SELECT array_agg(round(number * 127 / largest) ORDER BY place)::real[]::halfvec
    FROM unnest(vector::real[]) WITH ORDINALITY AS part (number, place),
        (SELECT greatest(max(abs(n)), 1e-30) AS largest FROM unnest(vector::real[]) AS n) AS most
);
ALTER TABLE memoryos.vectors DROP COLUMN vector;
ALTER TABLE memoryos.vectors RENAME COLUMN packed TO vector;
ALTER TABLE memoryos.vectors
    ALTER COLUMN vector SET NOT NULL,
    DROP CONSTRAINT vectors_pkey,
    ADD PRIMARY KEY (scope, seq, passage);
