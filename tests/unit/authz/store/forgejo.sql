-- A row for each case of the profile, in the tables of tests/e2e/harness/forge_tables/common.sql.
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
