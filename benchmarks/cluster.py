"""Three databases in a group, in containers, for experiments from outside.

    with cluster() as db, server(db) as shop:
        db.kill(db.primary())

They are started as `make cluster` starts them, by `scripts/cluster`, without the shop.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker

from benchmarks.disk import Disk, can_mount, disk
from benchmarks.stack import REPOSITORY, Database, Server, free_port

NODES = ("db1", "db2", "db3")
SCRIPT = REPOSITORY / "scripts" / "cluster"
JOIN_SECONDS = 120
"""How long a node may take until it is in the group again."""
DISK_MB = 2_000
MYSQL_USER = 999
"""In the image, as deploy/cluster/compose.yml has it."""
REST_SECONDS = 20
"""After so long a node that gave up is told to try again: by itself it rests for minutes."""


@dataclass(frozen=True, slots=True)
class Cluster(Database):
    """The group; as a `Database` it is the way to the primary."""

    name: str = ""
    network: str = ""
    """The first three numbers of the nodes' addresses."""
    disks: Mapping[str, Disk] = field(default_factory=dict)
    """The small disks of those nodes that have one of their own."""

    @property
    def container_ids(self) -> Sequence[str]:
        """Of the nodes and the way to them."""
        return [self.container_of(name).id for name in (*NODES, "db")]

    @property
    def secondaries(self) -> Database:
        """The way to those that follow, as DATABASE_REPLICA_URL has it."""
        return self.at(f"{urlsplit(self.url).hostname}:3308")

    def node(self, name: str) -> Database:
        """One of the nodes, whatever its part is."""
        return Database("mysql", self.at(f"{self.network}.1{name[-1]}:3306").url)

    def container_of(self, name: str) -> Any:
        """The container of a node, or another service, as the Docker SDK knows it."""
        labels = [
            f"com.docker.compose.project={self.name}",
            f"com.docker.compose.service={name}",
        ]
        (found,) = docker.from_env().containers.list(all=True, filters={"label": labels})
        return found

    def ask(self, name: str, query: str) -> str:
        """What a node answers to root, past the proxy; empty when it doesn't."""
        command = 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD exec mysql --no-defaults --user=root -NBe "$1"'
        try:
            done = self.container_of(name).exec_run(["sh", "-c", command, "_", query], stderr=False)
        except docker.errors.APIError:  # it does not run
            return ""
        return str(done.output.decode().strip()) if done.exit_code == 0 else ""

    def primary(self) -> str:
        """The primary's name, as most nodes know it."""
        query = (
            "SELECT MEMBER_HOST FROM performance_schema.replication_group_members"
            " WHERE MEMBER_ROLE = 'PRIMARY' AND MEMBER_STATE = 'ONLINE'"
        )
        said = [self.ask(name, query) for name in NODES]
        (found,) = [name for name in NODES if 2 * said.count(name) > len(NODES)]
        return found

    def state_of(self, name: str) -> str:
        """A node's own word on its part in the group; empty when it says nothing."""
        return self.ask(
            name,
            "SELECT MEMBER_STATE FROM performance_schema.replication_group_members"
            " WHERE MEMBER_ID = @@server_uuid",
        )

    def switch(self, name: str) -> None:
        """Make a node the primary."""
        _run(self.name, "switch", name)

    def cut(self, name: str) -> None:
        """Take a node off the network: what is sent to it gets no answer."""
        docker.from_env().networks.get(f"{self.name}_default").disconnect(self.container_of(name))

    def mend(self, name: str) -> None:
        """Put a node that was cut back at its place."""
        docker.from_env().networks.get(f"{self.name}_default").connect(
            self.container_of(name), ipv4_address=f"{self.network}.1{name[-1]}"
        )

    def start_again(self) -> None:
        """Start what does not run, and make a group anew if none is left."""
        _run(self.name, "up", "nodes", SKIP_BUILD="1")

    def kill(self, names: Sequence[str] = NODES) -> None:
        """SIGKILL to nodes, all at once."""
        containers = [self.container_of(name) for name in names]
        for container in containers:
            container.kill("SIGKILL")
        for container in containers:
            container.wait()

    def cut_power(self, names: Sequence[str]) -> None:
        """Nodes that were killed lose what was not on their disks by now."""
        for name in names:
            self.disks[name].cut_power()

    @contextmanager
    def servers(self) -> Iterator[Server]:
        """The shop as `make cluster` has it: two servers behind a proxy, in containers."""
        _run(self.name, "up", SKIP_BUILD="1")
        port = urlsplit(_run(self.name, "address").strip()).port
        assert port is not None
        follow = (str(SCRIPT), "compose", "logs", "--follow", "app1", "app2")
        shop = Server(port, {"CLUSTER": self.name}, follow)
        shop.start()
        try:
            yield shop
        finally:
            shop.stop()
            shop.log.close()
            _run(self.name, "compose", "rm", "--stop", "--force", "proxy", "app1", "app2", "relay")

    def restart_servers(self) -> None:
        """One after the other, as `make rollout` does."""
        _run(self.name, "rollout", SKIP_BUILD="1")

    def await_members(self) -> None:
        """Until all nodes are in the group.

        Raises:
            AssertionError: one is not, within `JOIN_SECONDS`.
        """
        began = time.monotonic()
        told: set[str] = set()
        while missing := [name for name in NODES if self.state_of(name) != "ONLINE"]:
            waited = time.monotonic() - began
            if waited > JOIN_SECONDS:
                said = self.container_of(missing[0]).logs(tail=40).decode()
                raise AssertionError(f"{missing} are not in the group:\n{said}")
            for name in missing:
                gave_up = self.state_of(name) in {"ERROR", "OFFLINE"}
                if waited > REST_SECONDS and name not in told and gave_up:
                    told.add(name)
                    _run(self.name, "rejoin", name)
            time.sleep(0.5)

    def catch_up(self) -> None:
        """Until all nodes are in the group and have all that the primary had done by then.

        Raises:
            AssertionError: one is not, within `JOIN_SECONDS`, or does not have it.
        """
        self.await_members()
        done = self.ask(self.primary(), "SELECT REPLACE(@@gtid_executed, '\\n', '')")
        for name in NODES:
            with closing(self.node(name).connect()) as connection:
                cursor = connection.cursor()
                cursor.execute("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, 25)", [done])
                assert cursor.fetchone() == (0,), f"{name} did not catch up"


