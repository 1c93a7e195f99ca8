-- What the tables of all families have in common: the columns that Gerve reads, and some beside them.
CREATE TABLE `user` (id BIGINT PRIMARY KEY AUTO_INCREMENT, lower_name VARCHAR(255) NOT NULL UNIQUE,
    name VARCHAR(255) NOT NULL UNIQUE, full_name VARCHAR(255), email VARCHAR(255) NOT NULL DEFAULT '',
    keep_email_private TINYINT(1) NOT NULL DEFAULT 0, passwd VARCHAR(255) NOT NULL DEFAULT '',
    must_change_password TINYINT(1) NOT NULL DEFAULT 0, login_type INT, login_source BIGINT NOT NULL DEFAULT 0,
    type INT, created_unix BIGINT, updated_unix BIGINT, max_repo_creation INT NOT NULL DEFAULT -1,
    is_active TINYINT(1), is_admin TINYINT(1), is_restricted TINYINT(1) NOT NULL DEFAULT 0,
    prohibit_login TINYINT(1) NOT NULL DEFAULT 0, visibility INT NOT NULL DEFAULT 0);
CREATE TABLE repository (id BIGINT PRIMARY KEY AUTO_INCREMENT, owner_id BIGINT, owner_name VARCHAR(255),
    lower_name VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL, description TEXT, default_branch VARCHAR(255),
    is_private TINYINT(1), is_empty TINYINT(1), is_archived TINYINT(1), is_mirror TINYINT(1),
    status INT NOT NULL DEFAULT 0, is_fork TINYINT(1) NOT NULL DEFAULT 0, fork_id BIGINT,
    created_unix BIGINT, updated_unix BIGINT, UNIQUE (owner_id, lower_name), INDEX (lower_name));
CREATE TABLE public_key (id BIGINT PRIMARY KEY AUTO_INCREMENT, owner_id BIGINT NOT NULL,
    name VARCHAR(255) NOT NULL, fingerprint VARCHAR(255) NOT NULL, content MEDIUMTEXT NOT NULL,
    mode INT NOT NULL DEFAULT 2, type INT NOT NULL DEFAULT 1, login_source_id BIGINT NOT NULL DEFAULT 0,
    created_unix BIGINT, updated_unix BIGINT, verified TINYINT(1) NOT NULL DEFAULT 0, INDEX (owner_id),
    INDEX (fingerprint));
CREATE TABLE deploy_key (id BIGINT PRIMARY KEY AUTO_INCREMENT, key_id BIGINT, repo_id BIGINT,
    name VARCHAR(255), fingerprint VARCHAR(255), mode INT NOT NULL DEFAULT 1, created_unix BIGINT,
    updated_unix BIGINT, UNIQUE (key_id, repo_id));
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
    can_create_org_repo TINYINT(1) NOT NULL DEFAULT 0, INDEX (org_id));
CREATE TABLE team_user (id BIGINT PRIMARY KEY AUTO_INCREMENT, org_id BIGINT, team_id BIGINT, uid BIGINT,
    UNIQUE (team_id, uid));
CREATE TABLE team_repo (id BIGINT PRIMARY KEY AUTO_INCREMENT, org_id BIGINT, team_id BIGINT,
    repo_id BIGINT, UNIQUE (team_id, repo_id));
CREATE TABLE team_unit (id BIGINT PRIMARY KEY AUTO_INCREMENT, org_id BIGINT, team_id BIGINT, type INT,
    access_mode INT, UNIQUE (team_id, type));
CREATE TABLE two_factor (id BIGINT PRIMARY KEY AUTO_INCREMENT, uid BIGINT UNIQUE, secret VARCHAR(255));
CREATE TABLE webauthn_credential (id BIGINT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(255), user_id BIGINT,
    INDEX (user_id));
CREATE TABLE user_redirect (id BIGINT PRIMARY KEY AUTO_INCREMENT, lower_name VARCHAR(255) NOT NULL UNIQUE,
    redirect_user_id BIGINT);
CREATE TABLE repo_redirect (id BIGINT PRIMARY KEY AUTO_INCREMENT, owner_id BIGINT,
    lower_name VARCHAR(255) NOT NULL, redirect_repo_id BIGINT, UNIQUE (owner_id, lower_name));
