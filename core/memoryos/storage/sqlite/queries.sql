-- name: find_scope
SELECT scope_id FROM scopes WHERE digest = ?

-- name: create_scope
INSERT INTO scopes (digest, indexing) VALUES (?, ?) RETURNING scope_id

-- name: name_scope
UPDATE scopes SET user_id = ?, assistant_id = ? WHERE scope_id = ? AND user_id IS NULL

-- name: take_seqs
UPDATE scopes SET last_seq = last_seq + ? WHERE scope_id = ? RETURNING last_seq, user_id IS NULL

-- name: note_replacement
UPDATE scopes SET version = version + 1 WHERE scope_id = ?

-- name: head
SELECT last_seq, embedded_seq, version, epoch, embedders.name, embedders.dimension, indexing
FROM scopes LEFT JOIN embedders USING (embedder_id) WHERE scope_id = ?

-- name: insert_page
INSERT INTO pages (slot, scope_id, id, session_id, timestamp, user_input, agent_response,
    metadata, messages, chain_id, segment_id, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_terms
INSERT INTO terms (slot, session, timestamp, terms, replaced, checksum) VALUES (?, ?, ?, ?, ?, ?)

-- name: page_by_id
SELECT slot, id, session_id, timestamp, user_input, agent_response, metadata, messages,
    chain_id, segment_id, scope_id, checksum
FROM pages WHERE scope_id = :scope AND id = :id

-- name: pages_by_slots
SELECT slot, id, session_id, timestamp, user_input, agent_response, metadata, messages,
    chain_id, segment_id, scope_id, checksum
FROM pages WHERE slot IN (SELECT value FROM json_each(:slots))

-- name: pages_by_ids
SELECT slot, id, session_id, timestamp, user_input, agent_response, metadata, messages,
    chain_id, segment_id, scope_id, checksum
FROM pages WHERE scope_id = :scope AND id IN (SELECT value FROM json_each(:ids))

-- name: pages_of_session
SELECT slot, id, session_id, timestamp, user_input, agent_response, metadata, messages,
    chain_id, segment_id, scope_id, checksum
FROM pages
WHERE scope_id = :scope AND session_id = :session_id AND slot > :first AND slot <= :last
    AND timestamp >= :since AND timestamp < :before
ORDER BY slot LIMIT :limit

-- name: newest_pages_of_session
SELECT slot, id, session_id, timestamp, user_input, agent_response, metadata, messages,
    chain_id, segment_id, scope_id, checksum
FROM pages
WHERE scope_id = :scope AND session_id = :session_id AND slot > :first AND slot <= :last
    AND timestamp >= :since AND timestamp < :before
ORDER BY slot DESC LIMIT :limit

-- name: pages_of_segment
SELECT slot, id, session_id, timestamp, user_input, agent_response, metadata, messages,
    chain_id, segment_id, scope_id, checksum
FROM pages
WHERE scope_id = :scope AND segment_id = :segment_id AND slot > :first AND slot <= :last
    AND timestamp >= :since AND timestamp < :before
ORDER BY slot LIMIT :limit

-- name: newest_pages_of_segment
SELECT slot, id, session_id, timestamp, user_input, agent_response, metadata, messages,
    chain_id, segment_id, scope_id, checksum
FROM pages
WHERE scope_id = :scope AND segment_id = :segment_id AND slot > :first AND slot <= :last
    AND timestamp >= :since AND timestamp < :before
ORDER BY slot DESC LIMIT :limit

-- name: pages_waiting
SELECT slot, id, session_id, timestamp, user_input, agent_response, metadata, messages,
    chain_id, segment_id, scope_id, checksum
FROM pages
WHERE scope_id = :scope AND segment_id IS NULL AND slot > :first AND slot <= :last
    AND timestamp >= :since AND timestamp < :before
ORDER BY slot LIMIT :limit

-- name: newest_pages_waiting
SELECT slot, id, session_id, timestamp, user_input, agent_response, metadata, messages,
    chain_id, segment_id, scope_id, checksum
FROM pages
WHERE scope_id = :scope AND segment_id IS NULL AND slot > :first AND slot <= :last
    AND timestamp >= :since AND timestamp < :before
ORDER BY slot DESC LIMIT :limit

-- name: pages
SELECT slot, id, session_id, timestamp, user_input, agent_response, metadata, messages,
    chain_id, segment_id, scope_id, checksum
FROM pages
WHERE slot > :first AND slot <= :last AND timestamp >= :since AND timestamp < :before
ORDER BY slot LIMIT :limit

-- name: newest_pages
SELECT slot, id, session_id, timestamp, user_input, agent_response, metadata, messages,
    chain_id, segment_id, scope_id, checksum
FROM pages
WHERE slot > :first AND slot <= :last AND timestamp >= :since AND timestamp < :before
ORDER BY slot DESC LIMIT :limit

-- name: positions
SELECT slot FROM pages WHERE scope_id = :scope AND slot > :first AND slot <= :last

-- name: positions_in_order
-- Through the table as it lies: by an index of the scope each page would be looked up on its own.
SELECT slot FROM pages WHERE slot > :first AND slot <= :last

-- name: where_session_id
AND session_id = :session_id

-- name: where_segment_id
AND segment_id = :segment_id

-- name: where_since
AND timestamp >= :since

-- name: where_before
AND timestamp < :before

-- name: where_in
-- Metadata that is damaged counts as none, as it does in the page. Most pages that do not match
-- are told by their text, before it is parsed.
AND instr(metadata, :key{n}) AND EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(metadata) THEN metadata END)
    WHERE key = :name{n}
    AND type NOT IN ('array', 'object') AND value IN (SELECT value FROM json_each(:values{n})))

