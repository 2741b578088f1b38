"""The writer behind the counters in Redis: `python -m benchmarks.peers.behind`.

It follows the stream of what was issued into MySQL, many rows in one transaction, and takes from
the stream what is committed. It may write a row twice, when it dies in between; the table's
constraints let it be there once.
"""

import json
import os
from typing import Any, cast

import redis

from benchmarks.stack import Database

STREAM = "issued"
BATCH = 1_000
BLOCK_MS = 1_000
BOOKS, REDIS_PORT = "PEERS_BOOKS", "REDIS_PORT"
INSERT = "INSERT IGNORE INTO issued (campaign, member, number) VALUES (%s, %s, %s)"

Entry = tuple[str, dict[str, str]]


def follow(store: "redis.Redis", connection: Any) -> None:
    """Write what comes into the stream, for ever."""
    while True:
        found = cast(
            "list[tuple[str, list[Entry]]]", store.xread({STREAM: "0"}, BATCH, BLOCK_MS) or []
        )
        for _, entries in found:
            write(connection, entries)
            store.xdel(STREAM, *(entry for entry, _ in entries))


def write(connection: Any, entries: list[Entry]) -> None:
    """Write these, in one transaction."""
    rows = [
        tuple(int(fields[name]) for name in ("campaign", "member", "number"))
        for _, fields in entries
    ]
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, rows)
    connection.commit()


if __name__ == "__main__":
    books = Database(**json.loads(os.environ[BOOKS])).connect()
    books.autocommit(False)
    follow(redis.Redis(port=int(os.environ[REDIS_PORT]), decode_responses=True), books)
