-- The kind of a repository: the program that reads and writes it. One statement, which may run again.

SET @gerve_change = IF(
    (SELECT COUNT(*) FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = 'repositories' AND column_name = 'kind') > 0,
    'DO 0',
    'ALTER TABLE repositories
     ADD COLUMN kind TINYINT NOT NULL DEFAULT 1 CHECK (kind IN (1, 2))');  -- 1 git, 2 hg
PREPARE gerve_change FROM @gerve_change;
EXECUTE gerve_change;
DEALLOCATE PREPARE gerve_change;
