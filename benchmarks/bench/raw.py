"""The raw limit: one lock per coupon, by bare driver threads without Django or HTTP.

    python -m benchmarks.bench.raw URL THREADS SECONDS < pairs

Each line of `pairs` is a campaign's and a member's id. Prints "ready" when all threads are
connected, starts at the next line of its input, and prints its result as JSON. `measure` runs
several such processes, for a process's threads share one interpreter lock.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.stack import Database

LOCK = "SELECT issued_quantity, total_quantity FROM coupons_coupon WHERE id = %s FOR UPDATE"
INSERT = """
    INSERT INTO coupons_issuedcoupon (coupon_id, user_id, issue_number, issued_at, expires_at)
    VALUES (%s, %s, %s, %s, %s)
"""
COUNT = "UPDATE coupons_coupon SET issued_quantity = %s WHERE id = %s"
VALID = timedelta(days=30)

Pair = tuple[int, int]
"""A campaign's and a member's id."""


@dataclass(frozen=True, slots=True)
class RawLoad:
    """What the threads of all processes did."""

    processes: int
    seconds: float
    coupons: int
    p50: float
    p95: float
    p99: float
    max: float
    cpu_seconds: float
    """Of the driver's processes."""


def measure(
    url: str, pairs: Sequence[Pair], *, clients: int, processes: int, seconds: int
) -> RawLoad:
    """Issue coupons for `seconds` with `clients` threads, spread over the processes.

    Raises RuntimeError when the pairs run out or a process fails.
    """
    started = os.times()
    running = [
        subprocess.Popen(  # noqa: S603
            [
                *(sys.executable, "-m", "benchmarks.bench.raw"),
                *(url, str(clients // processes), str(seconds)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for number, process in enumerate(running):
        assert process.stdin is not None
        assert process.stdout is not None
        mine = pairs[number::processes]
        process.stdin.write("".join(f"{campaign} {member}\n" for campaign, member in mine))
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    printed = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError("a process of the bare driver failed")
    results = [json.loads(text) for text in printed]
    ended = os.times()
    times = sorted(time for result in results for time in result["milliseconds"])
    return RawLoad(
        processes=processes,
        seconds=max(result["seconds"] for result in results),
        coupons=len(times),
        p50=times[len(times) // 2],
        p95=times[len(times) * 95 // 100],
        p99=times[len(times) * 99 // 100],
        max=times[-1],
        cpu_seconds=ended.children_user
        + ended.children_system
        - started.children_user
        - started.children_system,
    )


def main(url: str, threads: int, seconds: int) -> None:
    pairs = _read_pairs()
    started, until = threading.Event(), threading.Event()
    milliseconds: list[float] = []
    failures: list[BaseException] = []

    def work(connection: Any) -> None:
        started.wait()
        try:
            while not until.is_set():
                before = time.perf_counter()
                _issue(connection, *next(pairs))
                milliseconds.append((time.perf_counter() - before) * 1000)
        except BaseException as error:
            failures.append(error)

    connections = [Database("mysql", url).connect() for _ in range(threads)]
    for connection in connections:
        # Off once and for all: the first statement begins the transaction, a round trip saved.
        connection.autocommit(False)
    running = [threading.Thread(target=work, args=[connection]) for connection in connections]
    for thread in running:
        thread.start()
    print("ready", flush=True)
    sys.stdin.readline()
    begin = time.perf_counter()
    started.set()
    time.sleep(seconds)
    until.set()
    count, elapsed = len(milliseconds), time.perf_counter() - begin
    for thread in running:
        thread.join()
    if failures:
        raise RuntimeError("a thread failed, or the pairs ran out") from failures[0]
    print(json.dumps({"seconds": elapsed, "milliseconds": milliseconds[:count]}))


def _read_pairs() -> Iterator[Pair]:
    lines = iter(sys.stdin.readline, "\n")
    # Of a list, for its iterator hands out each pair once, whichever thread asks.
    return iter([(int(c), int(m)) for c, m in (line.split() for line in lines)])


def _issue(connection: Any, campaign: int, member: int) -> None:
    cursor = connection.cursor()
    cursor.execute(LOCK, (campaign,))
    issued, total = cursor.fetchone()
    if issued >= total:
        raise RuntimeError("sold out")
    now = datetime.now(UTC).replace(tzinfo=None)
    cursor.execute(INSERT, (campaign, member, issued + 1, now, now + VALID))
    cursor.execute(COUNT, (issued + 1, campaign))
    connection.commit()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
