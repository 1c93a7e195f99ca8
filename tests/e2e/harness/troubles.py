"""Troubles of the parts of a site: each takes a House (test_trouble.py) and lasts as long as its context.

A House has `site`, a Production; `database`, a Database; `disk`, where the audit file is; `people` and `repositories`
by name; and `former_trails`, the audit files that were moved away.
"""

import os
import shutil
import signal
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from .hanging import hanging
from .processes import stopped, wait_until


def in_mysql(name: str):
    """What makes a trouble of a table: TABLE_TROUBLES has the statements that begin and end it."""
    begin, end = TABLE_TROUBLES[name]

    def of_table(table: str):
        @contextmanager
        def trouble(house):
            schema = house.site.schema
            words = {"table": f"{schema}.{table}", "aside": f"{schema}.{table}_aside"}
            house.database.ask(begin.format(**words))
            try:
                yield
            finally:
                house.database.ask(end.format(**words))

        return trouble

    return of_table


PUT_BACK = "RENAME TABLE {aside} TO {table}"
TABLE_TROUBLES = {
    "error": ("RENAME TABLE {table} TO {aside}; CREATE TABLE {table} (nothing INT)", "DROP TABLE {table}; " + PUT_BACK),
    "gone": ("RENAME TABLE {table} TO {aside}", PUT_BACK),
    "replaced": ("RENAME TABLE {table} TO {aside}; CREATE TABLE {table} LIKE {aside}", "DROP TABLE {table}; " + PUT_BACK),
    "slow": ("RENAME TABLE {table} TO {aside}; CREATE VIEW {table} AS SELECT a.* FROM {aside} a"
             " JOIN (SELECT SLEEP(0.05) AS s) w ON w.s = 0", "DROP VIEW {table}; " + PUT_BACK),
}


def odd_row(table: str, key: str, column: str, value: str, where: str):
    """One row has a value that makes no sense; `where` finds it, with {owner} and {reader} for logins."""

    @contextmanager
    def trouble(house):
        name, aside = f"{house.site.schema}.{table}", f"{house.site.schema}.{table}_aside"
        found = where.format(owner=house.people["alice"].login, reader=house.people["bob"].login)
        house.database.ask(f"USE {house.site.schema}; SET check_constraint_checks = 0;"
                           f"CREATE TABLE {aside} AS SELECT * FROM {name} WHERE {found};"
                           f"UPDATE {name} SET {column} = {value} WHERE {found}")
        try:
            yield
        finally:
            house.database.ask(f"UPDATE {name} t JOIN {aside} a ON a.{key} = t.{key} SET t.{column} = a.{column};"
                               f"DROP TABLE {aside}")

    return trouble


def table_locked(table: str):
    def trouble(house):
        return house.database.locked(f"{house.site.schema}.{table}")

    return trouble


def connections_killed(house):
    house.database.kill_connections()
    return ExitStack()


@contextmanager
def redis_says(house, begin: list[str], end: list[str]):
    house.site.redis.ask(*begin)
    try:
        yield
    finally:
        house.site.redis.ask(*end)


def redis_acl(house):
    return redis_says(house, ["ACL", "SETUSER", "default", "-get", "-mget"], ["ACL", "SETUSER", "default", "+@all"])


@contextmanager
def redis_gone(house):
    house.site.redis.kill()
    try:
        yield
    finally:
        house.site.redis.start()


@contextmanager
def redis_hangs(house):
    house.site.redis.freeze()
    try:
        yield
    finally:
        house.site.redis.thaw()


@contextmanager
def redis_odd(house):
    keys = house.site.redis.ask("KEYS", "route:*").splitlines()
    for key in keys:
        house.site.redis.ask("DEL", key)
        house.site.redis.ask("LPUSH", key, "no route")
    yield
    house.site.redis.ask("DEL", *keys)


@contextmanager
def redis_replaced(house):
    house.site.redis.ask("FLUSHALL")
    yield


def redis_full(house):
    house.site.redis.ask("FLUSHALL")
    return redis_says(house, ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"])


@contextmanager
def moved(file: Path, instead=lambda _: None):
    """A file or directory is elsewhere meanwhile, with something else in its place or nothing."""
    aside = file.with_name(file.name + ".aside")
    file.rename(aside)
    instead(file)
    try:
        yield
    finally:
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        else:
            file.unlink(missing_ok=True)
        aside.rename(file)


def repository_file(name: str, instead=lambda _: None):
    return lambda house: moved(house.repositories["own"].disk / name, instead)


def repository_hangs(house):
    return hanging(house.repositories["own"].disk / "HEAD")


def repository_moved(instead=lambda _: None):
    return lambda house: moved(house.repositories["own"].disk, instead)


@contextmanager
def repository_replaced(house):
    other = house.repositories["other"].disk
    with moved(house.repositories["own"].disk, lambda place: shutil.copytree(other, place, symlinks=True)):
        yield


def root_moved(instead=lambda _: None):
    return lambda house: moved(house.site.files.root, instead)


def agent_hangs(house):
    return stopped(house.site.files.process.pid)


@contextmanager
def agent_gone(house):
    house.site.files.kill()
    try:
        yield
    finally:
        house.site.files.start()


def authz_hangs(house):
    return stopped(house.site.gateway.authz())


def killed(role: str):
    def trouble(house):
        for pid in house.site.gateway.children(role):
            os.kill(pid, signal.SIGKILL)
        return ExitStack()

    return trouble


@contextmanager
def disk_full(house):
    filler = house.disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    # Events of sessions use up what room the audit file has left in its last page.
    for _ in range(60):
        house.run("fetch")
        if "the audit file cannot be written" in house.site.gateway.log():
            break
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def disk_read_only(house):
    # A file system on which a file is open for writing cannot be remounted read-only, so the gateway starts on it.
    house.site.gateway.stop()
    subprocess.run(["mount", "-o", "remount,ro", house.disk], check=True)
    house.site.gateway.start()
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", house.disk], check=True)


def audit_file_moved(instead=lambda _: None):
    """It stays where it was moved to, as after logrotate."""

    @contextmanager
    def trouble(house):
        file = house.disk / "audit.jsonl"
        house.former_trails.append(file.rename(house.disk / f"audit.jsonl.{len(house.former_trails)}"))
        instead(file)
        yield

    return trouble


def state_file(name: str, instead=lambda _: None):
    return lambda house: moved(house.site.state / name, instead)


@contextmanager
def socket_gone(house):
    socket = house.site.state / "authz.sock"
    socket.unlink()
    yield
    wait_until(socket.is_socket, "it is made again")


@contextmanager
def socket_replaced(house):
    socket = house.site.state / "authz.sock"
    socket.unlink()
    socket.write_text("no socket")
    yield
    wait_until(socket.is_socket, "it is made again")


def garbage(file: Path) -> None:
    file.write_text("no such thing as this\n")
