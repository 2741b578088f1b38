"""Cancelling orders: lock, decide, write, as in placing them, and in the same order of locks."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext_lazy as _

from common.db.batches import Batch, committed
from common.db.fields import DB_IDS
from common.db.group_commit import GroupCommit
from common.db.locks import Row, RowHeld, RowLock, Waiting
from common.errors import DomainError, NotFound
from coupons.services import ISSUED, restore, save_redemptions
from events.models import Kind
from events.services import record
from orders.errors import OrderNotCancellable
from orders.facts import facts_of_orders
from orders.models import Order
from orders.services.batch_rows import (
    Decided,
    Locked,
    ledger_entry,
    lock_coupons,
    lock_goods,
    sales_of,
    save_money_and_goods,
)
from products.services import PRODUCTS, return_stock
from stats.services import take_back_sales
from users.access import MEMBERS, Access, ensure_in_session
from users.models import WalletTransaction
from users.services import WALLETS, credit, lock_active_members, lock_wallets

ORDERS: RowLock[Order] = RowLock(Order.objects.all)
"""Orders by their ids."""


@dataclass(frozen=True, slots=True)
class Cancellation:
    """An order that is to be cancelled: on behalf of its member, or, with none, by staff."""

    order_id: int
    user_id: int | None = None
    access: Access | None = None

    def rows(self) -> Iterator[Row]:
        """What is known beforehand of what it locks."""
        yield Row(ORDERS, self.order_id)
        if self.user_id is not None:
            yield Row(MEMBERS, self.user_id)
            yield Row(WALLETS, self.user_id)


def cancel_order(
    *, order_id: int, user_id: int | None = None, access: Access | None = None
) -> Order:
    """Cancel a paid order: money, stock and coupon go back, the sale leaves its day.

    With `user_id`, on behalf of that member, who must own the order; without, by staff.

    Raises:
        NotFound: there is no such order, or it is another member's.
        NotSignedIn: the member is not active.
        SessionEnded: the session of `access` is over.
        OrderNotCancellable: it is cancelled already.
        BalanceLimitExceeded: the wallet cannot take the money back.
    """
    return enqueue_cancellation(order_id=order_id, user_id=user_id, access=access).result()


def enqueue_cancellation(
    *, order_id: int, user_id: int | None = None, access: Access | None = None
) -> "Future[Order]":
    """As `cancel_order`, without waiting."""
    return _cancelling.enqueue(None, Cancellation(order_id, user_id, access))


def _find_cancelled(key: None, batch: Batch[Cancellation]) -> list[Order | None]:
    """Those that were cancelled in the batch's moment, each told to the first who may know it."""
    asked = batch.close()
    locked = ORDERS.objects({one.order_id for one in asked if one.order_id in DB_IDS})
    cancelled = {pk: order for pk, order in locked.items() if order.cancelled_at == batch.moment}
    prefetch_related_objects(list(cancelled.values()), "items")
    found: list[Order | None] = []
    for one in asked:
        order = cancelled.get(one.order_id)
        is_told = order is not None and one.user_id in (None, order.user_id)
        found.append(cancelled.pop(one.order_id) if is_told else None)
    return found


_cancelling: GroupCommit[None, Cancellation, Order] = GroupCommit(
    committed(
        lambda key, batch, waiting: cancel_orders(
            batch.close(), moment=batch.moment, waiting=waiting
        ),
        find_again=_find_cancelled,
    ),
    lambda key, cancellation: cancellation.rows(),
    deed="cancel",
)


def cancel_orders(
    cancellations: Sequence[Cancellation],
    *,
    moment: datetime,
    waiting: Waiting = Waiting.LONG,
) -> list[Order | DomainError | RowHeld]:
    """Cancel a batch of orders, decided in the order given. Needs an open transaction.

    Returns an order, with its lines read, or a refusal for each, in the same order, or that others
    hold a row that it needs. The number of SQL statements depends neither on the orders nor on
    their lines.
    """
    locked = _lock_for_cancelling(cancellations, waiting)
    outcomes: list[Order | DomainError | RowHeld] = []
    cancelled: list[Decided] = []
    for one in cancellations:
        try:
            order = _own_order(one, locked)
            _ensure_cancellable(one, order, locked)
            cancelled.append(_cancel(order, locked, moment))
            outcomes.append(order)
        except (DomainError, RowHeld) as refusal:
            outcomes.append(refusal)
    _write_cancelled(cancelled, locked, moment)
    return outcomes


