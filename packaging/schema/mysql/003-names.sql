-- Names that an account had, or is being given, besides its login: rows of accounts that are names alone, and own
-- nothing but redirects. One statement, which may run again.

SET @gerve_change = IF(
    (SELECT COUNT(*) FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'alias_of') > 0,
    'DO 0',
    'ALTER TABLE accounts
     ADD COLUMN alias_of BIGINT,
     ADD COLUMN renaming_to BIGINT,
     ADD FOREIGN KEY (alias_of) REFERENCES accounts (id),
     ADD FOREIGN KEY (renaming_to) REFERENCES accounts (id)');
PREPARE gerve_change FROM @gerve_change;
EXECUTE gerve_change;
DEALLOCATE PREPARE gerve_change;
