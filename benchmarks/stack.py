"""A database and the real server on it, for experiments from outside.

    with database("mysql") as db, server(db, WORKERS="2") as shop:
        requests.get(shop.url + "/health/ready")

The server is started as `make run` and the container start it, by `scripts/server`.
"""

import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal, Self
from urllib.parse import urlsplit

import docker
from docker.errors import DockerException
from testcontainers.community.mysql import MySqlContainer

REPOSITORY = Path(__file__).resolve().parent.parent
PASSWORD = "only-for-experiments"  # noqa: S105  of a database that lives for minutes
READY_SECONDS = 60
ENGINE_TIMEOUT_SECONDS = 5
STOP_SECONDS = 40
TCP_LISTEN = "0A"
IMAGES = {"mysql": "mysql:9.7.1", "mariadb": "mariadb:10.11.18"}

Kind = Literal["mysql", "mariadb", "sqlite", "cluster"]


@dataclass(frozen=True, slots=True)
class Database:
    """A database that is up, empty until it is migrated."""

    kind: Kind
    url: str
    """As DATABASE_URL takes it."""
    container_id: str | None = None
    """Of the Docker Engine; None for SQLite."""

    @property
    def container(self) -> Any:
        """The container as the Docker SDK knows it: `kill`, `start`, `pause`, `unpause`."""
        assert self.container_id is not None
        return docker.from_env().containers.get(self.container_id)

    def connect(self) -> Any:
        """A connection of the driver's own, past the shop, in autocommit mode; close it."""
        if self.kind == "sqlite":
            path = self.url.removeprefix("sqlite:///")
            return sqlite3.connect(path, timeout=10, isolation_level=None)
        import MySQLdb  # noqa: PLC0415  it may not be there, and SQLite does without

        address = urlsplit(self.url)
        return MySQLdb.connect(
            host=address.hostname or "",
            port=self.port,
            user=address.username or "",
            password=address.password or "",
            database=address.path.strip("/"),
            connect_timeout=3,
            read_timeout=30,
            autocommit=True,
        )

    @property
    def port(self) -> int:
        """Where the database listens on this machine."""
        port = urlsplit(self.url).port
        assert port is not None
        return port

    @property
    def container_ids(self) -> Sequence[str]:
        """Of all that are the database's; none for SQLite."""
        return [self.container_id] if self.container_id else []

    def at(self, address: str) -> Self:
        """The same database, reached at another address (host:port)."""
        url = urlsplit(self.url)
        user = url.netloc.rpartition("@")[0]
        return replace(self, url=url._replace(netloc=f"{user}@{address}").geturl())


@contextmanager
def database(kind: Kind = "mysql", *, in_memory: bool = False) -> Iterator[Database]:
    """A fresh database, removed with its data at the end.

    MYSQL_IMAGE and MARIADB_IMAGE pick other images. The servers run with the settings of
    docker-compose.yml that concern durability, memory and connections. With `in_memory` the data
    is on a tmpfs: for what is to be exact, not for what is to be timed.
    """
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield Database(kind, f"sqlite:///{folder}/shop.sqlite3")
        return
    image = os.environ.get(f"{kind.upper()}_IMAGE", IMAGES[kind])
    port = free_port()
    container = (
        MySqlContainer(
            image, username="root", root_password=PASSWORD, password=PASSWORD, dbname="shop"
        )
        .with_command(
            "--character-set-server=utf8mb4 --transaction-isolation=READ-COMMITTED"
            " --innodb-flush-log-at-trx-commit=1 --sync-binlog=1 --max-connections=400"
            " --innodb-buffer-pool-size=1G --binlog-cache-size=512K"
        )
        .with_bind_ports(3306, port)  # fixed: it must be the same after a restart
    )
    if in_memory:
        container = container.with_tmpfs_mount("/var/lib/mysql")
    with container:
        url = f"mysql://root:{PASSWORD}@127.0.0.1:{port}/shop"
        yield Database(kind, url, container.get_wrapped_container().id)


