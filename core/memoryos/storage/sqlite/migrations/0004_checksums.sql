-- CRC-32 of a row's other values; NULL in rows that were written before there were any.
ALTER TABLE pages ADD COLUMN checksum INTEGER;  -- but not of chain_id and segment_id
ALTER TABLE terms ADD COLUMN checksum INTEGER;
ALTER TABLE vectors ADD COLUMN checksum INTEGER;
ALTER TABLE records ADD COLUMN checksum INTEGER;  -- but not of version
ALTER TABLE records ADD COLUMN format INTEGER NOT NULL DEFAULT 1;  -- version of the body
ALTER TABLE receipts ADD COLUMN checksum INTEGER;
ALTER TABLE calls ADD COLUMN checksum INTEGER;
