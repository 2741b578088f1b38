"""Tell the proxy which node of a group of databases is the primary.

    CLUSTER_CHECK_PASSWORD=… python -m scripts.primary db1 db2 db3

It asks all nodes five times a second, and answers on 127.0.0.1:8500:

    GET /primary/db1    200 if db1 is the primary, else 503
    GET /primary        200 if there is one
    GET /secondary/db1  200 if db1 follows the one that is

A node is the primary if it says so of itself and most nodes say so too. One that was stopped for a
while wakes up sure of being primary, and is the only one to think so.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESS = ("127.0.0.1", 8500)
PAUSE_SECONDS = 0.2
PATIENCE_SECONDS = 1
"""How long a node may take to answer. Who is silent has no voice."""
FRESH_SECONDS = 1.5
"""How long what a node said is believed."""
QUESTION = """
SELECT me.MEMBER_STATE = 'ONLINE' AND me.MEMBER_ROLE = 'PRIMARY'
           AND NOT @@super_read_only AND NOT @@offline_mode,
       IF(me.MEMBER_STATE = 'ONLINE' AND NOT @@offline_mode AND 2 * seen.alive > seen.members,
          seen.leader, NULL)
FROM performance_schema.replication_group_members me
JOIN (
    SELECT COUNT(*) AS members, SUM(MEMBER_STATE IN ('ONLINE', 'RECOVERING')) AS alive,
           MAX(IF(MEMBER_ROLE = 'PRIMARY' AND MEMBER_STATE = 'ONLINE', MEMBER_HOST, NULL)) AS leader
    FROM performance_schema.replication_group_members
) seen
WHERE me.MEMBER_ID = @@server_uuid
"""


@dataclass(frozen=True, slots=True)
class Word:
    """What a node said."""

    at: float
    """When, in seconds, by the clock that does not jump."""
    takes_writes: bool
    """Whether it is a primary, by its own account."""
    primary: str | None
    """Whom it takes for the primary; None: it knows of none, or sees no majority."""


class Group:
    """What all nodes said last, and what follows from it."""

    def __init__(self, nodes: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.nodes = tuple(nodes)
        self._clock = clock
        self._words: dict[str, Word] = {}

    def hear(self, node: str, *, takes_writes: bool, primary: str | None) -> None:
        """A node answered."""
        self._words[node] = Word(self._clock(), takes_writes, primary)

    def forget(self, node: str) -> None:
        """A node did not answer."""
        self._words.pop(node, None)

    def is_primary(self, node: str) -> bool:
        """Whether it says so, and most of all nodes do; of two nodes never both."""
        since = self._clock() - FRESH_SECONDS
        fresh = {name: word for name, word in list(self._words.items()) if word.at > since}
        votes = sum(word.primary == node for word in fresh.values())
        return node in fresh and fresh[node].takes_writes and 2 * votes > len(self.nodes)

    def is_secondary(self, node: str) -> bool:
        """Whether it is in the group and takes the primary for the primary."""
        primary, word = self.primary, self._words.get(node)
        is_fresh = word is not None and word.at > self._clock() - FRESH_SECONDS
        return is_fresh and primary not in (None, node) and word.primary == primary  # type: ignore[union-attr]

    @property
    def primary(self) -> str | None:
        """The primary's name, if there is one."""
        return next(filter(self.is_primary, self.nodes), None)


def watch(group: Group, node: str) -> None:
    """Ask a node again and again, for ever."""
    import MySQLdb  # noqa: PLC0415  the rest of this does without

    connection = None
    while True:
        try:
            if connection is None:
                connection = MySQLdb.connect(
                    host=node,
                    user="cluster_check",
                    password=os.environ["CLUSTER_CHECK_PASSWORD"],
                    connect_timeout=PATIENCE_SECONDS,
                    read_timeout=PATIENCE_SECONDS,
                    write_timeout=PATIENCE_SECONDS,
                    autocommit=True,
                )
            cursor = connection.cursor()
            cursor.execute(QUESTION)
            row = cursor.fetchone()
            group.hear(node, takes_writes=bool(row and row[0]), primary=row[1] if row else None)
        except MySQLdb.Error:
            group.forget(node)
            connection = None
        time.sleep(PAUSE_SECONDS)


def announce(group: Group) -> None:
    """Print each change of the primary."""
    before: str | None = ""
    while True:
        if (now := group.primary) != before:
            print(f"primary: {now or 'none'}", flush=True)
            before = now
        time.sleep(PAUSE_SECONDS)


def serve(group: Group) -> ThreadingHTTPServer:
    """The server that answers for the group; it listens already."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place, _, node = self.path.removeprefix("/").partition("/")
            is_one = {"primary": group.is_primary, "secondary": group.is_secondary}.get(place)
            known = is_one is not None and bool(node or place == "primary")
            good = known and (is_one(node) if is_one and node else group.primary is not None)
            self.send_response(200 if good else 503 if known else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Nothing: there are many of them."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *arguments: object) -> None:
            """Nothing: the proxy hangs up when it has read the status."""

    return Server(ADDRESS, Handler)


def main(nodes: list[str]) -> None:
    group = Group(nodes)
    for node in nodes:
        threading.Thread(target=watch, args=(group, node), daemon=True).start()
    threading.Thread(target=announce, args=(group,), daemon=True).start()
    serve(group).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
