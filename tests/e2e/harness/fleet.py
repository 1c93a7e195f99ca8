"""A whole fleet on loopback addresses, as docs/deployment.md draws it: HAProxy, two gateways, a database, Redis, and
two pairs of file servers whose agents share one root."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .client import Client
from .fileserver import FileServer
from .grv1 import new_ticket_key
from .haproxy import Haproxy
from .keys import make_key
from .sql_server import ADMIN_PASSWORD, SERVE_PASSWORD, SqlServer
from .metrics import Metrics
from .processes import command_line, free_port, is_git, session_members, wait_until
from .production import MYSQL
from .redis import Redis
from .site import Repository, Site

CONFIG = """\
state = "{{state}}"
[listen]
ssh = ["127.0.0.1:{{port}}"]
metrics = "127.0.0.1:{metrics}"
proxy_protocol_from = ["127.0.0.1/32"]
[ssh]
host_keys = ["{host_key}"]
workers = 2
[routes.redis]
address = "127.0.0.1:{redis}"
[authz]
ticket_keys = ["{ticket_key}"]
"""

SCHEMA = "gerve_fleet"


class FleetGateway(Site):
    """A gateway that only the balancer may talk to. Its files are its own; keys and directory are everybody's."""

    def __init__(self, directory: Path, config: str):
        directory.mkdir(parents=True)
        port = free_port()
        self.metrics = Metrics(port)
        super().__init__(directory, config.replace("{metrics}", str(port)))

    def start(self) -> "FleetGateway":
        self.gateway._spawn()
        wait_until(self.is_ready, "the gateway is ready", timeout=30)
        return self

    def is_ready(self) -> bool:
        assert self.gateway.process.poll() is None, self.gateway.log()
        try:
            return self.metrics.get("/readyz")[0] == 200
        except OSError:
            return False

    def drain(self) -> None:
        """SIGTERM, and until its last session is over."""
        self.gateway.stop(timeout=40)

    def kill_master(self) -> int:
        """SIGKILL to the master alone; the session that the others belong to."""
        session = self.gateway.pid
        self.gateway.process.kill()
        self.gateway.process.wait()
        return session


class Pair:
    """Two agents by one name over one root, which stands for the storage they share; the standby files decide."""

    def __init__(self, directory: Path, name: str, network: str, key):
        self.name = name
        self.root = directory / "repositories"
        self.agents = [
            FileServer(directory / side, name, [key], root=self.root, layout="md5-owner", host=f"{network}.{number}")
            for number, side in enumerate("ab", 1)
        ]

    @property
    def endpoints(self) -> list[str]:
        return [f"{host}:{port}" for host, port in (agent.address for agent in self.agents)]

    def start(self) -> None:
        self.agents[1].standby.touch()
        for agent in self.agents:
            agent.start()

    @property
    def active(self) -> FileServer:
        (serves,) = [agent for agent in self.agents if not agent.standby.exists()]
        return serves

    @property
    def idle(self) -> FileServer:
        (waits,) = [agent for agent in self.agents if agent.standby.exists()]
        return waits

    def flip(self, pause: float) -> None:
        """As docs/deployment.md has it for shared storage: the other opens, and only then this one closes."""
        opens, closes = self.idle, self.active
        opens.standby.unlink()
        time.sleep(pause)
        closes.standby.touch()

    def lose_active(self) -> FileServer:
        """kill -9 to the agent that serves, and what an operator does then; the dead one."""
        dead, other = self.active, self.idle
        dead.kill()
        dead.standby.touch()
        other.standby.unlink()
        return dead


class Placed(Repository):
    """One at the place where the layout md5-owner has it; looked for without looking into repositories at work."""

    @property
    def disk(self) -> Path:
        (found,) = self.state.glob(f"*/*/*/*/{self.owner}/{self.name}.git")
        return found


@dataclass
class Owner:
    """Somebody with a repository, who comes from an address of his own."""

    address: str
    client: Client
    repository: Repository
    pair: Pair
    work: Client | None = None  # where he has it checked out

    @property
    def login(self) -> str:
        return self.repository.owner


