-- Audit events of several trails in one table: a trail is known by its chain, an event by its number there.
-- Nothing was ever written to the table of 001. It is changed in one statement, which may run again.

SET @gerve_change = IF(
    (SELECT COUNT(*) FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = 'audit_events' AND column_name = 'chain') > 0,
    'DO 0',
    'ALTER TABLE audit_events
     ADD COLUMN chain BINARY(16) NOT NULL FIRST,
     ADD COLUMN gateway VARCHAR(255) NOT NULL AFTER happened_at,
     ADD COLUMN denied TINYINT NOT NULL CHECK (denied IN (0, 1)) AFTER kind,
     MODIFY COLUMN body MEDIUMTEXT NOT NULL,
     DROP PRIMARY KEY,
     ADD PRIMARY KEY (chain, seq),
     ADD INDEX audit_events_by_account (account, happened_at)');
PREPARE gerve_change FROM @gerve_change;
EXECUTE gerve_change;
DEALLOCATE PREPARE gerve_change;
