"""Three databases in a group, in containers, for experiments from outside.

    with cluster() as db, server(db) as shop:
        db.kill(db.primary())

They are started as `make cluster` starts them, by `scripts/cluster`, without the shop.
"""

import json
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from benchmarks.experiment.losses import can_mount
from benchmarks.stack import REPOSITORY, Database, free_port

NODES = ("db1", "db2", "db3")
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
    small: str = ""
    """The node whose disk is its own, and small; none where that can't be had."""

    def node(self, name: str) -> Database:
        """One of the nodes, whatever its part is."""
        address = f"{self.network}.1{name[-1]}:3306"
        return Database("mysql", self.url.replace(f"127.0.0.1:{self.port}", address))

    def container_of(self, name: str) -> Any:
        """The node's container as the Docker SDK knows it."""
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
        _run(self.name, "up", "nodes", DB_PORT=str(self.port))

    def await_members(self) -> None:
        """Until all nodes are in the group.

        Raises:
            AssertionError: one is not, within `JOIN_SECONDS`.
        """
        began = time.monotonic()
        told: set[str] = set()
        while missing := [name for name in NODES if self.state_of(name) != "ONLINE"]:
            waited = time.monotonic() - began
            assert waited < JOIN_SECONDS, f"{missing} are not in the group"
            for name in missing:
                if waited > REST_SECONDS and name not in told and self.state_of(name) == "ERROR":
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
def cluster() -> Iterator[Cluster]:
    """A fresh group of three, removed with its data at the end.

    As root the last node has a disk of its own that can be filled.
    """
    name, port = f"faults-{secrets.token_hex(4)}", free_port()
    with _small_disk(name, NODES[-1]) as has_small_disk:
        yield from _group(name, port, NODES[-1] if has_small_disk else "")


def _group(name: str, port: int, small: str) -> Iterator[Cluster]:
    settings = REPOSITORY / f".env.{name}"
    try:
        _run(name, "up", "nodes", DB_PORT=str(port))
        lines = (line.partition("=") for line in settings.read_text().splitlines())
        values = {key: value for key, _, value in lines}
        url = f"mysql://shop:{values['MYSQL_PASSWORD']}@127.0.0.1:{port}/shop"
        network = values["CLUSTER_NETWORK"]
        yield Cluster("cluster", url, name=name, network=network, small=small)
    finally:
        _run(name, "down")


@contextmanager
def _small_disk(name: str, node: str) -> Iterator[bool]:
    """Lets a node have a file system in a file for its data. Yields whether that could be had."""
    if not can_mount():
        yield False
        return
    override = REPOSITORY / f".env.{name}.yml"
    with tempfile.TemporaryDirectory() as folder:
        image, place = Path(folder) / "disk.img", Path(folder) / "disk"
        image.touch()
        os.truncate(image, DISK_MB * 1024**2)
        place.mkdir()
        mkfs = ["mkfs.ext4", "-qF", "-m0", "-E", f"root_owner={MYSQL_USER}:{MYSQL_USER}"]
        subprocess.run([*mkfs, str(image)], check=True)  # noqa: S603
        subprocess.run(["mount", "-o", "loop", image, place], check=True)  # noqa: S603, S607
        (place / "lost+found").rmdir()  # which the node could not look into
        volume = {"driver_opts": {"type": "none", "o": "bind", "device": str(place)}}
        override.write_text(json.dumps({"volumes": {f"{node}-data": volume}}))
        try:
            yield True
        finally:
            override.unlink()
            subprocess.run(["umount", place], check=True)  # noqa: S603, S607


def _run(name: str, *arguments: str, **variables: str) -> None:
    done = subprocess.run(  # noqa: S603
        [str(REPOSITORY / "scripts" / "cluster"), *arguments],
        env={**os.environ, **variables, "CLUSTER": name},
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise RuntimeError(f"scripts/cluster {' '.join(arguments)}:\n{done.stdout[-4000:]}")
