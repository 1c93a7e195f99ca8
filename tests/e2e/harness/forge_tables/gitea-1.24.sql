-- Gitea 1.24 and later.
CREATE TABLE repo_unit (id BIGINT PRIMARY KEY AUTO_INCREMENT, repo_id BIGINT, type INT, config TEXT,
    created_unix BIGINT, anonymous_access_mode INT NOT NULL DEFAULT 0,
    everyone_access_mode INT NOT NULL DEFAULT 0, INDEX (repo_id, type));
