-- What an organisation asks of logins that use its repositories: 0 nothing, 1 of pushes, 2 of everything. And FIDO keys
-- that log in without a touch, and the highest signature counter of each.

ALTER TABLE accounts ADD COLUMN requires_post_quantum INTEGER NOT NULL DEFAULT 0 CHECK (requires_post_quantum IN (0, 1));
ALTER TABLE accounts ADD COLUMN requires_touch INTEGER NOT NULL DEFAULT 0 CHECK (requires_touch IN (0, 1, 2));
ALTER TABLE accounts ADD COLUMN requires_pin INTEGER NOT NULL DEFAULT 0 CHECK (requires_pin IN (0, 1, 2));
-- Whether touch and PIN are asked of deploy keys, too.
ALTER TABLE accounts ADD COLUMN requires_of_deploy_keys INTEGER NOT NULL DEFAULT 0 CHECK (requires_of_deploy_keys IN (0, 1));
ALTER TABLE public_keys ADD COLUMN no_touch_required INTEGER NOT NULL DEFAULT 0 CHECK (no_touch_required IN (0, 1));
ALTER TABLE key_last_used ADD COLUMN signature_counter INTEGER NOT NULL DEFAULT 0;  -- the highest; 0: none
ALTER TABLE key_last_used ADD COLUMN counted_at INTEGER NOT NULL DEFAULT 0;         -- when it was recorded
