-- The directory of Gerve: who owns which key, who may do what, and where an owner's repositories live.
-- Times are milliseconds since the Unix epoch. Names are stored as given and, for lookups, folded to lower case.
-- Levels: 1 read, 2 write, 3 admin. The same tables for MySQL and MariaDB are in ../mysql.

CREATE TABLE accounts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    login        TEXT    NOT NULL,
    login_folded TEXT    NOT NULL UNIQUE,
    kind         INTEGER NOT NULL CHECK (kind IN (1, 2)),          -- 1 user, 2 organisation
    created_at   INTEGER NOT NULL,
    suspended_at INTEGER
) STRICT;

CREATE TABLE repositories (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id    INTEGER NOT NULL REFERENCES accounts (id),
    name        TEXT    NOT NULL,
    name_folded TEXT    NOT NULL,
    is_public   INTEGER NOT NULL CHECK (is_public IN (0, 1)),
    created_at  INTEGER NOT NULL,
    archived_at INTEGER,
    disabled_at INTEGER,
    UNIQUE (owner_id, name_folded)
) STRICT;

-- Former names of repositories; a repository that has the name now takes precedence.
CREATE TABLE repo_redirects (
    owner_id    INTEGER NOT NULL REFERENCES accounts (id),
    name_folded TEXT    NOT NULL,
    repo_id     INTEGER NOT NULL REFERENCES repositories (id),
    PRIMARY KEY (owner_id, name_folded)
) STRICT, WITHOUT ROWID;
CREATE INDEX repo_redirects_by_repo ON repo_redirects (repo_id);

-- Each key is registered once: for one account, or for one repository as a deploy key.
CREATE TABLE public_keys (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint BLOB    NOT NULL UNIQUE CHECK (length(fingerprint) = 32),   -- SHA-256 of key_blob
    algorithm   TEXT    NOT NULL,
    key_blob    BLOB    NOT NULL,                                           -- RFC 4253 wire format
    title       TEXT    NOT NULL,
    account_id  INTEGER REFERENCES accounts (id),
    repo_id     INTEGER REFERENCES repositories (id),
    can_write   INTEGER NOT NULL CHECK (can_write IN (0, 1)),               -- of a deploy key
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    revoked_at  INTEGER,
    CHECK ((account_id IS NULL) <> (repo_id IS NULL))
) STRICT;
CREATE INDEX public_keys_by_account ON public_keys (account_id);
CREATE INDEX public_keys_by_repo ON public_keys (repo_id);

-- Small and separate, because it is written in batches all the time.
CREATE TABLE key_last_used (
    key_id  INTEGER PRIMARY KEY REFERENCES public_keys (id),
    used_at INTEGER NOT NULL,
    address TEXT    NOT NULL
) STRICT;

CREATE TABLE collaborators (
    repo_id    INTEGER NOT NULL REFERENCES repositories (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    level      INTEGER NOT NULL CHECK (level IN (1, 2, 3)),
    PRIMARY KEY (repo_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX collaborators_by_account ON collaborators (account_id);

CREATE TABLE org_members (
    org_id     INTEGER NOT NULL REFERENCES accounts (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    role       INTEGER NOT NULL CHECK (role IN (1, 2)),                     -- 1 member, 2 owner
    PRIMARY KEY (org_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX org_members_by_account ON org_members (account_id);

CREATE TABLE teams (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    org_id      INTEGER NOT NULL REFERENCES accounts (id),
    name        TEXT    NOT NULL,
    name_folded TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (org_id, name_folded)
) STRICT;

CREATE TABLE team_members (
    team_id    INTEGER NOT NULL REFERENCES teams (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (team_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_members_by_account ON team_members (account_id);

CREATE TABLE team_repos (
    repo_id INTEGER NOT NULL REFERENCES repositories (id),
    team_id INTEGER NOT NULL REFERENCES teams (id),
    level   INTEGER NOT NULL CHECK (level IN (1, 2, 3)),
    PRIMARY KEY (repo_id, team_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_repos_by_team ON team_repos (team_id);

CREATE TABLE servers (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT    NOT NULL UNIQUE
) STRICT;

CREATE TABLE endpoints (
    server_id INTEGER NOT NULL REFERENCES servers (id),
    position  INTEGER NOT NULL,                                             -- the lowest is tried first
    address   TEXT    NOT NULL,
    PRIMARY KEY (server_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE routes (
    owner_id  INTEGER PRIMARY KEY REFERENCES accounts (id),
    server_id INTEGER NOT NULL REFERENCES servers (id)
) STRICT;
CREATE INDEX routes_by_server ON routes (server_id);

CREATE TABLE audit_events (
    seq         INTEGER PRIMARY KEY,                                        -- of the audit file
    happened_at INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    fingerprint BLOB,
    account     TEXT,
    repository  TEXT,
    address     TEXT,
    body        TEXT    NOT NULL                                            -- the whole event, as JSON
) STRICT;
CREATE INDEX audit_events_by_time ON audit_events (happened_at);
CREATE INDEX audit_events_by_key ON audit_events (fingerprint, happened_at);
CREATE INDEX audit_events_by_repository ON audit_events (repository, happened_at);
