-- Gitea 1.22 and 1.23.
CREATE TABLE repo_unit (id BIGINT PRIMARY KEY AUTO_INCREMENT, repo_id BIGINT, type INT, config TEXT,
    created_unix BIGINT, everyone_access_mode INT NOT NULL DEFAULT 0, INDEX (repo_id, type));
