"""The shape of 2009: sshd asks MySQL by a script for each key; a forced command, a second ssh to the file server."""

import os
import shutil
import subprocess

from benchlib import processes
from benchlib.sshd import GIT_SHELL, SSHD, StockSshd, give_away, make_host_key, write_passwd
from benchlib.system import BenchError, free_port

MARIADBD = "/usr/sbin/mariadbd"
FRONT_UID, STORE_UID, KEYS_UID = 64804, 64801, 64803

# AuthorizedKeysCommand: %f is base64 after "SHA256:", so quotes are safe.
KEYS_SCRIPT = """#!/bin/sh
exec mysql --defaults-file=/run/old/my.cnf -N -B -e "SELECT CONCAT('restrict,command=\\"/run/old/route ', a.login, \
'\\" ', k.algorithm, ' ', TO_BASE64(k.key_blob)) FROM public_keys k JOIN accounts a ON a.id = k.account_id \
WHERE k.fingerprint = FROM_BASE64('${1#SHA256:}=')" gerve
"""

# The forced command: who may read, where it lives, and ssh to there.
ROUTE_SCRIPT = """#!/bin/sh
set -- $1 $SSH_ORIGINAL_COMMAND
path=${3#\\'}; path=${path%\\'}
path=${path#/}; owner=${path%%/*}; name=${path#*/}
case $2 in git-upload-pack|git-receive-pack) ;; *) exit 128 ;; esac
case $path in *[!a-zA-Z0-9/._-]*) exit 128 ;; esac
host=$(mysql --defaults-file=/run/old/my.cnf -N -B -e "SELECT s.name FROM repositories r \
JOIN accounts o ON o.id = r.owner_id JOIN routes t ON t.owner_id = o.id JOIN servers s ON s.id = t.server_id \
WHERE o.login_folded = '$owner' AND r.name_folded = '$name' AND (r.is_public OR o.login = '$1')" gerve)
[ -n "$host" ] || { echo "ERROR: Repository not found." >&2; exit 1; }
exec ssh -F /run/old/ssh_config "$host" "$2 '$owner/$name'"
"""

SSH_CONFIG = """\
Host *
    HostName 127.0.0.1
    Port {port}
    User store
    IdentityFile /run/old/id
    IdentitiesOnly yes
    UserKnownHostsFile /run/old/known_hosts
    StrictHostKeyChecking yes
    SendEnv GIT_PROTOCOL
    KexAlgorithms curve25519-sha256
    HostKeyAlgorithms ssh-ed25519
    Ciphers aes256-gcm@openssh.com
    LogLevel ERROR
"""

SERVE = """
mount --bind "$1/passwd" /etc/passwd &&
mount -t tmpfs -o mode=0755 tmpfs /run && mkdir -m 0755 /run/sshd /run/old &&
cp "$1"/programs/* /run/old/ && chmod 0755 /run/old/keys /run/old/route && chmod 0644 /run/old/my.cnf &&
chown front /run/old/id && chmod 0600 /run/old/id || exit
trap 'kill $database $store $front; wait' TERM
"$2" --no-defaults --datadir="$1/data" --socket=/run/old/sock --skip-networking --user=root --skip-grant-tables \
    --innodb-flush-log-at-trx-commit=0 --skip-name-resolve --max-connections=4000 &
database=$!
until [ -S /run/old/sock ]; do kill -0 $database || exit; sleep 0.1; done
mysql --defaults-file=/run/old/my.cnf < "$1/rows.sql" || exit
"$3" -D -f "$1/store_config" -E "$1/store.log" &
store=$!
"$3" -D -f "$4" -E "$1/sshd.log" &
front=$!
wait
"""

FRONT_CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {directory}/host_key
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups {startups}
Match User git
    AuthorizedKeysCommand /run/old/keys %f
    AuthorizedKeysCommandUser oldkeys
    AuthorizedKeysFile none
    AcceptEnv GIT_PROTOCOL
    DisableForwarding yes
    PermitTTY no
"""

STORE_CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {directory}/host_key
PidFile none
AllowUsers store
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile {directory}/store_keys
StrictModes no
AcceptEnv GIT_PROTOCOL
DisableForwarding yes
PermitTTY no
MaxStartups 100000
"""

ROWS = """\
CREATE DATABASE IF NOT EXISTS gerve; USE gerve;
{schema}
INSERT IGNORE INTO accounts VALUES (1, '{owner}', '{owner}', 1, 0, NULL);
INSERT IGNORE INTO public_keys VALUES (1, FROM_BASE64('{hash}='), '{algorithm}', FROM_BASE64('{blob}'), '', 1, NULL, 0, 0, NULL, NULL);
INSERT IGNORE INTO servers VALUES (1, 'fs1');
INSERT IGNORE INTO routes VALUES (1, 1);
"""


