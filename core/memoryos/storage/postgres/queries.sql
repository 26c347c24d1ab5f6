-- name: settings
-- Plans are made for the values at hand: what is right for a scope of ten pages is not for one of a
-- hundred thousand, and a prepared statement would go by the average.
SELECT set_config('lock_timeout', %(lock)s, false), set_config('statement_timeout', %(all)s, false),
    set_config('synchronous_commit', %(sync)s, false),
    set_config('plan_cache_mode', 'force_custom_plan', false),
    set_config('hnsw.ef_search', '400', false)

-- name: arrive
SELECT 1

-- name: look_here_first
SELECT set_config('search_path', 'memoryos, ' || current_setting('search_path'), false)

-- name: queue_table
SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tables
               WHERE schemaname = 'memoryos' AND tablename = 'procrastinate_jobs')

-- name: take_migration_lock
SELECT pg_advisory_xact_lock(hashtext('memoryos.migration'))

-- name: schema_table
-- From the catalog's rows: within a transaction to_regclass() may answer from before its lock.
SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'memoryos'),
    EXISTS (SELECT 1 FROM pg_catalog.pg_tables
            WHERE schemaname = 'memoryos' AND tablename = 'schema_version'),
    current_setting('server_encoding')

-- name: schema_version
SELECT version FROM memoryos.schema_version

-- name: create_schema
CREATE SCHEMA memoryos;
CREATE TABLE memoryos.schema_version (version integer NOT NULL);
INSERT INTO memoryos.schema_version VALUES (0)

-- name: set_schema_version
UPDATE memoryos.schema_version SET version = %s

-- name: lock_scope
SELECT last_seq, user_id IS NULL FROM memoryos.scopes WHERE scope = %s FOR UPDATE

-- name: create_scope
INSERT INTO memoryos.scopes (scope, indexing) VALUES (%s, %s) ON CONFLICT (scope) DO NOTHING

-- name: note_replacement
UPDATE memoryos.scopes SET version = version + 1 WHERE scope = %s

-- name: take_seqs
UPDATE memoryos.scopes
SET last_seq = %(last_seq)s, user_id = %(user_id)s, assistant_id = %(assistant_id)s
WHERE scope = %(scope)s

-- name: name_scope
UPDATE memoryos.scopes SET user_id = %s, assistant_id = %s WHERE scope = %s AND user_id IS NULL

-- name: head
SELECT last_seq, embedded_seq, version, epoch, embedder, dimension, indexing
FROM memoryos.scopes WHERE scope = %s

-- name: insert_page
INSERT INTO memoryos.pages (scope, seq, id, session_id, timestamp, user_input, agent_response,
    metadata, messages, chain_id, segment_id, checksum)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: insert_terms
INSERT INTO memoryos.terms (scope, seq, session, timestamp, terms, replaced)
VALUES (%s, %s, %s, %s, %s, %s)

-- name: first_positions
SELECT seq, replaced FROM memoryos.terms WHERE scope = %s AND seq = ANY(%s)

-- name: replace_terms
UPDATE memoryos.terms SET terms = %s WHERE scope = %s AND seq = %s

-- name: documents
SELECT seq FROM memoryos.pages
WHERE scope = %s AND segment_id IS NOT NULL AND sha256(segment_id) = %s ORDER BY seq

-- name: documents_at
SELECT seq, id FROM memoryos.pages
WHERE scope = %s AND seq = ANY(%s) AND segment_id IS NOT NULL AND sha256(segment_id) = %s

-- name: documents_to_retouch
SELECT seq, id, session_id, timestamp, user_input, agent_response, metadata, messages, checksum
FROM memoryos.pages
WHERE scope = %s AND seq = ANY(%s) AND segment_id IS NOT NULL AND sha256(segment_id) = %s ORDER BY seq

-- name: retouch_document
UPDATE memoryos.pages SET metadata = %s, checksum = %s WHERE scope = %s AND seq = %s

