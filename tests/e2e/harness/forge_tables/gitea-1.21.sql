-- Gitea 1.19 to 1.21.
CREATE TABLE repo_unit (id BIGINT PRIMARY KEY AUTO_INCREMENT, repo_id BIGINT, type INT, config TEXT,
    created_unix BIGINT, INDEX (repo_id, type));
