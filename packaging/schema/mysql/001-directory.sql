-- The directory of Gerve: who owns which key, who may do what, and where an owner's repositories live.
-- For MySQL 8 and MariaDB 10.5 or later. Times are milliseconds since the Unix epoch. Names are stored as given
-- and, for lookups, folded to lower case. Levels: 1 read, 2 write, 3 admin.
-- Every statement can be repeated: MySQL commits each CREATE TABLE by itself, so a migration that was
-- interrupted continues where it stopped.

CREATE TABLE IF NOT EXISTS accounts (
    id           BIGINT PRIMARY KEY AUTO_INCREMENT,
    login        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    login_folded VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE,
    kind         TINYINT NOT NULL CHECK (kind IN (1, 2)),          -- 1 user, 2 organisation
    created_at   BIGINT NOT NULL,
    suspended_at BIGINT
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS repositories (
    id          BIGINT PRIMARY KEY AUTO_INCREMENT,
    owner_id    BIGINT NOT NULL,
    name        VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name_folded VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    is_public   TINYINT NOT NULL CHECK (is_public IN (0, 1)),
    created_at  BIGINT NOT NULL,
    archived_at BIGINT,
    disabled_at BIGINT,
    UNIQUE (owner_id, name_folded),
    FOREIGN KEY (owner_id) REFERENCES accounts (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Former names of repositories; a repository that has the name now takes precedence.
CREATE TABLE IF NOT EXISTS repo_redirects (
    owner_id    BIGINT NOT NULL,
    name_folded VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    repo_id     BIGINT NOT NULL,
    PRIMARY KEY (owner_id, name_folded),
    FOREIGN KEY (owner_id) REFERENCES accounts (id),
    FOREIGN KEY (repo_id) REFERENCES repositories (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Each key is registered once: for one account, or for one repository as a deploy key.
CREATE TABLE IF NOT EXISTS public_keys (
    id          BIGINT PRIMARY KEY AUTO_INCREMENT,
    fingerprint BINARY(32) NOT NULL UNIQUE,                                 -- SHA-256 of key_blob
    algorithm   VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    key_blob    VARBINARY(4096) NOT NULL,                                   -- RFC 4253 wire format
    title       VARCHAR(255) NOT NULL,
    account_id  BIGINT,
    repo_id     BIGINT,
    can_write   TINYINT NOT NULL CHECK (can_write IN (0, 1)),               -- of a deploy key
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT,
    revoked_at  BIGINT,
    CHECK ((account_id IS NULL) <> (repo_id IS NULL)),
    FOREIGN KEY (account_id) REFERENCES accounts (id),
    FOREIGN KEY (repo_id) REFERENCES repositories (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Small and separate, because it is written in batches all the time.
CREATE TABLE IF NOT EXISTS key_last_used (
    key_id  BIGINT PRIMARY KEY,
    used_at BIGINT NOT NULL,
    address VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    FOREIGN KEY (key_id) REFERENCES public_keys (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS collaborators (
    repo_id    BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    level      TINYINT NOT NULL CHECK (level IN (1, 2, 3)),
    PRIMARY KEY (repo_id, account_id),
    FOREIGN KEY (repo_id) REFERENCES repositories (id),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS org_members (
    org_id     BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    role       TINYINT NOT NULL CHECK (role IN (1, 2)),                     -- 1 member, 2 owner
    PRIMARY KEY (org_id, account_id),
    FOREIGN KEY (org_id) REFERENCES accounts (id),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS teams (
    id          BIGINT PRIMARY KEY AUTO_INCREMENT,
    org_id      BIGINT NOT NULL,
    name        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name_folded VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at  BIGINT NOT NULL,
    UNIQUE (org_id, name_folded),
    FOREIGN KEY (org_id) REFERENCES accounts (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS team_members (
    team_id    BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    PRIMARY KEY (team_id, account_id),
    FOREIGN KEY (team_id) REFERENCES teams (id),
    FOREIGN KEY (account_id) REFERENCES accounts (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS team_repos (
    repo_id BIGINT NOT NULL,
    team_id BIGINT NOT NULL,
    level   TINYINT NOT NULL CHECK (level IN (1, 2, 3)),
    PRIMARY KEY (repo_id, team_id),
    FOREIGN KEY (repo_id) REFERENCES repositories (id),
    FOREIGN KEY (team_id) REFERENCES teams (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS servers (
    id   BIGINT PRIMARY KEY AUTO_INCREMENT,
    name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL UNIQUE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS endpoints (
    server_id BIGINT NOT NULL,
    position  INT NOT NULL,                                                 -- the lowest is tried first
    address   VARCHAR(300) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (server_id, position),
    FOREIGN KEY (server_id) REFERENCES servers (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS routes (
    owner_id  BIGINT PRIMARY KEY,
    server_id BIGINT NOT NULL,
    FOREIGN KEY (owner_id) REFERENCES accounts (id),
    FOREIGN KEY (server_id) REFERENCES servers (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE IF NOT EXISTS audit_events (
    seq         BIGINT PRIMARY KEY,                                         -- of the audit file
    happened_at BIGINT NOT NULL,
    kind        VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    fingerprint BINARY(32),
    account     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
    repository  VARCHAR(165) CHARACTER SET ascii COLLATE ascii_bin,
    address     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
    body        TEXT NOT NULL,                                              -- the whole event, as JSON
    INDEX audit_events_by_time (happened_at),
    INDEX audit_events_by_key (fingerprint, happened_at),
    INDEX audit_events_by_repository (repository, happened_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