-- name: wait_for_no_disk
SELECT set_config('synchronous_commit', 'off', true)

-- name: next_version
UPDATE memoryos.scopes SET version = version + 1 WHERE scope = %s RETURNING version

-- name: delete_pages
DELETE FROM memoryos.pages WHERE scope = %s AND seq = ANY(%s)

-- name: delete_terms
DELETE FROM memoryos.terms WHERE scope = %s AND seq = ANY(%s)

-- name: delete_vectors
DELETE FROM memoryos.vectors WHERE scope = %s AND seq = ANY(%s)

-- name: pages
SELECT seq, id, session_id, timestamp, user_input, agent_response, metadata, messages,
    chain_id, segment_id, checksum
FROM memoryos.pages WHERE scope = %(scope)s

-- name: and_ids
AND sha256(id) = ANY(%(ids)s)

-- name: and_seqs
AND seq = ANY(%(seqs)s)

-- name: and_session
AND session = md5(%(session)s)::uuid AND session_id = %(session)s

-- name: and_segment
AND segment_id IS NOT NULL AND sha256(segment_id) = %(segment)s

-- name: and_chain
AND chain_id = %(chain)s

-- name: and_waiting
AND segment_id IS NULL

-- name: and_after
AND seq > %(after)s

-- name: and_up_to
AND seq <= %(up_to)s

-- name: and_since
AND timestamp >= %(since)s

-- name: and_before
AND timestamp < %(before)s

-- name: oldest_first
ORDER BY seq

-- name: newest_first
ORDER BY seq DESC

-- name: at_most
LIMIT %(limit)s

-- name: positions
SELECT seq FROM memoryos.pages WHERE scope = %(scope)s

-- name: where_in
-- Values as JSON; jsonb cannot hold a NUL, which a text of ours may have.
AND CASE WHEN metadata IS NULL OR metadata LIKE '%%\u0000%%' THEN false
    ELSE metadata::jsonb -> %(name{n})s = ANY(%(values{n})s::text[]::jsonb[]) END

-- name: where_in_or_missing
AND CASE WHEN metadata IS NULL THEN true WHEN metadata LIKE '%%\u0000%%' THEN false
    ELSE coalesce(metadata::jsonb -> %(name{n})s, 'null') = ANY(%(values{n})s::text[]::jsonb[]) END

-- name: where_has
AND CASE WHEN metadata IS NULL OR metadata LIKE '%%\u0000%%' THEN false
    ELSE coalesce(metadata::jsonb -> %(name{n})s, 'null') <> 'null' END

-- name: where_number
AND CASE WHEN metadata IS NULL OR metadata LIKE '%%\u0000%%' THEN false
    WHEN jsonb_typeof(metadata::jsonb -> %(name{n})s) = 'number'
    THEN (metadata::jsonb ->> %(name{n})s)::numeric {comparison} %(values{n})s::numeric
    ELSE false END

-- name: where_text
AND CASE WHEN metadata IS NULL OR metadata LIKE '%%\u0000%%' THEN false
    WHEN jsonb_typeof(metadata::jsonb -> %(name{n})s) = 'string'
    THEN (metadata::jsonb ->> %(name{n})s) COLLATE "C" {comparison} %(values{n})s
    ELSE false END

-- name: sessions
SELECT session_id FROM memoryos.pages WHERE scope = %s GROUP BY session_id ORDER BY min(seq)

-- name: counts
SELECT count(*), count(DISTINCT session_id), count(*) FILTER (WHERE segment_id IS NULL),
    (SELECT count(*) FROM memoryos.vectors WHERE vectors.scope = %(scope)s AND passage = 0)
FROM memoryos.pages WHERE scope = %(scope)s

-- name: count_records
SELECT kind, count(*) FROM memoryos.records WHERE scope = %s GROUP BY kind

-- name: waiting
SELECT seq, session_id FROM memoryos.pages WHERE scope = %s AND segment_id IS NULL ORDER BY seq

