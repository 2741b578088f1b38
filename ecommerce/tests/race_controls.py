"""What the races look like without the locks, step by step the same on every run.

A race by itself is luck. Here every request is stopped between what it has read and what it
decides from it, until all requests have read; then one after the other goes on. With the locks
that cannot happen: the second would still be waiting to read.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import wraps
from pkgutil import resolve_name
from threading import Barrier, Condition
from types import SimpleNamespace
from typing import Any
from unittest import mock

from django.db import connection, transaction
from django.db.models import QuerySet
from django.test import override_settings

from common.db.locks import Waiting
from ecommerce.tests.threads import place
from products.models import Product

WAIT_SECONDS = 20


@contextmanager
def calling_before(name: str, step: Callable[[], object]) -> Iterator[None]:
    """Have `step` called before every call of the function that `name` (dotted) names."""
    function = resolve_name(name)

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        step()
        return function(*args, **kwargs)

    with mock.patch(name, wrapper):
        yield


@contextmanager
def without_locks(*stops: str, parties: int) -> Iterator[None]:
    """Requests read without locks, all `parties` of them before the first decides.

    A request has read what it needs when it comes to one of `stops` (dotted names). `FOR UPDATE`
    is left out; on SQLite, where the transaction itself is the lock, the transaction is. Each
    request has a transaction of its own: those of one batch don't race.
    """
    turns = _Turns(parties)

    @contextmanager
    def atomic(*, durable: bool) -> Iterator[None]:
        row_locks = connection.features.has_select_for_update
        try:
            with transaction.atomic(durable=durable) if row_locks else nullcontext():
                yield
        finally:
            turns.finish()

    with ExitStack() as patches:
        patches.enter_context(override_settings(GROUP_COMMIT_MAX_BATCH=1))
        patches.enter_context(mock.patch.object(QuerySet, "select_for_update", QuerySet.all))
        patches.enter_context(mock.patch("common.db.compiled.KEPT", -1))  # compile it anew
        patches.enter_context(
            mock.patch("common.db.transactions.transaction", SimpleNamespace(atomic=atomic))
        )
        patches.enter_context(mock.patch("common.db.transactions.in_turn", nullcontext))
        for stop in stops:
            patches.enter_context(calling_before(stop, turns.wait))
        yield


class _Turns:
    """Where requests wait until all are here; then they go on one by one, the first sent first."""

    def __init__(self, parties: int) -> None:
        self._all_here = Barrier(parties)
        self._changed = Condition()
        self._came: set[int] = set()
        self._unfinished: set[int] = set()

    def wait(self) -> None:
        """Wait until all are here and those before have finished; a second stop is passed."""
        with self._changed:
            if place() in self._came:
                return
            self._came.add(place())
            self._unfinished.add(place())
        self._all_here.wait(WAIT_SECONDS)
        with self._changed:
            ours = self._changed.wait_for(lambda: min(self._unfinished) == place(), WAIT_SECONDS)
        assert ours, "the request before this one did not finish"

    def finish(self) -> None:
        """Let the next one go on."""
        with self._changed:
            self._unfinished.discard(place())
            self._changed.notify_all()


@contextmanager
def without_lock_order() -> Iterator[None]:
    """Two orders of the same two products each hold something and then want the other's.

    The second request locks products from the highest id down. SQLite has no rows to lock and so
    no order; there both transactions begin by reading, its default, and then want to write.
    """
    both_hold = Barrier(2)
    with override_settings(GROUP_COMMIT_MAX_BATCH=1), _locking_in_either_order(both_hold):
        yield


@contextmanager
def _locking_in_either_order(both_hold: Barrier) -> Iterator[None]:
    if connection.features.has_select_for_update:
        with mock.patch(
            "orders.services.batch_rows.lock_products", _lock_in_either_order(both_hold)
        ):
            yield
    else:
        begin = (
            "django.db.backends.sqlite3.base.DatabaseWrapper._start_transaction_under_autocommit"
        )
        with (
            mock.patch(begin, lambda wrapper: wrapper.cursor().execute("BEGIN DEFERRED")),
            mock.patch("common.db.transactions.in_turn", nullcontext),
            calling_before("orders.services.placing._decide", lambda: both_hold.wait(WAIT_SECONDS)),
        ):
            yield


def _lock_in_either_order(
    both_hold: Barrier,
) -> Callable[[Collection[int], Waiting], dict[int, Product]]:
    def lock(product_ids: Collection[int], waiting: Waiting) -> dict[int, Product]:
        first, second = sorted(product_ids, reverse=place() == 1)
        rows = Product.objects.select_for_update()
        locked = {first: rows.get(pk=first)}
        both_hold.wait(WAIT_SECONDS)
        return locked | {second: rows.get(pk=second)}

    return lock
