-- Gerve's schema and its two accounts, each with no more than it needs. Run it as the server's administrator,
-- with the schema's name and the passwords put in; narrow '%' to the gateways' addresses where they are known.
-- The serving account's two INSERT grants name tables, so they succeed once `gerve schema migrate` made them:
-- run the script, which ends in error 1146, migrate as gerve_admin, run it again. Safe to run as often as one likes.
--
--   sed -e 's/@SCHEMA@/gerve/g' -e 's/@SERVE_PASSWORD@/…/' -e 's/@ADMIN_PASSWORD@/…/' mysql-accounts.sql | mysql

CREATE DATABASE IF NOT EXISTS `@SCHEMA@`;

-- For the administrative commands ([directory.mysql] admin_user): changes of rows, and of the schema.
CREATE USER IF NOT EXISTS 'gerve_admin'@'%' IDENTIFIED BY '@ADMIN_PASSWORD@';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES ON `@SCHEMA@`.* TO 'gerve_admin'@'%';

-- For authz ([directory.mysql] user): it looks up, and writes the audit trail and when a key was last used.
CREATE USER IF NOT EXISTS 'gerve'@'%' IDENTIFIED BY '@SERVE_PASSWORD@';
GRANT SELECT ON `@SCHEMA@`.* TO 'gerve'@'%';
GRANT INSERT ON `@SCHEMA@`.audit_events TO 'gerve'@'%';
GRANT INSERT, UPDATE ON `@SCHEMA@`.key_last_used TO 'gerve'@'%';
