-- Every key and index begins with the scope: a digest of (user_id, assistant_id). So a user's rows
-- lie together, cost the same however many users there are, and can be moved to another server by
-- that one column (Citus: create_distributed_table('memoryos.pages', 'scope'), and so on).
-- Ids are bytes, for any text may be one, NUL included; indexes hold their digest, for an id may be
-- longer than an index entry. Times are microseconds since 1970, UTC. JSON is text: it comes back
-- as it was written, which jsonb does not promise.

CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE memoryos.scopes (
    scope uuid PRIMARY KEY,  -- stays when everything of the scope is forgotten; its names do not
    user_id bytea,
    assistant_id bytea,
    last_seq bigint NOT NULL DEFAULT 0,
    embedded_seq bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    embedder text,  -- who made the vectors; NULL before the first
    dimension integer
) WITH (fillfactor = 70);  -- the row changes with every add: leave it room in its block
-- Scopes whose newest pages have no vectors yet: few, whatever the number of scopes.
CREATE INDEX scopes_behind ON memoryos.scopes (scope) WHERE embedded_seq < last_seq;

-- Every embedder that ever made a vector here (a reference table, where there are shards).
CREATE TABLE memoryos.embedders (
    embedder text NOT NULL,
    dimension integer NOT NULL,
    PRIMARY KEY (embedder, dimension)
);

CREATE TABLE memoryos.pages (
    scope uuid NOT NULL,
    seq bigint NOT NULL,
    id bytea NOT NULL,
    session_id bytea NOT NULL,
    session uuid GENERATED ALWAYS AS (md5(session_id)::uuid) STORED,
    timestamp bigint NOT NULL,
    user_input text NOT NULL,
    agent_response text NOT NULL,
    metadata text,  -- JSON; NULL is {}
    messages text,  -- JSON; NULL where the two sides are all there is
    chain_id bytea,
    segment_id bytea,
    PRIMARY KEY (scope, seq)
);
CREATE UNIQUE INDEX pages_by_id ON memoryos.pages (scope, sha256(id));
CREATE INDEX pages_by_session ON memoryos.pages (scope, session, seq);
-- A session that is common among all users may be rare in one scope: without this the newest pages
-- of a session would be looked for by going back through the whole scope.
ALTER TABLE memoryos.pages ALTER COLUMN session SET STATISTICS 0,
    ALTER COLUMN session SET (n_distinct = -0.1);
CREATE INDEX pages_by_segment ON memoryos.pages (scope, sha256(segment_id), seq)
    WHERE segment_id IS NOT NULL;
CREATE INDEX pages_waiting ON memoryos.pages (scope, seq) WHERE segment_id IS NULL;

-- What the search index is filled from, apart from the pages so that filling it reads little.
CREATE TABLE memoryos.terms (
    scope uuid NOT NULL,
    seq bigint NOT NULL,
    session bigint NOT NULL,  -- crc32 of session_id
    timestamp double precision NOT NULL,  -- seconds since 1970
    terms bytea NOT NULL,
    replaced bigint NOT NULL,  -- seq of the page that this one took the place of, else 0
    PRIMARY KEY (scope, seq)
);
CREATE TABLE memoryos.vectors (
    scope uuid NOT NULL,
    seq bigint NOT NULL,
    vector vector NOT NULL,  -- of any dimension: it is the scope's embedder's
    PRIMARY KEY (scope, seq)
);

CREATE TABLE memoryos.records (
    scope uuid NOT NULL,
    kind text NOT NULL,
    key bytea GENERATED ALWAYS AS (sha256(id)) STORED,
    id bytea NOT NULL,
    version bigint NOT NULL,
    live boolean NOT NULL,  -- false: kept as history only
    body text NOT NULL,  -- JSON
    vector bytea,
    PRIMARY KEY (scope, kind, key)
);
CREATE INDEX records_by_version ON memoryos.records (scope, version);

CREATE TABLE memoryos.calls (
    scope uuid NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    at bigint NOT NULL,
    purpose text NOT NULL,
    model text NOT NULL,
    prompt_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    seconds double precision NOT NULL,
    outcome text NOT NULL,
    PRIMARY KEY (scope, number)
);
CREATE INDEX calls_by_time ON memoryos.calls (scope, at);

CREATE TABLE memoryos.receipts (
    scope uuid NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    body text NOT NULL,  -- JSON
    PRIMARY KEY (scope, number)
);

CREATE TABLE memoryos.leases (
    scope uuid PRIMARY KEY,
    owner text NOT NULL,
    expires bigint NOT NULL
);
