-- Gerve's schema and its two accounts, each with only the rights that it needs. Fill in the schema's name and the
-- passwords, and run this script as the server's administrator; replace '%' with the gateways' addresses if you know
-- them. The serving account's INSERT grants name tables that `gerve schema migrate` creates: run this script, which
-- ends with error 1146 the first time, run `gerve schema migrate`, then run this script again. It can be repeated.
--
--   sed -e 's/@SCHEMA@/gerve/g' -e 's/@SERVE_PASSWORD@/…/' -e 's/@ADMIN_PASSWORD@/…/' mysql-accounts.sql | mysql

CREATE DATABASE IF NOT EXISTS `@SCHEMA@`;

-- For the administrative commands ([directory.mysql] admin_user), which change rows and the schema.
CREATE USER IF NOT EXISTS 'gerve_admin'@'%' IDENTIFIED BY '@ADMIN_PASSWORD@';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES ON `@SCHEMA@`.* TO 'gerve_admin'@'%';

-- For authz ([directory.mysql] user), which reads the directory, and writes audit events and the last uses of keys.
CREATE USER IF NOT EXISTS 'gerve'@'%' IDENTIFIED BY '@SERVE_PASSWORD@';
GRANT SELECT ON `@SCHEMA@`.* TO 'gerve'@'%';
GRANT INSERT ON `@SCHEMA@`.audit_events TO 'gerve'@'%';
GRANT INSERT, UPDATE ON `@SCHEMA@`.key_last_used TO 'gerve'@'%';
