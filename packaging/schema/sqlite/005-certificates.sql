-- Certificates: the authorities whose signatures count, and what of theirs counts no more. Serials are eight bytes in
-- network byte order.

CREATE TABLE certificate_authorities (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL UNIQUE,
    fingerprint  BLOB    NOT NULL UNIQUE CHECK (length(fingerprint) = 32),  -- SHA-256 of key_blob
    key_blob     BLOB    NOT NULL,                                          -- RFC 4253 wire format
    org_id       INTEGER REFERENCES accounts (id),                          -- NULL: of the instance
    identity     INTEGER NOT NULL CHECK (identity IN (1, 2, 3)),            -- 1 key id, 2 principal, 3 login@HOST
    host         TEXT    NOT NULL,                                          -- of identity 3
    longest_life INTEGER CHECK (longest_life > 0),                          -- milliseconds; NULL: any
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER
) STRICT;
CREATE INDEX certificate_authorities_by_org ON certificate_authorities (org_id);

CREATE TABLE certificate_revocations (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    authority_id INTEGER NOT NULL REFERENCES certificate_authorities (id),
    kind         INTEGER NOT NULL CHECK (kind IN (1, 2, 3, 4)),             -- 1 serial, 2 key id, 3 certificate, 4 key
    first_value  BLOB    NOT NULL,                                          -- serial, key id, or SHA-256: of the signed part, of the key's blob
    last_value   BLOB    NOT NULL,                                          -- of serials; else the same
    created_at   INTEGER NOT NULL,
    UNIQUE (authority_id, kind, first_value, last_value)
) STRICT;
