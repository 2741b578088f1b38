"""Where the peers keep what they issued: a database of their own beside the shop's, and Redis."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import redis

from benchmarks.experiment import redis_store
from benchmarks.experiment.redis_store import Fsync
from benchmarks.peers.behind import BOOKS, REDIS_PORT, STREAM
from benchmarks.stack import REPOSITORY, Database, free_port

DRAIN_SECONDS = 120
SCHEMA = (
    "CREATE DATABASE peers",
    "CREATE TABLE peers.campaign (id BIGINT AUTO_INCREMENT PRIMARY KEY, total BIGINT NOT NULL,"
    " issued BIGINT NOT NULL)",
    "CREATE TABLE peers.issued (id BIGINT AUTO_INCREMENT PRIMARY KEY, campaign BIGINT NOT NULL,"
    " member BIGINT NOT NULL, number BIGINT NOT NULL,"
    " issued_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),"
    " UNIQUE one_per_member (campaign, member), UNIQUE one_per_number (campaign, number))",
)

Pair = tuple[int, int]
"""A member, and the number of the coupon that they have."""


def make_tables(shop: Database) -> None:
    """Make the peers' database on the server that the shop's is on."""
    query(shop, *((statement, ()) for statement in SCHEMA))


def peers_of(shop: Database) -> Database:
    """The peers' database on the server that the shop's is on."""
    return replace(shop, url=f"{shop.url.rpartition('/')[0]}/peers")


def query(db: Database, *statements: tuple[str, tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Send these over one connection; returns the rows of the last."""
    connection = db.connect()
    try:
        with connection.cursor() as cursor:
            for statement, values in statements:
                cursor.execute(statement, values)
            return list(cursor.fetchall())
    finally:
        connection.close()


def issued_by_peers(shop: Database, campaign: int) -> list[Pair]:
    """What is in the peers' table."""
    statement = "SELECT member, number FROM peers.issued WHERE campaign = %s"
    return [(int(member), int(number)) for member, number in query(shop, (statement, (campaign,)))]


def issued_by_shop(shop: Database, campaign: int) -> list[Pair]:
    """What is in the shop's."""
    statement = "SELECT user_id, issue_number FROM coupons_issuedcoupon WHERE coupon_id = %s"
    return [(int(member), int(number)) for member, number in query(shop, (statement, (campaign,)))]


@dataclass(slots=True)
class Counter:
    """A Redis server, and the writer that follows it into MySQL."""

    shop: Database
    port: int
    store: "redis.Redis"
    server: "subprocess.Popen[bytes]"
    writer: "subprocess.Popen[bytes]"

    def drain(self) -> float:
        """Wait until all that was issued is in MySQL; the seconds that took."""
        started = time.monotonic()
        while self.store.xlen(STREAM):
            if self.writer.poll() is not None or time.monotonic() - started > DRAIN_SECONDS:
                raise RuntimeError("the writer behind Redis does not come to an end")
            time.sleep(0.01)
        return time.monotonic() - started

    def issued(self, campaign: int) -> int:
        """How many the counter says are issued."""
        return int(self.store.hget(f"campaign:{campaign}", "issued") or 0)

    def kill(self) -> None:
        """SIGKILL to both."""
        for process in (self.writer, self.server):
            process.kill()
            process.wait()


@contextmanager
def counter(shop: Database, folder: Path, fsync: Fsync) -> Iterator[Counter]:
    """A Redis server on the data in `folder`, and its writer; killed at the end."""
    port = free_port()
    server = redis_store.start(folder, fsync, port)
    books = json.dumps(asdict(peers_of(shop)))
    writer = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.behind"],
        cwd=REPOSITORY,
        env={**os.environ, BOOKS: books, REDIS_PORT: str(port)},
    )
    store = redis.Redis(port=port, decode_responses=True)
    started = Counter(shop, port, store, server, writer)
    try:
        yield started
    finally:
        started.kill()


def new_campaigns(shop: Database, number: int, total: int, store: Counter | None) -> list[int]:
    """Open so many campaigns of the peers', in Redis too if there is one; their ids."""
    insert = "INSERT INTO peers.campaign (total, issued) VALUES (%s, 0)"
    ((first,),) = query(
        shop, *[(insert, (total,))] * number, ("SELECT LAST_INSERT_ID() - %s", (number - 1,))
    )
    campaigns = list(range(int(first), int(first) + number))
    if store:
        for campaign in campaigns:
            store.store.hset(f"campaign:{campaign}", mapping={"total": total, "issued": 0})
    return campaigns