-- name: where_in_or_missing
AND NOT EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(metadata) THEN metadata END)
    WHERE key = :name{n} AND type <> 'null'
    AND (type IN ('array', 'object')
        OR value NOT IN (SELECT value FROM json_each(:values{n}) WHERE type <> 'null')))

-- name: where_has
AND instr(metadata, :key{n}) AND EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(metadata) THEN metadata END)
    WHERE key = :name{n} AND type <> 'null')

-- name: where_number
AND instr(metadata, :key{n}) AND EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(metadata) THEN metadata END)
    WHERE key = :name{n} AND type IN ('integer', 'real') AND value {comparison} :values{n})

-- name: where_text
AND instr(metadata, :key{n}) AND EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(metadata) THEN metadata END)
    WHERE key = :name{n} AND type = 'text' AND value {comparison} :values{n})

-- name: by_slot
ORDER BY slot

-- name: sessions
SELECT session_id FROM pages WHERE scope_id = ? GROUP BY session_id ORDER BY min(slot)

-- name: count_pages
SELECT count(*), count(DISTINCT session_id) FROM pages WHERE scope_id = ?

-- name: count_waiting
SELECT count(*) FROM pages WHERE scope_id = ? AND segment_id IS NULL

-- name: count_vectors
SELECT count(*) FROM vectors WHERE slot > :first AND slot <= :last

-- name: count_records
SELECT kind, count(*) FROM records WHERE scope_id = ? GROUP BY kind

-- name: waiting
SELECT slot, session_id FROM pages WHERE scope_id = ? AND segment_id IS NULL ORDER BY slot

-- name: index_columns
SELECT slot, session, timestamp, terms, replaced FROM terms WHERE slot > :first AND slot <= :last
ORDER BY slot LIMIT :most

-- name: last_slot
SELECT max(slot) FROM terms WHERE slot > :first AND slot <= :last

-- name: joined_columns
-- In what order is not promised, but it is the same for all. Times are whole parts of a second.
SELECT group_concat(slot - :first), group_concat(session),
    group_concat(CAST(timestamp * :parts AS INTEGER)), group_concat(length(terms)),
    group_concat(replaced), CAST(group_concat(terms, '') AS BLOB),
    total(CAST(timestamp * :parts AS INTEGER) / :parts <> timestamp)
FROM terms WHERE slot > :first AND slot <= :last

-- name: vectors
SELECT slot, vector, checksum FROM vectors WHERE slot > :first AND slot <= :last ORDER BY slot

-- name: joins_blobs
-- Whether group_concat joins blobs byte for byte: an older SQLite cuts what it joined at its first
-- NUL, and a file in UTF-16 has it recoded.
SELECT CAST(group_concat(x'00D8FF', '') AS BLOB) IS x'00D8FF'

-- name: joined_vectors
-- In what order is not promised, but it is the same for all.
SELECT group_concat(slot - :first), group_concat(length(vector)), CAST(group_concat(vector, '') AS BLOB)
FROM vectors WHERE slot > :first AND slot <= :last

-- name: existing_slots
SELECT slot FROM terms WHERE slot IN (SELECT value FROM json_each(:slots))

-- name: put_vector
INSERT OR REPLACE INTO vectors (slot, vector, checksum) VALUES (?, ?, ?)

-- name: move_embedded_seq
UPDATE scopes SET embedded_seq = :up_to, embedder_id = :embedder
WHERE scope_id = :scope AND epoch = :epoch AND embedded_seq = :embedded_seq
    AND (SELECT name FROM embedders WHERE embedders.embedder_id = scopes.embedder_id) IS :name

-- name: records
SELECT kind, id, body, vector, live, checksum, format FROM records
WHERE scope_id = :scope AND version > :after AND live = coalesce(:live, live)
    AND kind IN (SELECT value FROM json_each(:kinds))
