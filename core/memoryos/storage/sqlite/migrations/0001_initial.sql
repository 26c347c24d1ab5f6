-- A slot is scope_id * 2^32 + seq: one integer key that clusters every table by scope and position.
CREATE TABLE embedders (
    embedder_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    UNIQUE (name, dimension)
);

CREATE TABLE scopes (
    scope_id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,  -- of both ids; stays when everything of the scope is forgotten
    user_id TEXT,
    assistant_id TEXT,
    last_seq INTEGER NOT NULL DEFAULT 0,
    embedded_seq INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 0,
    epoch INTEGER NOT NULL DEFAULT 0,
    embedder_id INTEGER REFERENCES embedders  -- who made the vectors; NULL before the first
);
CREATE INDEX scopes_by_embedder ON scopes (embedder_id);

CREATE TABLE pages (
    slot INTEGER PRIMARY KEY,
    scope_id INTEGER NOT NULL REFERENCES scopes,
    id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    timestamp INTEGER NOT NULL,  -- microseconds since 1970, UTC
    user_input TEXT NOT NULL,
    agent_response TEXT NOT NULL,
    metadata TEXT,  -- JSON; NULL is {}
    messages TEXT,  -- JSON; NULL where the two sides are all there is
    chain_id TEXT,
    segment_id TEXT
);
CREATE UNIQUE INDEX pages_by_id ON pages (scope_id, id);
CREATE INDEX pages_by_session ON pages (scope_id, session_id, slot);
CREATE INDEX pages_by_segment ON pages (scope_id, segment_id, slot) WHERE segment_id IS NOT NULL;
CREATE INDEX pages_waiting ON pages (scope_id, slot, session_id) WHERE segment_id IS NULL;

-- What the search index is filled from, apart from the pages so that filling it reads little.
CREATE TABLE terms (
    slot INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,  -- crc32 of session_id
    timestamp REAL NOT NULL,  -- seconds since 1970
    terms BLOB NOT NULL,
    replaced INTEGER NOT NULL  -- seq of the page that this one took the place of, else 0
);
CREATE TABLE vectors (
    slot INTEGER PRIMARY KEY,
    vector BLOB NOT NULL  -- float32, little-endian
);

CREATE TABLE records (
    scope_id INTEGER NOT NULL REFERENCES scopes,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    live INTEGER NOT NULL,  -- 0: kept as history only
    body TEXT NOT NULL,  -- JSON
    vector BLOB,
    UNIQUE (scope_id, kind, id)
);
CREATE INDEX records_by_version ON records (scope_id, version);
CREATE INDEX records_live ON records (scope_id, kind) WHERE live;

CREATE TABLE calls (
    scope_id INTEGER NOT NULL REFERENCES scopes,
    at INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX calls_by_time ON calls (scope_id, at);

CREATE TABLE receipts (
    scope_id INTEGER NOT NULL REFERENCES scopes,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (scope_id, id)
);

CREATE TABLE leases (
    scope_id INTEGER PRIMARY KEY REFERENCES scopes,
    owner TEXT NOT NULL,
    expires INTEGER NOT NULL
);
