"""What was told and is not in the books, when a counter in Redis is killed or its power is cut.

Everything is killed in the middle of a sale: Redis, and the writer that follows it into the
database. Then Redis is started on what its disk has, and the writer goes on. With a kill the kernel
still has what Redis wrote; with a power cut the disk has what was written to it by then: Redis
keeps its log on a file system in an image, of which a copy is taken at that moment. That needs root
and a loop device; where they are not to be had, the power cut is left out, in one line.

The ways that answer after a commit in the database have nothing else to lose, and are killed by
`make faults`, with the database.
"""

import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

import redis

from benchmarks.disk import can_mount, disk
from benchmarks.experiment import redis_store
from benchmarks.experiment.race import Kind
from benchmarks.experiment.redis_store import FSYNCS, Fsync
from benchmarks.experiment.tables import new_goods, read_back
from benchmarks.experiment.with_redis import DECIDE, Follower, write_behind
from benchmarks.stack import free_port

Cut = Literal["kill", "power"]
THREADS = 16
SECONDS = 1.5
"""How long the sale goes on before the cut: longer than the second between two writes."""
PIECES = 1_000_000
IMAGE_MB = 256
KIND: Kind = "coupons"


class Loss(NamedTuple):
    """What came of one cut."""

    told: int
    """How many were told that they have a piece."""
    lost: int
    """How many of them are not in the database, nor ever will be."""
    given_again: int
    """How many of the numbers that were told Redis would give to others."""


def measure_losses(repetitions: int) -> list[dict[str, Any]]:
    """Each kind of cut with each way of writing to the disk, as JSON has it."""
    cuts: list[Cut] = ["kill", "power"] if can_mount() else ["kill"]
    if "power" not in cuts:
        print("  no root or no loop device: the power cut is left out", flush=True)
    return [
        {
            "cut": cut,
            "fsync": fsync,
            "runs": [measure_loss(cut, fsync)._asdict() for _ in range(repetitions)],
        }
        for cut in cuts
        for fsync in FSYNCS
    ]


def measure_loss(cut: Cut, fsync: Fsync) -> Loss:
    """One sale that is cut short."""
    goods, keys, port = new_goods(PIECES), uuid4().hex, free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        store_disk(Path(folder), cut) as (data, after_the_cut),
    ):
        process = redis_store.start(data, fsync, port)
        told = _sell_until(process, port, keys, goods)
        process = redis_store.start(after_the_cut(), fsync, port)
        try:
            store = redis.Redis(port=port, decode_responses=True)
            _follower(port, keys, goods).stop()
            taken = int(store.get(f"{keys}:taken") or 0)
        finally:
            process.kill()
            process.wait()
    _, written = read_back(goods)
    return Loss(len(told), len(set(told) - set(written)), max(0, max(told) - taken))


def _sell_until(process: "subprocess.Popen[bytes]", port: int, keys: str, goods: int) -> list[int]:
    """Sell until the cut, which kills Redis and with it the writer; returns what was told."""
    told: list[int] = []
    writer = _follower(port, keys, goods)

    def buy(member: int) -> None:
        store = redis.Redis(port=port, decode_responses=True)
        decide = store.register_script(DECIDE)
        with suppress(redis.RedisError):  # it is killed
            while True:
                told.append(int(decide([f"{keys}:taken", f"{keys}:issued"], [PIECES, member])))

    threads = [threading.Thread(target=buy, args=[member]) for member in range(THREADS)]
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    process.kill()
    process.wait()
    for thread in threads:
        thread.join()
    with suppress(redis.RedisError):
        writer.stop()
    return told


def _follower(port: int, keys: str, goods: int) -> Follower:
    store = redis.Redis(port=port, decode_responses=True)
    return Follower(store, f"{keys}:issued", lambda entries: write_behind(KIND, goods, entries))


@contextmanager
def store_disk(folder: Path, cut: Cut) -> Iterator[tuple[Path, Any]]:
    """A folder for data, and what to call for the folder as it is after the cut."""
    if cut == "power":
        with disk(folder, IMAGE_MB) as own:
            yield own.place, own.cut_power
    else:
        yield folder, lambda: folder
