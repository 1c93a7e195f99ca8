-- Audit events of several trails in one table: a trail is known by its chain, an event by its number there.
-- Nothing was ever written to the table of 001.

DROP TABLE audit_events;

CREATE TABLE audit_events (
    chain       BLOB    NOT NULL CHECK (length(chain) = 16),
    seq         INTEGER NOT NULL,
    happened_at INTEGER NOT NULL,
    gateway     TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    denied      INTEGER NOT NULL CHECK (denied IN (0, 1)),
    fingerprint BLOB,
    account     TEXT,
    repository  TEXT,
    address     TEXT,
    body        TEXT    NOT NULL,                                           -- the whole line, as in the file
    PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_events_by_time ON audit_events (happened_at);
CREATE INDEX audit_events_by_key ON audit_events (fingerprint, happened_at);
CREATE INDEX audit_events_by_account ON audit_events (account, happened_at);
CREATE INDEX audit_events_by_repository ON audit_events (repository, happened_at);
