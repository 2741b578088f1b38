"""Nobody who sends slowly, reads nothing or asks for what is costly holds up who is quick.

A steady sale goes on, alone and beside each crowd by turns, in one run: what is held against each
other are turns of the same minutes. Afterwards the books are compared as after every fault.
"""

import math
import statistics
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field

import pytest

from benchmarks.faults.books import read_books
from benchmarks.faults.checker import check
from benchmarks.faults.clients import WRITES, Load
from benchmarks.faults.conftest import LONG, SINGLE, Running, besides
from benchmarks.faults.crowds import CROWDS, Crowd, present, search_for_what_is_rare
from benchmarks.faults.records import Kind
from benchmarks.faults.table import Beside
from benchmarks.faults.trial import await_first_successes
from benchmarks.stack import manage, server

CLIENTS = 4
"""So few that the shop has time to spare: what they wait is then the crowd's doing."""
TURNS = 4 if LONG else 1
TURN_SECONDS = 6.0 if LONG else 3.0
TIMEOUT_SECONDS = 2
"""So soon the half-sent are cut off here, to be seen within a turn; 10 s by default."""
PRODUCTS = 150_000
"""What the long form gives the searches to look through."""
LIVE_SECONDS = 0.1
"""Within so long `/health/live` answers, whoever stands at the door."""

CASES = [
    pytest.param(database, crowd, id=f"{database}-{crowd.title}".replace(" ", "-"))
    for database in SINGLE
    if database != "sqlite" or LONG
    for crowd in CROWDS
]


@dataclass(slots=True)
class Turns:
    """Latencies of the sale's writes in seconds, and of the probe."""

    waits: dict[Kind, list[float]] = field(default_factory=lambda: {kind: [] for kind in WRITES})
    live: list[float] = field(default_factory=list)


@pytest.mark.parametrize(("running", "crowd"), CASES, indirect=["running"])
def test_the_sale_goes_on_beside(running: Running, crowd: Crowd) -> None:
    db, shop = running.db, running.take_shop()
    if LONG and crowd.behave is search_for_what_is_rare:
        manage(db, "seed", "--products", str(PRODUCTS))
    alone, beside, heard = Turns(), Turns(), Counter[str]()
    with server(db, REQUEST_TIMEOUT_SECONDS=str(TIMEOUT_SECONDS)) as web:
        load = Load(web.port, shop, clients=CLIENTS)
        load.start()
        try:
            await_first_successes(load, web)
            for _ in range(TURNS):
                _watch(load, web.url, alone)
                with present(crowd, web.port) as of_this_turn:
                    time.sleep(crowd.gather_seconds)
                    _watch(load, web.url, beside)
                heard += of_this_turn
        finally:
            load.stop()
        printed = web.printed()
    verdict = check(load.intents, read_books(db, shop), shop)
    besides.append(_row(crowd, db.kind, heard, alone, beside))
    assert verdict.is_clean, f"{verdict}\n{printed[-6000:]}"
    assert set(heard) <= crowd.may_hear, heard
    assert heard, "the crowd heard nothing at all"
    turned_away = [one for _, one in load.attempts() if one.was_turned_away]
    assert turned_away == []
    assert statistics.median(beside.live) < LIVE_SECONDS
    assert "Traceback" not in printed, printed[printed.index("Traceback") :][:6000]


def _watch(load: Load, url: str, turns: Turns) -> None:
    """Watch the sale for a turn, and ask all the while whether the process lives."""
    began = time.monotonic()
    while time.monotonic() < began + TURN_SECONDS:
        asked = time.monotonic()
        with urllib.request.urlopen(f"{url}/health/live", timeout=TURN_SECONDS) as answer:
            assert answer.status == 200
        turns.live.append(time.monotonic() - asked)
        time.sleep(0.05)
    for intent, one in load.attempts():
        if one.succeeded and one.started >= began and intent.kind in turns.waits:
            turns.waits[intent.kind].append(one.ended - one.started)


def _row(crowd: Crowd, database: str, heard: Counter[str], alone: Turns, beside: Turns) -> Beside:
    return Beside(
        title=f"{crowd.size:,} {crowd.title}",
        database=database,
        heard=heard,
        coupon=(_p95(alone.waits[Kind.COUPON]), _p95(beside.waits[Kind.COUPON])),
        order=(_p95(alone.waits[Kind.ORDER]), _p95(beside.waits[Kind.ORDER])),
        live=max(beside.live),
    )


def _p95(waits: list[float]) -> float:
    assert waits, "nobody was served"
    return sorted(waits)[math.ceil(len(waits) * 0.95) - 1]