@contextmanager
def cluster(disks: Sequence[str] = NODES[-1:]) -> Iterator[Cluster]:
    """A fresh group of three, removed with its data at the end.

    As root the nodes named in `disks` have disks of their own.
    """
    name = f"faults-{secrets.token_hex(4)}"
    settings, override = REPOSITORY / f".env.{name}", REPOSITORY / f".env.{name}.yml"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        own = {
            node: stack.enter_context(disk(folder / node, DISK_MB, MYSQL_USER))
            for node in (disks if can_mount() else ())
        }
        options = {
            f"{node}-data": {"driver_opts": {"type": "none", "o": "bind", "device": str(one.place)}}
            for node, one in own.items()
        }
        if options:
            override.write_text(json.dumps({"volumes": options}))
            stack.callback(override.unlink)
        values = _settings()
        settings.touch(0o600)
        settings.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
        stack.callback(_run, name, "down")
        stack.callback(_run, name, "compose", "kill")  # nobody needs what they would write yet
        _run(name, "up", "nodes")
        made = Cluster("cluster", "", name=name, network=values["CLUSTER_NETWORK"], disks=own)
        networks = made.container_of("db").attrs["NetworkSettings"]["Networks"]
        address = networks[f"{name}_default"]["IPAddress"]
        yield replace(made, url=f"mysql://shop:{values['MYSQL_PASSWORD']}@{address}:3306/shop")


def _settings() -> dict[str, str]:
    """Those of a fresh cluster, but for ports that are free, and the key of this process."""
    make = [sys.executable, str(REPOSITORY / "scripts" / "new_env.py"), "cluster"]
    printed = subprocess.run(make, check=True, text=True, stdout=subprocess.PIPE).stdout  # noqa: S603
    lines = (line.partition("=") for line in printed.splitlines() if not line.startswith("#"))
    values = {key: value for key, _, value in lines}
    ports = {name: str(free_port()) for name in values if name.endswith("_PORT")}
    return {**values, **ports, "SECRET_KEY": os.environ.get("SECRET_KEY", values["SECRET_KEY"])}


def _run(name: str, *arguments: str, **variables: str) -> str:
    done = subprocess.run(  # noqa: S603
        [str(SCRIPT), *arguments],
        env={**os.environ, **variables, "CLUSTER": name},
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise RuntimeError(f"scripts/cluster {' '.join(arguments)}:\n{done.stdout[-4000:]}")
    return done.stdout