class Script2009(StockSshd):
    name = "2009"
    title = "2009: script, 2nd ssh"

    def unavailable(self):
        missing = [path for path in (MARIADBD, "/usr/bin/mysql", "/usr/bin/mariadb-install-db")
                   if not os.path.exists(path)]
        return super().unavailable() or (f"not installed: {', '.join(missing)}" if missing else None)

    def install(self):
        self._store_port = free_port()
        self._home = os.path.join(self.directory, "home")
        os.makedirs(os.path.join(self._home, self.owner))
        give_away(self._home)
        host_key = make_host_key(self.directory)
        self._install_programs(host_key)
        self._install_database()
        for stock, startups in ((False, "100000"), (True, "10:30:100")):
            self._write("stock_config" if stock else "front_config", FRONT_CONFIG.format(
                port=self.port, directory=self.directory, startups=startups))
        self._write("store_config", STORE_CONFIG.format(port=self._store_port, directory=self.directory))
        write_passwd(os.path.join(self.directory, "passwd"), [
            f"git:*:{FRONT_UID}:{FRONT_UID}::/:/bin/sh\n", f"front:*:{FRONT_UID}:{FRONT_UID}::/:/bin/sh\n",
            f"store:*:{STORE_UID}:{STORE_UID}::{self._home}:{GIT_SHELL}\n",
            f"oldkeys:*:{KEYS_UID}:{KEYS_UID}::/nonexistent:/usr/sbin/nologin\n"])

    def _install_programs(self, host_key):
        os.mkdir(os.path.join(self.directory, "programs"))
        self._write("programs/keys", KEYS_SCRIPT)
        self._write("programs/route", ROUTE_SCRIPT)
        self._write("programs/my.cnf", "[client]\nsocket=/run/old/sock\nuser=gerve\n")
        self._write("programs/ssh_config", SSH_CONFIG.format(port=self._store_port))
        with open(host_key + ".pub") as file:
            self._write("programs/known_hosts", f"[127.0.0.1]:{self._store_port} {file.read()}")
        own = os.path.join(self.directory, "programs", "id")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", own], check=True)
        shutil.move(own + ".pub", os.path.join(self.directory, "store_keys"))

    def _install_database(self):
        made = subprocess.run(["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal",
                               "--skip-test-db", f"--datadir={self.directory}/data", "--user=root"],
                              capture_output=True, text=True)
        if made.returncode != 0:
            raise BenchError(f"mariadb-install-db: {made.stderr[-400:]}")
        algorithm, blob = open(self.workspace.key + ".pub").read().split()[:2]
        told = subprocess.run(["ssh-keygen", "-lf", self.workspace.key + ".pub"], capture_output=True, text=True)
        schema = os.path.join(os.path.dirname(__file__), "../../../packaging/schema/mysql/001-directory.sql")
        with open(schema) as file:
            self._write("rows.sql", ROWS.format(schema=file.read(), owner=self.owner, algorithm=algorithm, blob=blob,
                                                hash=told.stdout.split()[1].removeprefix("SHA256:")))

    def command(self, stock_limits):
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", SERVE, "sh", self.directory, MARIADBD,
                SSHD, os.path.join(self.directory, "stock_config" if stock_limits else "front_config")]

    def create_repository(self, name):
        super().create_repository(name)
        self._mysql(f"INSERT INTO repositories VALUES (NULL, 1, '{name}', '{name}', 1, 0, NULL, NULL)")

    def delete_repository(self, name):
        super().delete_repository(name)
        self._mysql(f"DELETE FROM repositories WHERE name = '{name}'")

    def _mysql(self, statement):
        # The server's socket is in its own mount namespace.
        ran = subprocess.run(["nsenter", "--mount", f"--target={self._main.pid}", "mysql",
                              "--defaults-file=/run/old/my.cnf", "gerve", "-e", statement],
                             capture_output=True, text=True)
        if ran.returncode != 0:
            raise BenchError(f"mysql: {ran.stderr.strip()}")

    def path_prefix(self):
        return ""

    def url(self, name):
        # "host:path" is given to the forced command as it stands, without a slash in front.
        return f"ssh://{self.login}@127.0.0.1:{self.port}/{self.owner}/{name}"

    def role_of(self, pid):
        name = processes.executable(pid)
        return "git" if processes.is_git(name) else {"dash": "sh", "mariadb": "mysql"}.get(name, name)

    def _write(self, name, text):
        with open(os.path.join(self.directory, name), "w") as file:
            file.write(text)
