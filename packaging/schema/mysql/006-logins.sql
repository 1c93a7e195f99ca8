-- What an organisation asks of logins that use its repositories: 0 nothing, 1 of pushes, 2 of everything; and whether it
-- asks touch and PIN of deploy keys, too. And FIDO keys that log in without a touch, and the highest
-- signature counter of each. Three statements, which may run again.

SET @gerve_change = IF(
    (SELECT COUNT(*) FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'requires_touch') > 0,
    'DO 0',
    'ALTER TABLE accounts
     ADD COLUMN requires_post_quantum TINYINT NOT NULL DEFAULT 0 CHECK (requires_post_quantum IN (0, 1)),
     ADD COLUMN requires_touch TINYINT NOT NULL DEFAULT 0 CHECK (requires_touch IN (0, 1, 2)),
     ADD COLUMN requires_pin TINYINT NOT NULL DEFAULT 0 CHECK (requires_pin IN (0, 1, 2)),
     ADD COLUMN requires_of_deploy_keys TINYINT NOT NULL DEFAULT 0 CHECK (requires_of_deploy_keys IN (0, 1))');
PREPARE gerve_change FROM @gerve_change;
EXECUTE gerve_change;
DEALLOCATE PREPARE gerve_change;

SET @gerve_change = IF(
    (SELECT COUNT(*) FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = 'public_keys' AND column_name = 'no_touch_required') > 0,
    'DO 0',
    'ALTER TABLE public_keys
     ADD COLUMN no_touch_required TINYINT NOT NULL DEFAULT 0 CHECK (no_touch_required IN (0, 1))');
PREPARE gerve_change FROM @gerve_change;
EXECUTE gerve_change;
DEALLOCATE PREPARE gerve_change;

SET @gerve_change = IF(
    (SELECT COUNT(*) FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = 'key_last_used' AND column_name = 'counted_at') > 0,
    'DO 0',
    'ALTER TABLE key_last_used
     ADD COLUMN signature_counter BIGINT NOT NULL DEFAULT 0,
     ADD COLUMN counted_at BIGINT NOT NULL DEFAULT 0');
PREPARE gerve_change FROM @gerve_change;
EXECUTE gerve_change;
DEALLOCATE PREPARE gerve_change;
