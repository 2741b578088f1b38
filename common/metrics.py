"""What the shop counts of itself, for `/metrics`.

In files that all processes of a server share (`PROMETHEUS_MULTIPROC_DIR`, which scripts/server
sets), else in this process alone. All is counted after the answer or the commit, under no lock of
the database.
"""

from collections import Counter as Counts
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from common.errors import DomainError

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)

REQUESTS = Histogram(
    "shop_request_seconds",
    "From the first byte of a request to its answer.",
    ["route", "method", "status"],
    buckets=SECONDS,
)
OUTCOMES = Counter("shop_outcomes", "What became of what was asked for.", ["deed", "code"])
BATCH_SIZE = Histogram(
    "shop_batch_size", "How many requests shared a transaction.", ["deed"], buckets=SIZES
)
BATCH_WAIT = Histogram(
    "shop_batch_wait_seconds",
    "How long a request waited for its batch to be closed.",
    ["deed"],
    buckets=SECONDS,
)
LOCK_WAIT = Histogram(
    "shop_lock_wait_seconds", "How long a transaction waited for its locks.", buckets=SECONDS
)
LOCK_HELD = Histogram(
    "shop_lock_held_seconds",
    "From a transaction's first lock to its end, which lets go of it.",
    buckets=SECONDS,
)
COMMIT = Histogram("shop_commit_seconds", "How long a commit took.", buckets=SECONDS)
RETRIES = Counter("shop_transaction_retries", "Transactions that ran again.", ["cause"])
SOLD_OUT_REMEMBERED = Counter(
    "shop_sold_out_remembered", "Coupons refused from memory: the database was not asked."
)
THREADS = Gauge("shop_threads", "Threads that serve.", ["pool"], multiprocess_mode="livesum")
THREADS_BUSY = Gauge(
    "shop_threads_busy", "Threads that serve a request.", ["pool"], multiprocess_mode="livesum"
)
REQUESTS_WAITING = Gauge(
    "shop_requests_waiting",
    "Requests that wait for a thread.",
    ["pool"],
    multiprocess_mode="livesum",
)
HASHES_WAITING = Gauge(
    "shop_hashes_waiting",
    "Passwords that wait to be hashed, or are being.",
    multiprocess_mode="livesum",
)
CONNECTIONS = Gauge(
    "shop_database_connections",
    "Connections to the database that are held.",
    multiprocess_mode="livesum",
)


class Labelled(dict[tuple[str, ...], Any]):
    """A metric's children by the values of its labels; the library's own look-up costs 1 µs.

    The values must be of a bounded number: no client may choose them.
    """

    def __init__(self, metric: Counter | Histogram) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, values: tuple[str, ...]) -> Any:
        child = self[values] = self._metric.labels(*values)
        return child


_requests, _outcomes = Labelled(REQUESTS), Labelled(OUTCOMES)
_sizes, _waits = Labelled(BATCH_SIZE), Labelled(BATCH_WAIT)
_retries = Labelled(RETRIES)

# What an alert watches begins at nothing: Prometheus sees no increase in a series that begins with
# what it came to.
ALARMING_CODES = ("busy", "unavailable", "outcome_unknown")
ALARMING_CAUSES = ("connection_lost", "commit_lost", "deadlock")
for _cause in ALARMING_CAUSES:
    _retries[_cause,].inc(0)


def expect(deed: str) -> None:
    """From now on a deed is counted: the refusals that an alert watches, from nothing."""
    for code in ALARMING_CODES:
        _outcomes[deed, code].inc(0)


def count_request(route: str, method: str, status: int, seconds: float) -> None:
    """A request was answered."""
    _requests[route, method, str(status)].observe(seconds)


def count_outcomes(deed: str, outcomes: Iterable[Any]) -> None:
    """These became of so many requests to do the same."""
    for code, number in Counts(map(code_of, outcomes)).items():
        _outcomes[deed, code].inc(number)


def count_retry(cause: str) -> None:
    """A transaction runs again, because of this."""
    _retries[cause,].inc()


def count_batch(deed: str, waits: Iterable[float]) -> None:
    """A batch was served whose requests have waited for so many seconds each."""
    waited = list(waits)
    _sizes[deed,].observe(len(waited))
    observe = _waits[deed,].observe
    for seconds in waited:
        observe(seconds)


def code_of(outcome: Any) -> str:
    """What an answer or a refusal is called: `ok`, `replayed`, `error`, or the refusal's code."""
    if isinstance(outcome, DomainError):
        return outcome.items[0].code
    if isinstance(outcome, Exception):
        return "error"
    return "replayed" if getattr(outcome, "replayed", False) else "ok"


samplers: list[Callable[[], object]] = []
"""Each sets gauges of this process to what they are at this moment."""


def sample() -> None:
    """Set all gauges of this process; called every second where requests are served."""
    for sampler in samplers:
        sampler()
