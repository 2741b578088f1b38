"""How late events are told: written at a fixed rate, and relayed to who listens on this machine."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import psutil

from benchmarks.bench.session import BenchFailed, Session
from benchmarks.stack import REPOSITORY, environment

LOOPBACK = "127.0.0.1"
RATES = (250, 500, 1_000, 1_500, 2_000, 3_000)
"""Orders a second."""
SECONDS = 10
"""So long events are written at each rate."""
CATCH_UP_SECONDS = 60
BEHIND_SECONDS = 1.0
"""The relay falls behind when more waits at the end than is written in so long."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of events that were written at a rate; from the deed to the receiver, in ms."""

    rate: int
    written: int
    per_second: float
    """How many were written: of what was asked for, what the writer managed."""
    p50: float
    p95: float
    p99: float
    max: float
    waiting: int
    """How many were still to be received when the last one had been written."""
    cpu_relay: float
    cpu_database: float | None

    @property
    def is_behind(self) -> bool:
        return self.waiting > self.per_second * BEHIND_SECONDS


@dataclass(slots=True)
class Receiver:
    """Who is told: answers at once, and notes how late each event came (s)."""

    late: list[float] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                (length,) = (
                    int(line.partition(b":")[2])
                    for line in head.split(b"\r\n")
                    if line.startswith(b"content-length:")
                )
                event = json.loads(await reader.readexactly(length))
                happened = datetime.fromisoformat(event["timestamp"]).timestamp()
                self.late.append(time.time() - happened)
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()


def measure_telling(session: Session) -> Iterator[Told]:
    """Tell of ever more orders a second, until the relay falls behind. Raises BenchFailed."""
    variables = {**session.variables, "WEBHOOK_NETWORKS": f"{LOOPBACK}/32"}
    session.variables = variables
    with _relay(session) as relay, asyncio.Runner() as runner:
        for rate in RATES:
            told = runner.run(_tell(session, relay, rate))
            yield told
            if told.is_behind:
                return


@contextmanager
def _relay(session: Session) -> Iterator[psutil.Process]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "relay"],
        cwd=REPOSITORY,
        env=environment(session.db, **session.variables),
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)
        session.set_listener(False)


async def _tell(session: Session, relay: psutil.Process, rate: int) -> Told:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, LOOPBACK, 0, backlog=512)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await asyncio.to_thread(session.set_listener, True, f"http://{LOOPBACK}:{port}/")
        writer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.bench.prepare", "write_events"),
            json.dumps({"rate": rate, "seconds": SECONDS}),
            cwd=REPOSITORY,
            env=environment(session.db, **session.variables),
            stdout=asyncio.subprocess.PIPE,
        )
        relay_before, database_before = _cpu(relay), session.meter.database()
        printed, _none = await writer.communicate()
        received = len(receiver.late)
        relay_used, database = _cpu(relay) - relay_before, session.meter.database()
        if writer.returncode:
            raise BenchFailed("no events could be written")
        happened = json.loads(printed)
        written, seconds = int(happened["written"]), float(happened["seconds"])
        await _await_all(receiver, written)
    late = sorted(1_000 * one for one in receiver.late)
    p50, p95, p99, most = (
        late[min(int(len(late) * part), len(late) - 1)] for part in (0.5, 0.95, 0.99, 1)
    )
    return Told(
        rate=rate,
        written=written,
        per_second=written / seconds,
        p50=p50,
        p95=p95,
        p99=p99,
        max=most,
        waiting=written - received,
        cpu_relay=relay_used / seconds,
        cpu_database=(
            None
            if database is None or database_before is None
            else (database - database_before) / seconds
        ),
    )


async def _await_all(receiver: Receiver, written: int) -> None:
    until = time.monotonic() + CATCH_UP_SECONDS
    while len(receiver.late) < written:
        if time.monotonic() > until:
            raise BenchFailed(f"{len(receiver.late)} of {written} events were told")
        await asyncio.sleep(0.05)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
