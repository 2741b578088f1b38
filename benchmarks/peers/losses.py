"""What was told and is not in the books, when everything is killed in the middle of a sale.

The database, Redis and the writer behind it, and the server get SIGKILL; then the stores are
started on what they have, the writer goes on, and each coupon that a member was told of is looked
for in MySQL. `power`: of Redis only what had reached its disk is left, as
`benchmarks.experiment.losses` does it; what the database commits has reached its disk by then.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench.session import Session, prepare
from benchmarks.disk import can_mount
from benchmarks.experiment.losses import Cut, store_disk
from benchmarks.experiment.redis_store import FSYNCS, Fsync
from benchmarks.peers import books
from benchmarks.peers.books import Pair
from benchmarks.peers.rush import Member, sell_until
from benchmarks.peers.systems import SHOP, System, started
from benchmarks.stack import Database, without_proxy

CLIENTS = 16
SECONDS = 1.5
"""How long the sale goes on: longer than the second between two writes of Redis."""
TOTAL = 1_000_000
DATABASE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Loss:
    """What came of one cut."""

    system: str
    cut: Cut
    fsync: Fsync | None
    """How Redis writes to its disk, where there is one."""
    told: int
    lost: int
    """How many of them are not in MySQL, nor ever will be."""
    given_again: int
    """How many of the numbers that were told Redis would give to others."""


def cuts_of(system: System, can_cut_power: bool) -> Iterator[tuple[Cut, Fsync | None]]:
    """What is done to this system."""
    if not system.counts_in_redis:
        yield "kill", None
        return
    for fsync in FSYNCS:
        yield "kill", fsync
    for fsync in FSYNCS if can_cut_power and system.name == "fastapi_redis" else ():
        yield "power", fsync


def measure_losses(session: Session, systems: Sequence[System]) -> list[Loss]:
    """Kill each of the systems in each way."""
    can_cut_power = can_mount()
    if not can_cut_power:
        print("peers: no root or no loop device: the power cut is left out", flush=True)
    losses = []
    for system in systems:
        for cut, fsync in cuts_of(system, can_cut_power) if system.issues else ():
            losses.append(_measure(session, system, cut, fsync))
            print(f"   {losses[-1]}", flush=True)
    return losses


def _measure(session: Session, system: System, cut: Cut, fsync: Fsync | None) -> Loss:
    with (
        tempfile.TemporaryDirectory() as folder,
        store_disk(Path(folder), cut) as (data, after_the_cut),
    ):
        left = data
        with ExitStack() as stack:
            store = stack.enter_context(books.counter(session.db, data, fsync)) if fsync else None
            if system.name == SHOP:
                server = stack.enter_context(session.server())
                campaign = open_campaign(session, TOTAL)
            else:
                port = store.port if store else None
                server = stack.enter_context(started(system, session.db, session.variables, port))
                (campaign,) = books.new_campaigns(session.db, 1, TOTAL, store)

            def kill_everything() -> None:
                nonlocal left
                if store:
                    store.kill()
                    left = after_the_cut()
                session.db.container.kill("SIGKILL")
                server.kill()

            told = sell_until(server.url, campaign, queues_of(session), SECONDS, kill_everything)
        session.db = start_again(session.db)
        issued = max((number for _, number in told), default=0)
        if fsync:
            with books.counter(session.db, left, fsync) as again:
                again.drain()
                issued = again.issued(campaign)
        return judge(system.name, cut, fsync, told, rows_of(session, system, campaign), issued)


def judge(
    system: str,
    cut: Cut,
    fsync: Fsync | None,
    told: Sequence[Pair],
    rows: Sequence[Pair],
    issued: int,
) -> Loss:
    """Hold what was told against the books, and against how many the counter says are issued."""
    highest = max((number for _, number in told), default=0)
    return Loss(system, cut, fsync, len(told), len(set(told) - set(rows)), max(0, highest - issued))


def open_campaign(session: Session, total: int) -> int:
    """Open a campaign of the shop's; its id."""
    (campaign,) = prepare(session.db, session.variables, "new_campaigns", count=1, quantity=total)
    return int(campaign)


def queues_of(session: Session) -> list[list[Member]]:
    """The members, in as many queues as there are clients."""
    members = list(zip(session.shop.members, session.shop.tokens, strict=True))
    return [members[place::CLIENTS] for place in range(CLIENTS)]


def rows_of(session: Session, system: System, campaign: int) -> list[Pair]:
    """What is in this system's books."""
    read = books.issued_by_shop if system.name == SHOP else books.issued_by_peers
    return read(session.db, campaign)


def start_again(db: Database) -> Database:
    """Start the killed database; returns it, which may be at another address by now."""
    db.container.start()
    deadline = time.monotonic() + DATABASE_SECONDS
    while True:
        again = without_proxy(db)
        try:
            again.connect().close()
            return again
        except Exception:  # of the driver's own types: not listening yet, or reading its log
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
