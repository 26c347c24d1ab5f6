-- Search in the server, for scopes that are too large to be read into every process that asks. A
-- block is 4096 positions of a scope: once all of them are taken it is sealed, and its words lie
-- here by term. What changes or removes a page of a block takes the block's rows away in the same
-- transaction, until the block is sealed again; pages of no sealed block are read from `terms`.
-- So these tables hold nothing that is not in `terms`, and may be emptied at any time.

CREATE TABLE memoryos.blocks (
    scope uuid NOT NULL,
    block bigint NOT NULL,  -- seq / 4096
    pages bytea NOT NULL,  -- of each page: seq, replaced, session, timestamp, words; packed
    PRIMARY KEY (scope, block)
);
CREATE TABLE memoryos.postings (
    scope uuid NOT NULL,
    block bigint NOT NULL,
    term bigint NOT NULL,
    pages bytea NOT NULL,  -- of each page that holds the term: seq, count; packed
    PRIMARY KEY (scope, block, term)
);
