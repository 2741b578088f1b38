"""One trial: load, a fault, the wait until the shop is well again, and the verdict."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.faults.books import read_books
from benchmarks.faults.checker import Verdict, check
from benchmarks.faults.clients import WRITES, Load
from benchmarks.faults.commit_proxy import CommitProxy
from benchmarks.faults.records import Attempt, Intent
from benchmarks.faults.shop import Shop
from benchmarks.stack import Database, Server

WARM_SECONDS = 1.0
RECOVERY_SECONDS = 10.0
"""The bound: so long after the fault's end, at most, the shop serves everyone again."""
CALM_SECONDS = 2.0
"""So long without a single error, and the shop is taken to be well."""
WARM_UP_SECONDS = 30.0


@dataclass(slots=True)
class Round:
    """One fault, by the clock of `time.monotonic`."""

    began: float
    ended: float = 0.0
    first_success: float = 0.0
    """When the last of the three kinds of writes had succeeded again."""
    calm_since: float = 0.0
    """When the last request started that was turned away."""


@dataclass(slots=True)
class Stage:
    """All that a fault can be done to."""

    db: Database
    server: Server
    load: Load
    proxy: CommitProxy | None
    round: Round

    def over(self) -> None:
        """The fault ends here: from now on the shop must recover by itself."""
        self.round.ended = time.monotonic()

    def heard_since(self, moment: float) -> list[tuple[Intent, Attempt]]:
        """The requests that were answered, or not, since `moment`."""
        return [(intent, one) for intent, one in self.load.attempts() if one.ended >= moment]


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table."""

    fault: str
    database: str
    requests: int
    successes: int
    verdict: Verdict
    troubles: Counter[str]
    longest_outage: float
    """Seconds without a success, the fault itself included."""
    recovered_after: float
    """Seconds from the fault's end until no request was turned away any more."""
    notes: list[str] = field(default_factory=list)


class NotRecovered(AssertionError):
    """The shop was not well again within the bound."""


def run_trial(
    title: str,
    fault: Callable[[Stage], str],
    db: Database,
    server: Server,
    shop: Shop,
    *,
    clients: int,
    rounds: int = 1,
    proxy: CommitProxy | None = None,
) -> Result:
    """Do `fault` to the shop under load, `rounds` times, and judge what came of it.

    Raises:
        NotRecovered: after a fault it was not well within `RECOVERY_SECONDS`.
    """
    load = Load(server.port, shop, clients=clients)
    stage = Stage(db, server, load, proxy, Round(began=time.monotonic()))
    done: list[Round] = []
    notes: list[str] = []
    load.start()
    try:
        await_first_successes(load, server)
        for _ in range(rounds):
            stage.round = Round(began=time.monotonic())
            notes.append(fault(stage))
            stage.round.ended = stage.round.ended or time.monotonic()
            _await_recovery(stage)
            done.append(stage.round)
    finally:
        load.stop()
    verdict = check(load.intents, read_books(db, shop), shop)
    attempts = [attempt for _, attempt in load.attempts()]
    return Result(
        fault=title,
        database=db.kind,
        requests=len(attempts),
        successes=sum(attempt.succeeded for attempt in attempts),
        verdict=verdict,
        troubles=Counter(one.trouble for one in attempts if one.was_turned_away),
        longest_outage=_longest_outage(attempts, done[0].began),
        recovered_after=max(
            max(one.first_success, one.calm_since, one.ended) - one.ended for one in done
        ),
        notes=notes,
    )


def await_first_successes(load: Load, server: Server) -> None:
    """Until each kind of write has succeeded once, and a little longer."""
    deadline = time.monotonic() + WARM_UP_SECONDS
    while {intent.kind for intent, one in load.attempts() if one.succeeded} < set(WRITES):
        if time.monotonic() > deadline:
            raise AssertionError(f"no load, even before the fault:\n{server.printed()}")
        time.sleep(0.1)
    time.sleep(WARM_SECONDS)


def _await_recovery(stage: Stage) -> None:
    current = stage.round
    while True:
        now = time.monotonic()
        heard = stage.heard_since(current.ended)
        first = [
            min(
                (one.ended for intent, one in heard if intent.kind is kind and one.succeeded),
                default=float("inf"),
            )
            for kind in WRITES
        ]
        current.first_success = max(first)
        current.calm_since = max(
            (one.started for _, one in heard if one.was_turned_away), default=current.ended
        )
        well_since = max(current.first_success, current.calm_since, current.ended)
        if now >= well_since + CALM_SECONDS:
            break
        if now > current.ended + RECOVERY_SECONDS + CALM_SECONDS:
            raise NotRecovered(
                f"first successes after {[round(at - current.ended, 1) for at in first]} s, last"
                f" error after {current.calm_since - current.ended:.1f} s; the server said:\n"
                f"{stage.server.printed()[-4000:]}"
            )
        time.sleep(0.2)


def _longest_outage(attempts: list[Attempt], since: float) -> float:
    moments = sorted(one.ended for one in attempts if one.succeeded and one.ended >= since)
    return max(
        (later - earlier for earlier, later in zip([since, *moments], moments, strict=False)),
        default=0.0,
    )


def await_workers(server: Server) -> None:
    """Until as many processes serve as should."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    while server.listeners() != int(server.variables["WORKERS"]):
        assert time.monotonic() < deadline, f"{server.listeners()} workers serve"
        time.sleep(0.1)
