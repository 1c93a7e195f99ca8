-- The kind of a repository: the program that reads and writes it.

ALTER TABLE repositories ADD COLUMN kind INTEGER NOT NULL DEFAULT 1 CHECK (kind IN (1, 2));  -- 1 git, 2 hg
