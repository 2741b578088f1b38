"""The shop and the peers: what each is, how it is started, and which loads it takes."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from benchmarks.peers.install import NODE, PROGRAMS, PYTHON
from benchmarks.stack import Database, Server, environment, free_port

SHOP = "shop"
NOTHING, ISSUE, SOLD_OUT = "yardstick", "issue", "sold_out"
READS = ("product_list", "product_detail", "top_products")
LOADS = (NOTHING, ISSUE, SOLD_OUT, *READS)
"""By their names in `benchmarks.bench.scenarios`."""

Part = Literal["python", "node", "redis"]


@dataclass(frozen=True, slots=True)
class System:
    """One that answers the shop's paths, or some of them."""

    name: str
    title: str
    loads: Sequence[str]
    needs: Sequence[Part] = ()
    command: Sequence[str] = ()
    """Of the peers; the shop has a script of its own."""

    @property
    def issues(self) -> bool:
        return ISSUE in self.loads

    @property
    def counts_in_redis(self) -> bool:
        return "redis" in self.needs


def _fastapi(module: str) -> Sequence[str]:
    return (
        *(str(PYTHON), "-m", "uvicorn", f"{module}:app"),
        *("--app-dir", str(PROGRAMS / "python"), "--host", "127.0.0.1", "--port", "{port}"),
        *("--workers", "{workers}", "--loop", "uvloop", "--http", "httptools"),
        *("--no-access-log", "--log-level", "warning", "--backlog", "4096"),
    )


def _fastify(name: str) -> Sequence[str]:
    return ("node", str(PROGRAMS / "node" / f"{name}.js"))


BARE = (
    *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"),
    *("--port", "{port}", "--workers", "{workers}", "--log-level", "error"),
    "benchmarks.peers.bare:application",
)
SYSTEMS = (
    System(SHOP, "the shop", LOADS),
    System(
        "fastapi_redis",
        "FastAPI + Redis",
        (NOTHING, ISSUE, SOLD_OUT),
        ("python", "redis"),
        _fastapi("by_redis"),
    ),
    System(
        "fastapi_mysql",
        "FastAPI + MySQL row lock",
        (ISSUE, SOLD_OUT, *READS),
        ("python",),
        _fastapi("by_mysql"),
    ),
    System(
        "fastify_redis",
        "Fastify + Redis",
        (NOTHING, ISSUE, SOLD_OUT),
        ("node", "redis"),
        _fastify("by_redis"),
    ),
    System(
        "fastify_mysql",
        "Fastify + MySQL row lock",
        (ISSUE, SOLD_OUT, *READS),
        ("node",),
        _fastify("by_mysql"),
    ),
    System("bare", "granian, a bare function, no token", (NOTHING,), (), BARE),
)
BY_NAME = {system.name: system for system in SYSTEMS}


@contextmanager
def started(
    peer: System, shop: Database, variables: dict[str, str], redis_port: int | None
) -> Iterator[Server]:
    """A peer that serves, with as many processes as the shop; killed at the end."""
    port = free_port()
    address = urlsplit(shop.url)
    settings = environment(
        shop,
        **variables,
        PORT=str(port),
        NODE_PATH=str(NODE / "node_modules"),
        NODE_ENV="production",
        REDIS_PORT=str(redis_port or ""),
        MYSQL_HOST=address.hostname or "",
        MYSQL_PORT=str(address.port),
        MYSQL_PASSWORD=address.password or "",
    )
    command = [part.format(port=port, workers=variables["WORKERS"]) for part in peer.command]
    server = Server(port, settings, command)
    server.start()
    try:
        yield server
    finally:
        server.kill()
        server.log.close()


def can_be_had(missing: dict[str, str]) -> list[System]:
    """All systems but those that need what is missing."""
    return [system for system in SYSTEMS if not set(system.needs) & set(missing)]