def engine_answers() -> bool:
    """Whether there is a Docker Engine to start a database in."""
    try:
        return bool(docker.from_env(timeout=ENGINE_TIMEOUT_SECONDS).ping())
    except DockerException:
        return False


def without_proxy(db: Database) -> Database:
    """`db` by its container's own address, if that can be reached.

    Docker's published ports go through a process of its own, on the way from loopback; in
    production, as with compose, nothing is in between.
    """
    if db.container_id is None:
        return db
    container = docker.from_env().containers.get(db.container_id)
    networks: Sequence[dict[str, Any]] = list(
        container.attrs["NetworkSettings"]["Networks"].values()
    )
    address = networks[0]["IPAddress"] if networks else ""
    try:
        socket.create_connection((address, 3306), timeout=1).close()
    except OSError:
        return db
    return db.at(f"{address}:3306")


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(db: Database, **variables: str) -> dict[str, str]:
    """The environment of this process for the shop's programs on `db`, nothing read from `.env`."""
    return {
        **os.environ,
        "READ_DOT_ENV": "0",
        "SECRET_KEY": os.environ.get("SECRET_KEY") or secrets.token_hex(32),
        "LOG_LEVEL": "WARNING",
        **variables,
        "DATABASE_URL": db.url,
    }


def manage(db: Database, *arguments: str, **variables: str) -> str:
    """Run a management command on `db` and return what it printed; raises when it fails."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "ignore:No directory at", "manage.py", *arguments],
        cwd=REPOSITORY,
        env=environment(db, **variables),
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    )
    return done.stdout


@dataclass(slots=True)
class Server:
    """The real server, several processes, and what it printed."""

    port: int
    variables: Mapping[str, str]
    command: Sequence[str] = (str(REPOSITORY / "scripts" / "server"),)
    log: IO[str] = field(default_factory=lambda: tempfile.TemporaryFile("a+"))  # noqa: SIM115
    process: "subprocess.Popen[str] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready; raises RuntimeError with its log if it isn't."""
        self.process = subprocess.Popen(  # noqa: S603
            self.command,
            cwd=REPOSITORY,
            env={**os.environ, **self.variables},
            stdout=self.log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the server did not become ready:\n{self.printed()}")
            time.sleep(0.1)

    def is_ready(self) -> bool:
        """Whether it answers, and its database does."""
        try:
            with urllib.request.urlopen(self.url + "/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def worker_pids(self) -> list[int]:
        """The processes that serve: the children of the main one, lowest first."""
        assert self.process is not None
        main = self.process.pid
        return sorted(map(int, Path(f"/proc/{main}/task/{main}/children").read_text().split()))

    def listeners(self) -> int:
        """How many sockets listen on its port: each worker that serves has one of its own."""
        local = f":{self.port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[1].endswith(local) and row[3] == TCP_LISTEN for row in rows)

    def stop(self) -> float:
        """SIGTERM to the main process alone, as Docker sends it; returns the seconds it took."""
        assert self.process is not None
        started = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        finally:
            self.kill()
        return time.monotonic() - started

    def kill(self) -> None:
        """SIGKILL to all of its processes."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def printed(self) -> str:
        """What it has printed so far."""
        self.log.flush()
        self.log.seek(0)
        return self.log.read()


@contextmanager
def server(db: Database, **variables: str) -> Iterator[Server]:
    """The real server on a migrated `db`, stopped at the end. `variables`: its environment."""
    defaults = {"HOST": "127.0.0.1", "WORKERS": "2"}
    port = free_port()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    settings = environment(db, **{**defaults, "PORT": str(port), "PATH": path, **variables})
    shop = Server(port, settings)
    shop.start()
    try:
        yield shop
    finally:
        if shop.process is not None and shop.process.poll() is None:
            shop.stop()
        shop.log.close()
