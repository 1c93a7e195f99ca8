-- Certificates: the authorities whose signatures count, and what of theirs counts no more. Serials are eight bytes in
-- network byte order. Two statements, which may run again.

CREATE TABLE IF NOT EXISTS certificate_authorities (
    id           BIGINT PRIMARY KEY AUTO_INCREMENT,
    name         VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE,
    fingerprint  BINARY(32) NOT NULL UNIQUE,                                -- SHA-256 of key_blob
    key_blob     VARBINARY(4096) NOT NULL,                                  -- RFC 4253 wire format
    org_id       BIGINT,                                                    -- NULL: of the instance
    identity     TINYINT NOT NULL CHECK (identity IN (1, 2, 3)),            -- 1 key id, 2 principal, 3 login@HOST
    host         VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,   -- of identity 3
    longest_life BIGINT CHECK (longest_life > 0),                           -- milliseconds; NULL: any
    created_at   BIGINT NOT NULL,
    revoked_at   BIGINT,
    FOREIGN KEY (org_id) REFERENCES accounts (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS certificate_revocations (
    id           BIGINT PRIMARY KEY AUTO_INCREMENT,
    authority_id BIGINT NOT NULL,
    kind         TINYINT NOT NULL CHECK (kind IN (1, 2, 3, 4)),             -- 1 serial, 2 key id, 3 certificate, 4 key
    first_value  VARBINARY(255) NOT NULL,                                   -- serial, key id, or SHA-256: of the signed part, of the key's blob
    last_value   VARBINARY(255) NOT NULL,                                   -- of serials; else the same
    created_at   BIGINT NOT NULL,
    UNIQUE (authority_id, kind, first_value, last_value),
    FOREIGN KEY (authority_id) REFERENCES certificate_authorities (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
