-- CRC-32 of a row's other values; NULL in rows that were written before there were any.
ALTER TABLE memoryos.pages ADD COLUMN checksum bigint;  -- but not of chain_id and segment_id
ALTER TABLE memoryos.records ADD COLUMN checksum bigint;  -- but not of version
ALTER TABLE memoryos.records ADD COLUMN format integer NOT NULL DEFAULT 1;  -- version of the body