class Fleet:
    def __init__(self, directory: Path):
        self.directory = directory
        key = new_ticket_key()
        self.pairs = [Pair(directory / name, name, network, key)
                      for name, network in (("fs1", "127.0.21"), ("fs2", "127.0.22"))]
        self.redis = Redis(directory / "redis")
        self.database = SqlServer()
        self.owners: list[Owner] = []
        config = CONFIG.format(metrics="{metrics}", host_key=make_key(directory / "host_key").private,
                               redis=self.redis.port, ticket_key=key.write(directory / "ticket.key"))
        config += self._directory()
        self.gateways = [FleetGateway(directory / name, config) for name in ("gw1", "gw2")]
        self.haproxy = Haproxy(directory, [(one.gateway.port, one.metrics.port) for one in self.gateways])

    def _directory(self) -> str:
        words = {}
        for name, password in (("serve", SERVE_PASSWORD), ("admin", ADMIN_PASSWORD)):
            words[name] = self.directory / f"{name}.password"
            words[name].write_text(password + "\n")
            words[name].chmod(0o600)
        return MYSQL.format(socket=self.database.socket, schema=SCHEMA, **words)

    def gerve(self, *words, **expected):
        """A command on the first gateway: they have one directory."""
        return self.gateways[0].gerve(*words, **expected)

    def start(self) -> "Fleet":
        self.redis.start()
        self._make_database()
        for pair in self.pairs:
            pair.start()
            self.gerve("server", "add", pair.name, *pair.endpoints)
        for gateway in self.gateways:
            gateway.start()
        self.haproxy.start()
        self.door = self.haproxy.door()
        self.await_gateways()
        return self

    def _make_database(self) -> None:
        self.database.run(f"CREATE DATABASE {SCHEMA}")
        try:
            self.database.make_accounts(SCHEMA)
        except AssertionError as error:
            assert "doesn't exist" in str(error), error  # the tables: not yet
        self.gerve("schema", "migrate")
        self.database.make_accounts(SCHEMA)

    def stop(self) -> None:
        """Each part must end well."""
        try:
            self.haproxy.stop()
            for gateway in self.gateways:
                gateway.gateway.stop()
            for pair in self.pairs:
                for agent in pair.agents:
                    agent.stop()
        finally:
            self.kill()

    def kill(self) -> None:
        if self.haproxy.process is not None:
            self.haproxy.stop()
        for gateway in self.gateways:
            gateway.gateway.kill()
        for pair in self.pairs:
            for agent in pair.agents:
                agent.kill()
        self.redis.kill()
        if self.database is not None:
            self.database.stop()
            self.database = None

    # ---- who uses it

    def add_owners(self, names: list[tuple[str, str]]) -> None:
        """OWNER, REPOSITORY: spread over the pairs in turn."""
        with ThreadPoolExecutor(4) as several:
            self.owners += several.map(self._add_owner, range(len(names)), names)

    def _add_owner(self, number: int, name: tuple[str, str]) -> Owner:
        login, repository = name
        pair = self.pairs[number % len(self.pairs)]
        address = f"127.0.40.{number + 1}"
        key = make_key(self.directory / f"{login}.keys" / "id")
        self.gerve("user", "add", login)
        self.gerve("key", "add", login, key.public)
        self.gerve("route", "set", login, pair.name)
        self.gerve("repo", "create", f"{login}/{repository}", "--public")
        client = Client(self.directory / login, login, self.door, key)
        client = client.with_ssh_options("-o", f"BindAddress={address}")
        return Owner(address, client, Placed(login, repository, pair.root), pair)

    # ---- how it is

    def await_gateways(self) -> None:
        wait_until(lambda: set(self.haproxy.states().values()) == {"UP"}, "HAProxy has all gateways", timeout=20)

    def sessions(self) -> list[str]:
        """The lines of the gateways' logs about git sessions."""
        logs = "".join(gateway.gateway.log() for gateway in self.gateways)
        return [line for line in logs.splitlines() if " worker: session " in line]

    def git_processes(self) -> set[int]:
        return {pid for pid in self.all_processes() if is_git(command_line(pid))}

    def all_processes(self) -> list[int]:
        """The agents and what they started, also those that live no more."""
        agents = [agent for pair in self.pairs for agent in pair.agents]
        return [pid for agent in agents for session in agent.sessions for pid in session_members(session)]

    def check_repositories(self) -> None:
        """No git runs, no quarantine is left, and fsck finds nothing in any."""
        wait_until(lambda: not self.git_processes(), "no git runs any more", timeout=10)
        left = [path for pair in self.pairs for path in pair.root.glob("*/*/*/*/*/*.git/objects/*incoming-*")]
        assert not left, left
        with ThreadPoolExecutor(2) as several:
            list(several.map(lambda owner: owner.repository.git("fsck", "--no-dangling"), self.owners))