ORDER BY version, kind, id

-- name: live_records
-- A unary plus keeps the index by version from being chosen, which would read all records.
SELECT kind, id, body, vector, live, checksum, format FROM records
WHERE scope_id = :scope AND live AND kind IN (SELECT value FROM json_each(:kinds))
    AND +version > :after
ORDER BY +version, kind, id

-- name: records_by_id
SELECT kind, id, body, vector, live, checksum, format FROM records
WHERE scope_id = :scope AND kind IN (SELECT value FROM json_each(:kinds))
    AND id IN (SELECT value FROM json_each(:ids))
    AND +version > :after AND live = coalesce(:live, live)
ORDER BY +version, kind, id

-- name: records_concerned
SELECT kind, id, body, vector, live, checksum, format FROM records
WHERE scope_id = :scope AND kind IN (SELECT value FROM json_each(:kinds))
    AND +version > :after AND live = coalesce(:live, live)
    AND (EXISTS (SELECT 1 FROM json_each(:names) WHERE instr(body, value))
        OR (:marks IS NOT NULL AND instr(body, :analyst)
            AND NOT EXISTS (SELECT 1 FROM json_each(:marks) WHERE instr(body, value))))
ORDER BY +version, kind, id

-- name: bump
UPDATE scopes SET version = version + 1, epoch = epoch + :takes
WHERE scope_id = :scope AND version = :version AND epoch = :epoch
    AND last_seq = coalesce(:last_seq, last_seq) RETURNING version

