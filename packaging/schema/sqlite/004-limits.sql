-- Size limits in bytes of one account's repositories, or of one repository, which override those of gerve.toml: 0 is no
-- limit, NULL is the limit that applies otherwise.

ALTER TABLE accounts ADD COLUMN max_push INTEGER CHECK (max_push >= 0);                    -- of one push
ALTER TABLE accounts ADD COLUMN max_size INTEGER CHECK (max_size >= 0);                    -- of a repository
ALTER TABLE accounts ADD COLUMN max_size_of_owner INTEGER CHECK (max_size_of_owner >= 0);  -- of all of them together
ALTER TABLE repositories ADD COLUMN max_push INTEGER CHECK (max_push >= 0);
ALTER TABLE repositories ADD COLUMN max_size INTEGER CHECK (max_size >= 0);
