#!/usr/bin/python3
"""Runs a program beside a private MariaDB or MySQL server: with_server.py mariadb|mysql PROGRAM ARGUMENTS…

The server listens on a unix socket and on a free port of 127.0.0.1, offers TLS with a certificate made for the
run, and goes with the program. What the program finds in its environment:

  GERVE_TEST_MYSQL_SOCKET   the server's socket; root has no password
  GERVE_TEST_MYSQL_PORT     its port on 127.0.0.1
  GERVE_TEST_MYSQL_CA       the certificate that signed the server's, which is for "localhost"
  GERVE_TEST_MYSQL_PID      the server's process

A server is looked for in GERVE_MARIADBD or GERVE_MYSQLD, then as mariadbd or mysqld in PATH. Where there is
none the run is skipped (exit status 77).
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SKIP = 77
# What is on in MySQL alone and has no part in a test: a second protocol, on a port and a socket that all servers of a
# machine would share; a directory for files, which a package makes when it is installed; a binary log.
MYSQL_ALONE = ["--mysqlx=OFF", "--secure-file-priv=NULL", "--skip-log-bin"]


def find_server(engine):
    """The path of the server's program, or None."""
    wanted = {"mariadb": ("GERVE_MARIADBD", "mariadbd"), "mysql": ("GERVE_MYSQLD", "mysqld")}[engine]
    path = os.environ.get(wanted[0]) or shutil.which(wanted[1], path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        return None
    version = subprocess.run([path, "--no-defaults", "--version"], capture_output=True, text=True, check=False).stdout
    # Debian calls MariaDB mysqld, too.
    return path if ("MariaDB" in version) == (engine == "mariadb") else None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificates(directory):
    """ca.pem, and server.pem with server.key for "localhost"."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test CA")
    openssl("req", *new, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (directory / "names").write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "server.pem")


class Server:
    """A server of its own, in a directory of its own."""

    def __init__(self, engine, program, tls=True, options=()):
        self.engine = engine
        self.program = program
        self.directory = Path(tempfile.mkdtemp(prefix="gerve-db-"))
        self.socket = str(self.directory / "sock")
        self.port = free_port()
        self.options = [*(MYSQL_ALONE if engine == "mysql" else []), *options]
        self.process = None
        if tls:
            make_certificates(self.directory)
            self.options += [f"--ssl-{kind}={self.directory / name}"
                             for kind, name in (("ca", "ca.pem"), ("cert", "server.pem"), ("key", "server.key"))]
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        # At its start a server removes the temporary tables of every other server that uses the same directory.
        self.environment_of_server = {**os.environ, "TMPDIR": str(self.directory)}
        self.log = open(self.directory / "log", "ab")  # pylint: disable=consider-using-with
        try:
            self.initialize()
            self.start()
        except BaseException:
            self.remove()  # nobody else could: there is no Server yet
            raise

    def initialize(self):
        data = self.directory / "data"
        if self.engine == "mariadb":
            command = ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal",
                       "--skip-test-db", f"--datadir={data}", f"--user={self.user}"]
        else:
            command = [self.program, "--no-defaults", "--initialize-insecure", f"--datadir={data}",
                       f"--user={self.user}"]
        done = subprocess.run(command, env=self.environment_of_server, stdout=self.log, stderr=self.log, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed:\n{self.tail()}")

    def start(self):
        """Starts the server and waits until it answers. What it committed outlives its being killed, not the
        machine's: a log written at every commit and synchronized never."""
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [self.program, "--no-defaults", f"--datadir={self.directory / 'data'}", f"--socket={self.socket}",
             f"--port={self.port}", "--bind-address=127.0.0.1", f"--pid-file={self.directory / 'pid'}",
             f"--user={self.user}", "--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2",
             "--innodb-buffer-pool-size=512M",
             "--skip-name-resolve", "--max-connections=200", *self.options],
            env=self.environment_of_server, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.program} ended:\n{self.tail()}")
            try:
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.settimeout(1)
                    probe.connect(self.socket)
                    if probe.recv(1):
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{self.program} does not answer:\n{self.tail()}")

    def environment(self):
        return {"GERVE_TEST_MYSQL_SOCKET": self.socket, "GERVE_TEST_MYSQL_PORT": str(self.port),
                "GERVE_TEST_MYSQL_CA": str(self.directory / "ca.pem"),
                "GERVE_TEST_MYSQL_PID": str(self.process.pid)}

    def tail(self):
        return (self.directory / "log").read_text(errors="replace")[-3000:]

    def kill(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait()

    def remove(self):
        if self.process is not None:
            self.kill()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def main():
    engine, *command = sys.argv[1:]
    program = find_server(engine)
    if program is None:
        print(f"skipped: no {engine} server; install one, or name it in "
              f"{'GERVE_MARIADBD' if engine == 'mariadb' else 'GERVE_MYSQLD'}")
        sys.exit(SKIP)
    version = subprocess.run([program, "--no-defaults", "--version"], capture_output=True, text=True, check=True)
    print(version.stdout.strip(), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server = Server(engine, program)
    try:
        sys.exit(subprocess.run(command, env={**os.environ, **server.environment()}, check=False).returncode)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
