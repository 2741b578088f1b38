"""The strategies.

Most run in plain SQL on the experiment's own tables and differ in one thing only: how a request
takes one piece from the counter that everybody wants. Some of them ask Redis for the lock or for
the decision (`with_redis`). The last two run the shop's own services and differ in one setting
only. So times may be compared within each group, not across: the shop's services do more (checks,
ledger, daily sales), and a counter in Redis answers before anything is in the database.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from django.db import Error, connection
from django.test import override_settings

from benchmarks.bench.contents import new_campaigns
from benchmarks.experiment import redis_store
from benchmarks.experiment.race import Kind, Left, LostRace, Refused
from benchmarks.experiment.sale import (
    PATIENCE_SECONDS,
    PRICE,
    Cursor,
    Sale,
    take_money,
    transaction,
)
from benchmarks.experiment.tables import new_goods, new_pieces, read_back, read_back_pieces
from benchmarks.experiment.with_redis import redis_counter, redis_lock, redis_queue
from common.db.database_errors import may_be_retried
from coupons.errors import CouponSoldOut
from coupons.models import Coupon, IssuedCoupon
from coupons.services import issue_coupon
from orders.models import OrderItem
from orders.services import DraftLine, OrderDraft, place_order
from products.errors import OutOfStock
from products.models import Product
from products.services import create_product

ATTEMPTS = 10
"""The lower bound of "optimistic with retries": more than most libraries try by themselves."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to hand out an exact quantity."""

    name: str
    title: str
    promises_exact: bool
    """Whether it promises that exactly what there is goes out, and nobody fails."""
    open: "Callable[[Kind, int, list[int]], Sale]"
    """Puts so many pieces on sale for these members."""
    max_batch: int = 1
    """The setting GROUP_COMMIT_MAX_BATCH; only the shop's services read it."""
    needs_row_locks: bool = False
    """Whether it needs locks that SQLite does not have: named ones, or SKIP LOCKED."""
    needs_redis: bool = False

    @property
    def can_run(self) -> bool:
        """Whether what it needs is there."""
        has_row_locks = connection.vendor != "sqlite"
        return has_row_locks >= self.needs_row_locks and redis_store.is_there() >= self.needs_redis

    @contextmanager
    def sale(self, kind: Kind, total: int, members: list[int]) -> Iterator[Sale]:
        """A new sale, under the strategy's setting."""
        with override_settings(GROUP_COMMIT_MAX_BATCH=self.max_batch):
            sale = self.open(kind, total, members)
            try:
                yield sale
            finally:
                sale.close()


# --- On the experiment's own tables ---------------------------------------------------------------

READ = "SELECT total, taken, version FROM experiment_goods WHERE id = %s"


class Seen(NamedTuple):
    """The counter's row as it was read."""

    total: int
    taken: int
    version: int


def _read(cursor: Cursor, goods: int) -> Seen:
    cursor.execute(READ, [goods])
    return Seen(*cursor.fetchone())


def _read_for_update(cursor: Cursor, goods: int) -> Seen:
    # SQLite has no row locks and no FOR UPDATE: BEGIN IMMEDIATE has locked the database by now.
    cursor.execute(READ + ("" if connection.vendor == "sqlite" else " FOR UPDATE"), [goods])
    return Seen(*cursor.fetchone())


def _write_what_was_computed(cursor: Cursor, goods: int, seen: Seen | None) -> int:
    assert seen is not None
    cursor.execute("UPDATE experiment_goods SET taken = %s WHERE id = %s", [seen.taken + 1, goods])
    return seen.taken + 1


def _write_if_unchanged(cursor: Cursor, goods: int, seen: Seen | None) -> int:
    assert seen is not None
    cursor.execute(
        "UPDATE experiment_goods SET taken = %s, version = version + 1"
        " WHERE id = %s AND version = %s",
        [seen.taken + 1, goods, seen.version],
    )
    if cursor.rowcount == 0:
        raise LostRace("the version has changed")
    return seen.taken + 1


def _write_if_any_left(cursor: Cursor, goods: int, seen: Seen | None) -> int:
    cursor.execute(
        "UPDATE experiment_goods SET taken = taken + 1 WHERE id = %s AND taken < total", [goods]
    )
    if cursor.rowcount == 0:
        raise Refused
    return _read(cursor, goods).taken  # ours: the update holds the row until the commit


@dataclass(frozen=True, slots=True)
class PlainSql:
    """Takes a piece in a transaction of its own: read, decide, write the counter and a row."""

    write: Callable[[Cursor, int, Seen | None], int]
    read: Callable[[Cursor, int], Seen] | None = _read
    sqlite_begin: str = "BEGIN"
    """On SQLite the kind of transaction is the lock; plain BEGIN takes none until it writes."""
    attempts: int | None = 1
    """How often a request tries, at once and without a pause, before it fails. None: once more
    than there are pieces: where a race is only lost to another's success, that is always enough.
    On SQLite it is also lost to whoever is just writing, and no number is."""
    around: Callable[[int], AbstractContextManager[object]] = nullcontext
    """What is held from before the transaction until after its end, for these goods."""

    def __call__(self, kind: Kind, total: int, members: list[int]) -> Sale:
        goods = new_goods(total)
        attempts = total + 1 if self.attempts is None else self.attempts

        def attempt(index: int) -> int:
            for attempts_left in reversed(range(attempts)):
                try:
                    return self._take(kind, goods, index)
                except (LostRace, Error) as error:
                    may_retry = isinstance(error, LostRace) or may_be_retried(error)
                    if not attempts_left or not may_retry:
                        raise
            raise AssertionError("unreachable: the last attempt returns or raises")

        return Sale(attempt, lambda: Left(*read_back(goods)))

    def _take(self, kind: Kind, goods: int, member: int) -> int:
        with (
            self.around(goods),
            connection.cursor() as cursor,
            transaction(cursor, self.sqlite_begin),
        ):
            seen = self.read(cursor, goods) if self.read else None
            if seen and seen.taken >= seen.total:
                raise Refused
            if kind == "orders":
                take_money(cursor, member)
            number = self.write(cursor, goods, seen)
            cursor.execute(
                "INSERT INTO experiment_taken (goods, member, number) VALUES (%s, %s, %s)",
                [goods, member, number],
            )
            return number


