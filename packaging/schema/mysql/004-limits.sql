-- Size limits in bytes of one account's repositories, or of one repository, which override those of gerve.toml: 0 is no
-- limit, NULL is the limit that applies otherwise. Two statements, which may run again.

SET @gerve_change = IF(
    (SELECT COUNT(*) FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'max_push') > 0,
    'DO 0',
    'ALTER TABLE accounts
     ADD COLUMN max_push BIGINT CHECK (max_push >= 0),
     ADD COLUMN max_size BIGINT CHECK (max_size >= 0),
     ADD COLUMN max_size_of_owner BIGINT CHECK (max_size_of_owner >= 0)');
PREPARE gerve_change FROM @gerve_change;
EXECUTE gerve_change;
DEALLOCATE PREPARE gerve_change;

SET @gerve_change = IF(
    (SELECT COUNT(*) FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = 'repositories' AND column_name = 'max_push') > 0,
    'DO 0',
    'ALTER TABLE repositories
     ADD COLUMN max_push BIGINT CHECK (max_push >= 0),
     ADD COLUMN max_size BIGINT CHECK (max_size >= 0)');
PREPARE gerve_change FROM @gerve_change;
EXECUTE gerve_change;
DEALLOCATE PREPARE gerve_change;
