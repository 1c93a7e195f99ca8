-- Names that an account had, or is being given, besides its login: rows of accounts that are names alone, and own
-- nothing but redirects.

ALTER TABLE accounts ADD COLUMN alias_of INTEGER REFERENCES accounts (id);      -- the account that has this name
ALTER TABLE accounts ADD COLUMN renaming_to INTEGER REFERENCES accounts (id);   -- while it is renamed: the name's row
