-- name: sealed
SELECT block, pages, lengths FROM memoryos.blocks WHERE scope = %s ORDER BY block

-- name: sealed_blocks
SELECT block FROM memoryos.blocks WHERE scope = %s

-- name: unsealed
SELECT seq, session, timestamp, terms, replaced FROM memoryos.terms
WHERE scope = %s AND seq BETWEEN %s AND %s ORDER BY seq

-- name: postings
-- A block that has been unsealed since it was asked for is told by its absence.
SELECT block, term, pages FROM memoryos.postings
WHERE scope = %(scope)s AND block = ANY(%(blocks)s::bigint[]) AND term = ANY(%(terms)s::bigint[])
UNION ALL
SELECT block, NULL, NULL FROM memoryos.blocks
WHERE scope = %(scope)s AND block = ANY(%(blocks)s::bigint[])

-- name: products
-- Vectors are of any length (see migration 3), the target of length 1: their product is that of the
-- vector's direction. One value, not a row per page: to fetch a hundred thousand rows takes as long as to find them.
SELECT string_agg(int8send(seq) || int4send(passage)
    || float4send((1 - (vector::vector <=> %(target)s))::float4), '')
FROM memoryos.vectors WHERE scope = %(scope)s AND vector_dims(vector) = %(dimension)s

-- name: products_of
SELECT string_agg(int8send(seq) || int4send(passage)
    || float4send((1 - (vector::vector <=> %(target)s))::float4), '')
FROM memoryos.vectors
WHERE scope = %(scope)s AND vector_dims(vector) = %(dimension)s AND seq = ANY(%(seqs)s)

-- name: vectors_of
SELECT string_agg(halfvec_send(vector), '' ORDER BY passage) FROM memoryos.vectors
WHERE scope = %(scope)s AND vector_dims(vector) = %(dimension)s AND seq = ANY(%(seqs)s)
GROUP BY seq ORDER BY seq

-- name: nearest
SELECT string_agg(int8send(seq) || int4send(passage)
    || float4send((1 - (near.vector::vector <=> %(target)s))::float4), '')
FROM (
    SELECT seq, passage, vector FROM memoryos.vectors
    WHERE scope = %(scope)s AND vector_dims(vector) = {dimension}
    ORDER BY vector::halfvec({dimension}) <=> %(target)s::halfvec({dimension}) LIMIT %(limit)s
) AS near

-- name: pages_to_seal
SELECT seq, session, timestamp, terms, replaced FROM memoryos.terms
WHERE scope = %s AND seq BETWEEN %s AND %s ORDER BY seq

-- name: seal_block
INSERT INTO memoryos.blocks (scope, block, pages, lengths) VALUES (%s, %s, %s, %s)

-- name: seal_postings
INSERT INTO memoryos.postings (scope, block, term, pages)
SELECT %s, %s, term, pages FROM unnest(%s::bigint[], %s::bytea[]) AS word (term, pages)

-- name: unseal_blocks
DELETE FROM memoryos.blocks WHERE scope = %s AND block = ANY(%s)

-- name: unseal_postings
DELETE FROM memoryos.postings WHERE scope = %s AND block = ANY(%s)

-- name: postings_of_block
SELECT term, pages FROM memoryos.postings WHERE scope = %s AND block = %s ORDER BY term

-- name: near_indexes
SELECT relname, indisvalid FROM pg_catalog.pg_index
JOIN pg_catalog.pg_class ON pg_class.oid = indexrelid
JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'memoryos' AND relname LIKE %s

-- name: take_near_lock
SELECT pg_try_advisory_lock(hashtext('memoryos.near'))

-- name: leave_near_lock
SELECT pg_advisory_unlock(hashtext('memoryos.near'))

-- name: take_time
SELECT set_config('statement_timeout', '0', false)

-- name: drop_near
DROP INDEX CONCURRENTLY IF EXISTS memoryos.{name}

-- name: make_near
CREATE INDEX CONCURRENTLY {name} ON memoryos.vectors
USING hnsw ((vector::halfvec({dimension})) halfvec_cosine_ops)
WHERE scope = {scope} AND vector_dims(vector) = {dimension}