-- name: index_columns
SELECT seq, session, timestamp, terms, replaced FROM memoryos.terms
WHERE scope = %s AND seq > %s ORDER BY seq

-- name: vectors
SELECT seq, string_agg(halfvec_send(vector), '' ORDER BY passage) FROM memoryos.vectors
WHERE scope = %s AND seq > %s AND seq <= %s GROUP BY seq ORDER BY seq

-- name: existing_seqs
SELECT seq FROM memoryos.terms WHERE scope = %s AND seq = ANY(%s)

-- name: put_vector
INSERT INTO memoryos.vectors (scope, seq, passage, vector) VALUES (%s, %s, %s, %s)

-- name: move_embedded_seq
UPDATE memoryos.scopes
SET embedded_seq = %(up_to)s, embedder = %(embedder)s, dimension = %(dimension)s
WHERE scope = %(scope)s AND epoch = %(epoch)s AND embedded_seq = %(embedded_seq)s
    AND embedder IS NOT DISTINCT FROM %(known)s RETURNING scope

-- name: keep_embedder
INSERT INTO memoryos.embedders (embedder, dimension) VALUES (%s, %s) ON CONFLICT DO NOTHING

-- name: delete_all_vectors
DELETE FROM memoryos.vectors WHERE scope = %s

-- name: seqs_of_ids
SELECT seq, id FROM memoryos.pages WHERE scope = %s AND sha256(id) = ANY(%s)

-- name: replace_embedding
UPDATE memoryos.scopes SET embedded_seq = %s, embedder = %s, dimension = %s WHERE scope = %s

-- name: records
SELECT kind, id, body, vector, live, checksum, format FROM memoryos.records
WHERE scope = %(scope)s AND version > %(after)s AND live = coalesce(%(live)s, live)
    AND kind = ANY(%(kinds)s)
ORDER BY version, kind COLLATE "C", id

-- name: records_by_id
SELECT kind, id, body, vector, live, checksum, format FROM memoryos.records
WHERE scope = %(scope)s AND kind = ANY(%(kinds)s) AND key = ANY(%(ids)s)
    AND version > %(after)s AND live = coalesce(%(live)s, live)
ORDER BY version, kind COLLATE "C", id

-- name: records_concerned
SELECT kind, id, body, vector, live, checksum, format FROM memoryos.records
WHERE scope = %(scope)s AND kind = ANY(%(kinds)s)
    AND version > %(after)s AND live = coalesce(%(live)s, live)
    AND (EXISTS (SELECT 1 FROM unnest(%(names)s::text[]) AS name WHERE position(name IN body) > 0)
        OR (%(marks)s::text[] IS NOT NULL AND position(%(analyst)s IN body) > 0 AND NOT EXISTS (
            SELECT 1 FROM unnest(%(marks)s::text[]) AS mark WHERE position(mark IN body) > 0)))
ORDER BY version, kind COLLATE "C", id

-- name: bump
UPDATE memoryos.scopes SET version = version + 1, epoch = epoch + %(takes)s
WHERE scope = %(scope)s AND version = %(version)s AND epoch = %(epoch)s
    AND last_seq = coalesce(%(last_seq)s, last_seq) RETURNING version

-- name: put_record
INSERT INTO memoryos.records (scope, kind, id, body, vector, version, live, format, checksum)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (scope, kind, key) DO UPDATE
SET version = excluded.version, live = excluded.live, body = excluded.body,
    vector = excluded.vector, format = excluded.format, checksum = excluded.checksum

-- name: delete_record
DELETE FROM memoryos.records WHERE scope = %s AND kind = %s AND key = %s

-- name: all_records
SELECT kind, id, body, vector, live, checksum, format, key FROM memoryos.records WHERE scope = %s