-- name: put_record
INSERT INTO records (scope_id, kind, id, body, vector, version, live, format, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (scope_id, kind, id) DO UPDATE
SET version = excluded.version, live = excluded.live, body = excluded.body,
    vector = excluded.vector, format = excluded.format, checksum = excluded.checksum

-- name: delete_record
DELETE FROM records WHERE scope_id = ? AND kind = ? AND id = ?

-- name: all_records
SELECT kind, id, body, vector, live, checksum, format, rowid FROM records WHERE scope_id = ?

-- name: delete_record_row
DELETE FROM records WHERE rowid = ?

-- name: delete_stray_records
DELETE FROM records NOT INDEXED
WHERE typeof(scope_id) != 'integer' OR scope_id NOT IN (SELECT scope_id FROM scopes)

-- name: delete_stray_calls
DELETE FROM calls NOT INDEXED
WHERE typeof(scope_id) != 'integer' OR scope_id NOT IN (SELECT scope_id FROM scopes)

-- name: delete_records
-- An index that is damaged leaves rows out, so that none is asked where all of a scope goes.
DELETE FROM records NOT INDEXED WHERE scope_id = ?

-- name: delete_pages_between
DELETE FROM pages WHERE slot > :first AND slot <= :last

-- name: delete_pages_of_scope
DELETE FROM pages NOT INDEXED WHERE scope_id = ?

-- name: delete_terms_between
DELETE FROM terms WHERE slot > :first AND slot <= :last

-- name: left_of_scope
-- What a scan finds and a search did not, in a table whose inner nodes are damaged.
SELECT EXISTS (SELECT 1 FROM pages NOT INDEXED WHERE scope_id = :scope)
    OR EXISTS (SELECT 1 FROM records NOT INDEXED WHERE scope_id = :scope)
    OR EXISTS (SELECT 1 FROM calls NOT INDEXED WHERE scope_id = :scope)
    OR EXISTS (SELECT 1 FROM pages NOT INDEXED WHERE +slot > :first AND +slot <= :last)
    OR EXISTS (SELECT 1 FROM terms NOT INDEXED WHERE +slot > :first AND +slot <= :last)
    OR EXISTS (SELECT 1 FROM vectors NOT INDEXED WHERE +slot > :first AND +slot <= :last)

-- name: scopes_of_names
SELECT scope_id FROM scopes WHERE user_id = ? AND assistant_id = ?

-- name: forget_scope
UPDATE scopes SET user_id = NULL, assistant_id = NULL WHERE scope_id = ?

-- name: assign
UPDATE pages SET segment_id = ?, chain_id = ? WHERE scope_id = ? AND id = ?

-- name: slot_of
SELECT slot, chain_id, segment_id FROM pages WHERE scope_id = ? AND id = ?

-- name: documents
SELECT slot FROM pages WHERE scope_id = ? AND segment_id = '' ORDER BY slot

-- name: documents_at
SELECT slot, id FROM pages
WHERE slot IN (SELECT value FROM json_each(:slots)) AND +segment_id = ''

-- name: retouch_document
UPDATE pages SET metadata = ?, checksum = ? WHERE slot = ? AND +segment_id = ''

-- name: next_version
UPDATE scopes SET version = version + 1 WHERE scope_id = ? RETURNING version

-- name: delete_page
DELETE FROM pages WHERE slot = ?

-- name: delete_terms
DELETE FROM terms WHERE slot = ?

-- name: delete_vector
DELETE FROM vectors WHERE slot = ?

-- name: delete_vectors
DELETE FROM vectors WHERE slot > :first AND slot <= :last

-- name: slots_of_ids
SELECT slot, id FROM pages
WHERE scope_id = :scope AND id IN (SELECT value FROM json_each(:ids))

-- name: replace_embedding
UPDATE scopes SET embedded_seq = ?, embedder_id = ? WHERE scope_id = ?

-- name: delete_calls
DELETE FROM calls NOT INDEXED WHERE scope_id = ?

-- name: unname_scope
UPDATE scopes SET user_id = NULL, assistant_id = NULL
WHERE scope_id = :scope AND NOT EXISTS (SELECT 1 FROM pages WHERE scope_id = :scope)
    AND NOT EXISTS (SELECT 1 FROM records WHERE scope_id = :scope AND kind = 'note')

-- name: first_position
SELECT replaced FROM terms WHERE slot = ?

-- name: replace_terms
UPDATE terms SET session = :session, timestamp = :timestamp, terms = :terms, checksum = NULL
WHERE slot = :slot

-- name: place_of_page
SELECT session_id, timestamp / 1e6 FROM pages WHERE slot = ?

-- name: schema
SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name

-- name: mend_schema
UPDATE sqlite_master SET sql = ? WHERE type = ? AND name = ?

-- name: note_removal
INSERT INTO removals DEFAULT VALUES

-- name: last_removal
SELECT max(number) FROM removals

-- name: scrubbed
DELETE FROM removals WHERE number <= ?

-- name: insert_receipt
INSERT INTO receipts (scope_id, id, body, checksum) VALUES (?, ?, ?, ?)

-- name: receipts
SELECT body FROM receipts WHERE scope_id = ? ORDER BY rowid

-- name: lease
INSERT INTO leases (scope_id, owner, expires) VALUES (:scope, :owner, :expires)
ON CONFLICT (scope_id) DO UPDATE SET owner = excluded.owner, expires = excluded.expires
WHERE leases.owner = excluded.owner OR leases.expires <= :now

-- name: leased
SELECT owner, expires FROM leases WHERE scope_id = ?

-- name: release
DELETE FROM leases WHERE scope_id = ? AND owner = ?

-- name: scopes
SELECT user_id, assistant_id FROM scopes
WHERE user_id IS NOT NULL ORDER BY user_id, assistant_id

-- name: scopes_waiting
SELECT user_id, assistant_id FROM scopes
WHERE user_id IS NOT NULL AND (embedded_seq < last_seq OR indexing <> ? OR EXISTS (
    SELECT 1 FROM pages WHERE pages.scope_id = scopes.scope_id AND segment_id IS NULL))
ORDER BY user_id, assistant_id

-- name: set_indexing
UPDATE scopes SET indexing = ? WHERE scope_id = ?

-- name: insert_call
INSERT INTO calls (scope_id, at, purpose, model, prompt_tokens, completion_tokens, seconds, outcome,
    checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: calls
SELECT purpose, model, prompt_tokens, completion_tokens, seconds, outcome, at FROM calls
WHERE scope_id = ? AND at >= ? ORDER BY at, rowid

-- name: embedders
SELECT name, dimension FROM embedders
WHERE EXISTS (
    SELECT 1 FROM scopes
    WHERE scopes.embedder_id = embedders.embedder_id AND scopes.user_id IS NOT NULL)
ORDER BY name

-- name: keep_embedder
INSERT OR IGNORE INTO embedders (name, dimension) VALUES (?, ?)

-- name: embedder_id
SELECT embedder_id FROM embedders WHERE name = ? AND dimension = ?

-- name: altered_pages
SELECT count(*) FROM pages WHERE slot >> 32 <> scope_id

-- name: altered_terms
SELECT count(*) FROM terms WHERE checksum <> checksum(slot, session, timestamp, terms, replaced)

-- name: altered_receipts
SELECT count(*) FROM receipts WHERE checksum <> checksum(scope_id, id, CAST(body AS BLOB))

-- name: altered_calls
SELECT count(*) FROM calls WHERE checksum <> checksum(scope_id, at, CAST(purpose AS BLOB),
    CAST(model AS BLOB), prompt_tokens, completion_tokens, seconds, CAST(outcome AS BLOB))

-- name: heads
SELECT scope_id, digest, user_id, assistant_id, last_seq, embedded_seq, version, epoch,
    (SELECT max(slot) FROM pages
     WHERE slot > scopes.scope_id << 32 AND slot < (scopes.scope_id + 1) << 32)
FROM scopes
