"""A Redis server of the experiment's own, started when it is needed and removed with its data.

There is one for each way of writing to the disk: `everysec`, which is what Redis does by default
once it keeps a log (`appendonly`), and `always`, which answers after the log is on the disk.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import redis

from benchmarks.stack import free_port

Fsync = Literal["everysec", "always"]
FSYNCS: tuple[Fsync, ...] = ("everysec", "always")
READY_SECONDS = 10
PORT = "EXPERIMENT_REDIS_{}"
"""Where the servers listen, in the environment."""


def is_there() -> bool:
    """Whether the servers run."""
    return all(PORT.format(fsync) in os.environ for fsync in FSYNCS)


def store(fsync: Fsync) -> "redis.Redis":
    """A client of the server that writes so; its connections are shared by all threads."""
    return redis.Redis(port=int(os.environ[PORT.format(fsync)]), decode_responses=True)


@contextmanager
def servers() -> Iterator[bool]:
    """Start the servers, if Redis is installed; yields whether they run."""
    if shutil.which("redis-server") is None:
        yield False
        return
    with ExitStack() as stack:
        for fsync in FSYNCS:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            port = stack.enter_context(serving(folder, fsync))
            os.environ[PORT.format(fsync)] = str(port)
            stack.callback(os.environ.pop, PORT.format(fsync), None)
        yield True


@contextmanager
def serving(folder: Path, fsync: Fsync) -> Iterator[int]:
    """A server with its data in `folder`; yields its port."""
    port = free_port()
    process = start(folder, fsync, port)
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def start(folder: Path, fsync: Fsync, port: int) -> "subprocess.Popen[bytes]":
    """Start a server and wait until it has read its data; raises RuntimeError when it doesn't."""
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(folder),
        "save": "",
        "appendonly": "yes",
        "appendfsync": fsync,
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    process = subprocess.Popen(  # noqa: S603
        ["redis-server", *arguments],  # noqa: S607
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if redis.Redis(port=port).ping():
                return process
        except redis.RedisError:  # not listening yet, or reading its log
            time.sleep(0.02)
    process.kill()
    raise RuntimeError(f"redis-server did not become ready on port {port}")
