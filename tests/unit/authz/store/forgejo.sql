-- The tables of a Forgejo or Gitea that the profile reads, with the columns it has to do with, and a row for each
-- case.
CREATE TABLE `user` (id BIGINT PRIMARY KEY AUTO_INCREMENT, lower_name VARCHAR(255) NOT NULL UNIQUE,
    name VARCHAR(255) NOT NULL, type INT, is_active TINYINT(1), is_admin TINYINT(1),
    is_restricted TINYINT(1) NOT NULL DEFAULT 0, prohibit_login TINYINT(1) NOT NULL DEFAULT 0,
    visibility INT NOT NULL DEFAULT 0);
CREATE TABLE public_key (id BIGINT PRIMARY KEY AUTO_INCREMENT, owner_id BIGINT NOT NULL,
    name VARCHAR(255) NOT NULL, fingerprint VARCHAR(255) NOT NULL, content MEDIUMTEXT NOT NULL,
    mode INT NOT NULL DEFAULT 2, type INT NOT NULL DEFAULT 1, login_source_id BIGINT NOT NULL DEFAULT 0,
    created_unix BIGINT, updated_unix BIGINT, verified TINYINT(1) NOT NULL DEFAULT 0, INDEX (owner_id),
    INDEX (fingerprint));
CREATE TABLE deploy_key (id BIGINT PRIMARY KEY AUTO_INCREMENT, key_id BIGINT, repo_id BIGINT,
    name VARCHAR(255), fingerprint VARCHAR(255), mode INT NOT NULL DEFAULT 1, created_unix BIGINT,
    updated_unix BIGINT, UNIQUE (key_id, repo_id));
CREATE TABLE repository (id BIGINT PRIMARY KEY AUTO_INCREMENT, owner_id BIGINT, owner_name VARCHAR(255),
    lower_name VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL, is_private TINYINT(1),
    is_archived TINYINT(1), is_mirror TINYINT(1), status INT NOT NULL DEFAULT 0, UNIQUE (owner_id,
    lower_name));
CREATE TABLE access (id BIGINT PRIMARY KEY AUTO_INCREMENT, user_id BIGINT, repo_id BIGINT, mode INT,
    UNIQUE (user_id, repo_id));
CREATE TABLE collaboration (id BIGINT PRIMARY KEY AUTO_INCREMENT, repo_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL, mode INT NOT NULL DEFAULT 2, created_unix BIGINT, updated_unix BIGINT,
    UNIQUE (repo_id, user_id));
CREATE TABLE org_user (id BIGINT PRIMARY KEY AUTO_INCREMENT, uid BIGINT, org_id BIGINT,
    is_public TINYINT(1), UNIQUE (uid, org_id));
CREATE TABLE team (id BIGINT PRIMARY KEY AUTO_INCREMENT, org_id BIGINT, lower_name VARCHAR(255),
    name VARCHAR(255), description VARCHAR(255), authorize INT, num_repos INT, num_members INT,
    includes_all_repositories TINYINT(1) NOT NULL DEFAULT 0,
    can_create_org_repo TINYINT(1) NOT NULL DEFAULT 0);
CREATE TABLE team_user (id BIGINT PRIMARY KEY AUTO_INCREMENT, org_id BIGINT, team_id BIGINT, uid BIGINT,
    UNIQUE (team_id, uid));
CREATE TABLE team_repo (id BIGINT PRIMARY KEY AUTO_INCREMENT, org_id BIGINT, team_id BIGINT,
    repo_id BIGINT, UNIQUE (team_id, repo_id));
CREATE TABLE team_unit (id BIGINT PRIMARY KEY AUTO_INCREMENT, org_id BIGINT, team_id BIGINT, type INT,
    access_mode INT, UNIQUE (team_id, type));
INSERT INTO `user` (id, lower_name, name, type, is_active, is_admin, is_restricted, prohibit_login,
    visibility) VALUES (1, 'alice', 'Alice', 0, 1, 0, 0, 0, 0), (2, 'bob', 'Bob', 0, 1, 0, 0, 0, 0), (3,
    'root', 'root', 0, 1, 1, 0, 0, 0), (4, 'rita', 'Rita', 0, 1, 0, 1, 0, 0), (5, 'pat', 'Pat', 0, 1, 0, 0,
    1, 0), (10, 'acme', 'Acme', 1, 1, 0, 0, 0, 0), (11, 'hidden', 'Hidden', 1, 1, 0, 0, 0, 2), (6,
    'sleepy', 'Sleepy', 0, 0, 0, 0, 0, 0);
INSERT INTO repository (id, owner_id, owner_name, lower_name, name, is_private, is_archived, is_mirror,
    status) VALUES (1, 1, 'Alice', 'secret', 'Secret', 1, 0, 0, 0), (2, 1, 'Alice', 'open', 'Open', 0, 0,
    0, 0), (3, 1, 'Alice', 'old', 'Old', 0, 1, 0, 0), (4, 1, 'Alice', 'copy', 'Copy', 0, 0, 1, 0), (5, 10,
    'Acme', 'engine', 'Engine', 1, 0, 0, 0), (6, 11, 'Hidden', 'lair', 'Lair', 0, 0, 0, 0), (7, 1, 'Alice',
    'broken', 'Broken', 0, 0, 0, 3), (8, 1, 'Alice', 'going', 'Going', 0, 0, 0, 2), (9, 11, 'Hidden',
    'treasure', 'Treasure', 1, 0, 0, 0);
INSERT INTO access (user_id, repo_id, mode) VALUES (2, 1, 1), (4, 5, 2), (2, 5, 1), (5, 9, 2);
INSERT INTO collaboration (repo_id, user_id, mode) VALUES (1, 2, 1), (9, 5, 2);
INSERT INTO team (id, org_id, lower_name, name, authorize) VALUES (1, 10, 'owners', 'Owners', 4), (2, 10,
    'devs', 'Devs', 1), (3, 10, 'scribes', 'Scribes', 2);
INSERT INTO team_repo (org_id, team_id, repo_id) VALUES (10, 1, 5), (10, 2, 5), (10, 3, 5);
INSERT INTO team_unit (org_id, team_id, type, access_mode) VALUES (10, 2, 1, 2), (10, 2, 2, 1), (10, 3, 2,
    2);
