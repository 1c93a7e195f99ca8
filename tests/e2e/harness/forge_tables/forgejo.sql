-- Forgejo 7 and later.
CREATE TABLE repo_unit (id BIGINT PRIMARY KEY AUTO_INCREMENT, repo_id BIGINT, type INT, config TEXT,
    created_unix BIGINT, default_permissions INT NOT NULL DEFAULT 0, INDEX (repo_id, type));
ALTER TABLE user_redirect ADD COLUMN created_unix BIGINT NOT NULL DEFAULT 0;
