"""A proxy between the shop and MySQL that breaks commits on the wire.

It speaks no more of MySQL's protocol than it must: a packet is three bytes of length, one of
sequence and a payload, and `COMMIT` is a query like any other (COM_QUERY, 0x03).
"""

import asyncio
import itertools
import struct
import threading
from collections import Counter
from contextlib import suppress
from enum import StrEnum

COMMIT = b"\x03COMMIT"
ROLLBACK = b"\x03ROLLBACK"
DEADLOCK = b"\xff" + struct.pack("<H", 1213) + b"#40001" + b"Deadlock found; at COMMIT"


class Break(StrEnum):
    """What becomes of a commit that is broken."""

    NEVER_SENT = "never sent"
    """The connection is cut before the database hears of it: undone."""
    ANSWER_LOST = "answer lost"
    """The database has committed; the connection is cut before the shop hears of it."""
    CUT_MEANWHILE = "cut meanwhile"
    """It is sent, and the connection cut on both sides at once: done or undone."""
    REFUSED = "refused"
    """The database undoes it and answers with a deadlock, as clusters do at COMMIT."""


class CommitProxy:
    """Listens on a port of its own; breaks one commit in `every`, in turn in each way."""

    def __init__(self, target_port: int) -> None:
        self.every = 0
        """One commit in so many is broken; 0 breaks none."""
        self.commits = 0
        self.broken: Counter[Break] = Counter()
        self.port = 0
        self._target_port = target_port
        self._ways = itertools.cycle(Break)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> "CommitProxy":
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        async def end_tasks() -> None:
            self._server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end_tasks(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, shop: asyncio.StreamReader, to_shop: asyncio.StreamWriter) -> None:
        try:
            database, to_database = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            to_shop.transport.abort()
            return
        wire = _Wire(self, shop, to_shop, database, to_database)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await wire.run()
        to_shop.transport.abort()
        to_database.transport.abort()

    def next_break(self) -> Break | None:
        """How the commit that comes now is to be broken, if it is."""
        self.commits += 1
        if not self.every or self.commits % self.every:
            return None
        way = next(self._ways)
        self.broken[way] += 1
        return way


class _Wire:
    """One connection of the shop's."""

    def __init__(
        self,
        proxy: CommitProxy,
        shop: asyncio.StreamReader,
        to_shop: asyncio.StreamWriter,
        database: asyncio.StreamReader,
        to_database: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._shop = shop
        self._to_shop = to_shop
        self._database = database
        self._to_database = to_database
        self._kept_back: asyncio.Future[bytes] | None = None

    async def run(self) -> None:
        """Until one side ends or the connection is to be cut."""
        directions = [
            asyncio.ensure_future(self._from_shop()),
            asyncio.ensure_future(self._from_database()),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)

    async def _from_database(self) -> None:
        while data := await self._database.read(65536):
            if self._kept_back is not None:
                self._kept_back.set_result(data)
                self._kept_back = None
                continue
            self._to_shop.write(data)
            await self._to_shop.drain()

    async def _from_shop(self) -> None:
        while True:
            header = await self._shop.readexactly(4)
            payload = await self._shop.readexactly(int.from_bytes(header[:3], "little"))
            is_commit = header[3] == 0 and payload == COMMIT
            way = self._proxy.next_break() if is_commit else None
            if way is Break.NEVER_SENT:
                return
            if way is Break.REFUSED:
                await self._ask(ROLLBACK)
                self._to_shop.write(_packet(DEADLOCK, sequence=1))
            elif way is Break.ANSWER_LOST:
                await self._ask(COMMIT)
                return
            else:
                self._to_database.write(header + payload)
                await self._to_database.drain()
                if way is Break.CUT_MEANWHILE:
                    return

    async def _ask(self, query: bytes) -> None:
        """Send a query to the database and keep its answer, which is one packet, from the shop."""
        answer = self._kept_back = asyncio.get_running_loop().create_future()
        self._to_database.write(_packet(query, sequence=0))
        await answer


def _packet(payload: bytes, *, sequence: int) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([sequence]) + payload