def _lock_for_cancelling(cancellations: Sequence[Cancellation], waiting: Waiting) -> Locked:
    """Lock, kind by kind, what the cancellations need; of those that are left out, nothing more."""
    locked, of_members = Locked(), waiting.for_own_rows
    order_ids = {one.order_id for one in cancellations if one.order_id in DB_IDS}
    locked.orders = ORDERS.objects(order_ids, of_members)
    if held := ORDERS.held(order_ids - locked.orders.keys(), of_members):
        locked.held_orders = Order.objects.in_bulk(held)
    user_ids = {one.user_id for one in cancellations if one.user_id is not None}
    locked.active = lock_active_members(user_ids, of_members)
    held = MEMBERS.held(user_ids - locked.active.keys(), of_members)
    locked.held.update(Row(MEMBERS, pk) for pk in held)
    prefetch_related_objects(list(locked.orders.values()), "items")
    orders = [
        order
        for one in cancellations
        if (order := locked.orders.get(one.order_id)) is not None
        and order.status == Order.Status.PAID
        and (one.user_id is None or one.user_id in locked.active.keys() & {order.user_id})
    ]
    owners = {order.user_id for order in orders}
    locked.wallets = lock_wallets(owners, of_members)
    locked.held.update(Row(WALLETS, pk) for pk in owners - locked.wallets.keys())
    orders = [order for order in orders if not locked.first_held(_rows_of(order))]
    lock_coupons({order.coupon_id for order in orders if order.coupon_id}, locked, of_members)
    orders = [order for order in orders if not locked.first_held(_rows_of(order))]
    lock_goods({i.product_id for order in orders for i in order.line_items}, locked, waiting)
    return locked


def _rows_of(order: Order) -> Iterator[Row]:
    """What a paid order locks besides itself when it is cancelled."""
    yield Row(WALLETS, order.user_id)
    if order.coupon_id is not None:
        yield Row(ISSUED, order.coupon_id)
    for item in order.line_items:
        yield Row(PRODUCTS, item.product_id)


def _own_order(one: Cancellation, locked: Locked) -> Order:
    """The order, if who wants it cancelled may know of it."""
    order = locked.orders.get(one.order_id) or locked.held_orders.get(one.order_id)
    if order is None or one.user_id not in (None, order.user_id):
        raise NotFound
    if order.pk not in locked.orders:
        raise RowHeld(Row(ORDERS, order.pk))
    return order


def _ensure_cancellable(one: Cancellation, order: Order, locked: Locked) -> None:
    if one.user_id is not None:
        if Row(MEMBERS, one.user_id) in locked.held:
            raise RowHeld(Row(MEMBERS, one.user_id))
        ensure_in_session(locked.active.get(one.user_id), one.access)
    if order.status != Order.Status.PAID:
        raise OrderNotCancellable(_("This order is cancelled already."))
    if row := locked.first_held(_rows_of(order)):
        raise RowHeld(row)


def _cancel(order: Order, locked: Locked, moment: datetime) -> Decided:
    """Cancel an order, in memory, or raise why not; nothing has changed then."""
    wallet = locked.wallets[order.user_id]
    credit(wallet, order.total)
    for item in order.line_items:
        item.order = order
        return_stock(locked.products[item.product_id], item.quantity)
    if order.coupon_id is not None:
        restore(locked.coupons[order.coupon_id])
    order.status = Order.Status.CANCELLED
    order.cancelled_at = moment
    order.redeemed_coupon = None
    entry = ledger_entry(wallet, order, WalletTransaction.Kind.REFUND, order.total)
    return Decided(order, order.line_items, entry)


def _write_cancelled(cancelled: list[Decided], locked: Locked, moment: datetime) -> None:
    if not cancelled:
        return
    orders = [one.order for one in cancelled]
    items = [item for one in cancelled for item in one.items]
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(
        status=Order.Status.CANCELLED, cancelled_at=moment, redeemed_coupon=None
    )
    save_redemptions([locked.coupons[order.coupon_id] for order in orders if order.coupon_id])
    save_money_and_goods(cancelled, locked)
    take_back_sales(sales_of(items))
    record({Kind.ORDER_CANCELLED: facts_of_orders(orders, locked.products)})
