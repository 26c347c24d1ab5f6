-- Removals whose traces in the file have not been written over yet: a row until they have.
CREATE TABLE removals (
    number INTEGER PRIMARY KEY AUTOINCREMENT
);