@contextmanager
def _named_lock(goods: int) -> Iterator[None]:
    """MySQL's GET_LOCK: a lock of the connection's, which no transaction ends."""
    name = f"experiment-{goods}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, %s)", [name, PATIENCE_SECONDS])
        if cursor.fetchone() != (1,):
            raise LostRace("the named lock was not to be had in time")
        try:
            yield
        finally:
            cursor.execute("SELECT RELEASE_LOCK(%s)", [name])


def row_per_piece(kind: Kind, total: int, members: list[int]) -> Sale:
    """Put each piece on sale in a row of its own: whoever comes takes one that nobody holds."""
    goods = new_pieces(total)

    def attempt(member: int) -> int:
        with connection.cursor() as cursor, transaction(cursor):
            cursor.execute(
                "SELECT id, number FROM experiment_piece WHERE goods = %s AND member IS NULL"
                " ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED",
                [goods],
            )
            piece = cursor.fetchone()
            if piece is None:
                raise Refused
            if kind == "orders":
                take_money(cursor, member)
            cursor.execute(
                "UPDATE experiment_piece SET member = %s WHERE id = %s", [member, piece[0]]
            )
            return int(piece[1])

    return Sale(attempt, lambda: Left(*read_back_pieces(goods)))


# --- With the shop's own services -----------------------------------------------------------------


def shop_services(kind: Kind, total: int, members: list[int]) -> Sale:
    """Put pieces on sale in the shop itself."""
    return _shop_coupons(total, members) if kind == "coupons" else _shop_orders(total, members)


def _shop_coupons(total: int, members: list[int]) -> Sale:
    (campaign,) = new_campaigns(1, total)

    def attempt(index: int) -> int:
        try:
            return issue_coupon(coupon_id=campaign, user_id=members[index]).issue_number
        except CouponSoldOut as error:
            raise Refused from error

    def left() -> Left:
        rows = IssuedCoupon.objects.filter(coupon=campaign)
        counter = Coupon.objects.get(pk=campaign).issued_quantity
        return Left(counter, list(rows.values_list("issue_number", flat=True)))

    return Sale(attempt, left)


def _shop_orders(total: int, members: list[int]) -> Sale:
    product = create_product(name="experiment", price=PRICE, stock=total)

    # Made before the rush: a draft asks the system for random bytes, and threads that wait for
    # those come out in another order than they went in.
    drafts = [OrderDraft(user_id=one, lines=(DraftLine(product.pk, 1),)) for one in members]

    def attempt(index: int) -> int:
        try:
            # Orders carry no number of their product's; their keys ascend under its lock.
            return place_order(drafts[index]).value.pk
        except OutOfStock as error:
            raise Refused from error

    def left() -> Left:
        sold = total - Product.objects.get(pk=product.pk).stock
        rows = OrderItem.objects.filter(product=product).values_list("order_id", flat=True)
        return Left(sold, list(rows))

    return Sale(attempt, left, numbers_are_keys=True)


STRATEGIES = (
    Strategy("no-lock", "No lock", False, PlainSql(_write_what_was_computed)),
    Strategy("optimistic", "Optimistic (version column)", False, PlainSql(_write_if_unchanged)),
    Strategy(
        "optimistic-retries",
        f"Optimistic, up to {ATTEMPTS} attempts",
        False,
        PlainSql(_write_if_unchanged, attempts=ATTEMPTS),
    ),
    Strategy(
        "optimistic-persistent",
        "Optimistic, total + 1 attempts",
        False,
        PlainSql(_write_if_unchanged, attempts=None),
    ),
    Strategy("conditional-update", "Conditional UPDATE", True, PlainSql(_write_if_any_left, None)),
    Strategy(
        "pessimistic",
        "Pessimistic (FOR UPDATE)",
        True,
        PlainSql(_write_what_was_computed, _read_for_update, "BEGIN IMMEDIATE"),
    ),
    Strategy(
        "named-lock",
        "Named lock (GET_LOCK)",
        True,
        PlainSql(_write_what_was_computed, around=_named_lock),
        needs_row_locks=True,
    ),
    Strategy(
        "row-per-piece", "A row per piece (SKIP LOCKED)", True, row_per_piece, needs_row_locks=True
    ),
    Strategy(
        "redis-lock",
        "Redis lock (SET NX, token)",
        True,
        PlainSql(_write_what_was_computed, sqlite_begin="BEGIN IMMEDIATE", around=redis_lock),
        needs_redis=True,
    ),
    Strategy(
        "redis-counter-everysec",
        "Redis counter, fsync each second",
        True,
        partial(redis_counter, "everysec"),
        needs_redis=True,
    ),
    Strategy(
        "redis-counter-always",
        "Redis counter, fsync always",
        True,
        partial(redis_counter, "always"),
        needs_redis=True,
    ),
    Strategy("redis-queue", "Redis stream, one consumer", True, redis_queue, needs_redis=True),
    Strategy("shop-one-by-one", "The shop, batch limit 1", True, shop_services),
    Strategy("shop-group-commit", "The shop, group commit", True, shop_services, max_batch=64),
)