-- name: erase_all
DELETE FROM memoryos.pages WHERE scope = %(scope)s;
DELETE FROM memoryos.terms WHERE scope = %(scope)s;
DELETE FROM memoryos.vectors WHERE scope = %(scope)s;
DELETE FROM memoryos.records WHERE scope = %(scope)s;
DELETE FROM memoryos.blocks WHERE scope = %(scope)s;
DELETE FROM memoryos.postings WHERE scope = %(scope)s;
DELETE FROM memoryos.calls WHERE scope = %(scope)s

-- name: assign
UPDATE memoryos.pages SET segment_id = place.segment_id, chain_id = place.chain_id
FROM unnest(%(ids)s::bytea[], %(segments)s::bytea[], %(chains)s::bytea[])
    AS place (id, segment_id, chain_id)
WHERE pages.scope = %(scope)s AND sha256(pages.id) = place.id RETURNING seq

-- name: erase_pages
DELETE FROM memoryos.pages WHERE scope = %s AND sha256(id) = ANY(%s) RETURNING seq

-- name: unname_scope
UPDATE memoryos.scopes SET user_id = NULL, assistant_id = NULL
WHERE scope = %(scope)s
    AND NOT EXISTS (SELECT 1 FROM memoryos.pages WHERE pages.scope = %(scope)s)
    AND NOT EXISTS (
        SELECT 1 FROM memoryos.records WHERE records.scope = %(scope)s AND kind = 'note')

-- name: insert_receipt
INSERT INTO memoryos.receipts (scope, body) VALUES (%s, %s)

-- name: receipts
SELECT body FROM memoryos.receipts WHERE scope = %s ORDER BY number

-- name: lease
INSERT INTO memoryos.leases (scope, owner, expires) VALUES (%(scope)s, %(owner)s, %(expires)s)
ON CONFLICT (scope) DO UPDATE SET owner = excluded.owner, expires = excluded.expires
WHERE leases.owner = excluded.owner OR leases.expires <= %(now)s RETURNING scope

-- name: leased
SELECT owner, expires FROM memoryos.leases WHERE scope = %s

-- name: release
DELETE FROM memoryos.leases WHERE scope = %s AND owner = %s

-- name: scopes
SELECT user_id, assistant_id FROM memoryos.scopes
WHERE user_id IS NOT NULL ORDER BY user_id, assistant_id

-- name: scopes_waiting
SELECT user_id, assistant_id FROM memoryos.scopes
WHERE user_id IS NOT NULL AND (embedded_seq < last_seq OR indexing <> %s OR EXISTS (
    SELECT 1 FROM memoryos.pages WHERE pages.scope = scopes.scope AND segment_id IS NULL))
ORDER BY user_id, assistant_id

-- name: set_indexing
UPDATE memoryos.scopes SET indexing = %s WHERE scope = %s

-- name: scope_names
SELECT user_id, assistant_id FROM memoryos.scopes WHERE scope = %s AND user_id IS NOT NULL

-- name: scopes_forgotten_by_queue
SELECT scope FROM memoryos.scopes
WHERE embedded_seq < last_seq AND scope > %s AND NOT EXISTS (
    SELECT 1 FROM memoryos.procrastinate_jobs
    WHERE lock = scope::text AND status IN ('todo', 'doing'))
ORDER BY scope LIMIT %s

-- name: insert_call
INSERT INTO memoryos.calls
    (scope, at, purpose, model, prompt_tokens, completion_tokens, seconds, outcome)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)

-- name: delete_calls
DELETE FROM memoryos.calls WHERE scope = %s

-- name: calls
SELECT purpose, model, prompt_tokens, completion_tokens, seconds, outcome, at FROM memoryos.calls
WHERE scope = %s AND at >= %s ORDER BY at, number

-- name: embedders
SELECT embedder, dimension FROM memoryos.embedders
WHERE EXISTS (
    SELECT 1 FROM memoryos.scopes
    WHERE scopes.embedder = embedders.embedder AND scopes.dimension = embedders.dimension
        AND user_id IS NOT NULL)
ORDER BY embedder COLLATE "C", dimension
