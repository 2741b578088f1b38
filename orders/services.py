"""Placing and cancelling orders: the one place where the domains meet.

Lock, decide, write, in that order, for a whole batch at once; docs/locking.md has the law.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import prefetch_related_objects
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.db.batches import Batch, committed
from common.db.fields import DB_IDS
from common.db.group_commit import GroupCommit
from common.db.idempotency import IdempotencyKey, Outcome
from common.db.locks import Row, RowHeld, RowLock, Waiting
from common.db.rows import save_new
from common.errors import DoesNotExist, DomainError, ErrorItem, NotFound
from common.references import new_reference
from coupons.models import IssuedCoupon
from coupons.services import (
    ISSUED,
    discount_with,
    lock_issued_coupons,
    redeem,
    restore,
    save_redemptions,
)
from events.models import Kind
from events.services import record
from orders.errors import OrderNotCancellable
from orders.facts import facts_of_orders
from orders.models import Order, OrderItem
from products.errors import OutOfStock
from products.facts import facts_of_low_stock
from products.models import Product
from products.services import PRODUCTS, lock_products, return_stock, save_stock, take_stock
from stats.services import Sold, record_sales, take_back_sales
from users.access import MEMBERS, Access, ensure_in_session
from users.models import Wallet, WalletTransaction
from users.services import (
    WALLETS,
    credit,
    debit,
    lock_active_members,
    lock_wallets,
    save_wallets,
)


@dataclass(frozen=True, slots=True)
class DraftLine:
    """So many pieces of a product, as the customer sent it."""

    product_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class OrderDraft:
    """An order that a member asks for. Its number is fixed before anything is tried."""

    user_id: int
    lines: tuple[DraftLine, ...]
    coupon_id: int | None = None
    idempotency: IdempotencyKey | None = None
    access: Access | None = None
    """What the member's access token says; None for commands."""
    number: str = field(default_factory=lambda: new_reference("ORD"))

    def rows(self) -> Iterator[Row]:
        """What it locks."""
        yield Row(MEMBERS, self.user_id)
        yield Row(WALLETS, self.user_id)
        if self.coupon_id is not None:
            yield Row(ISSUED, self.coupon_id)
        for line in self.lines:
            yield Row(PRODUCTS, line.product_id)

    def quantities(self) -> dict[int, int]:
        """Pieces by product id, the lines of one product added together, in order of mention."""
        quantities: dict[int, int] = defaultdict(int)
        for line in self.lines:
            quantities[line.product_id] += line.quantity
        return dict(quantities)


@dataclass(slots=True)
class _Locked:
    """All that a batch of drafts needs, locked and read, and kept up while it is decided."""

    wallets: dict[int, Wallet] = field(default_factory=dict)
    active: dict[int, int] = field(default_factory=dict)
    """Active members, and when their sessions last ended."""
    by_key: dict[tuple[int, str], Order] = field(default_factory=dict)
    coupons: dict[int, IssuedCoupon] = field(default_factory=dict)
    products: dict[int, Product] = field(default_factory=dict)
    held: set[Row] = field(default_factory=set)
    """What others hold. Who needs it is left out."""
    orders: dict[int, Order] = field(default_factory=dict)
    """Those that are to be cancelled."""
    held_orders: dict[int, Order] = field(default_factory=dict)
    """Those that others hold, read without a lock."""

    def first_held(self, rows: Iterable[Row]) -> Row | None:
        """The first among rows that others hold."""
        return next((row for row in rows if row in self.held), None) if self.held else None


@dataclass(slots=True)
class _Decided:
    """An order that is placed or cancelled, with the rows that are to be written for it."""

    order: Order
    items: list[OrderItem]
    entry: WalletTransaction


# --- Placing ------------------------------------------------------------------------------------


def place_order(draft: OrderDraft) -> Outcome[Order]:
    """Place one order and pay it from the member's balance.

    Those who order at the same time are served together, in the order in which they asked here.

    Raises, the first cause winning:
        NotSignedIn: the member is not active.
        SessionEnded: the session of `access` is over.
        IdempotencyKeyReused: the key came before, with another order.
        DoesNotExist: a product is unknown or inactive, or the coupon unknown or another's.
        CouponNotUsable: the coupon is used, expired, revoked or below its minimum.
        OutOfStock: with an item for each product that is short.
        InsufficientBalance: the balance is below the total.
    """
    return enqueue_order(draft).result()


def enqueue_order(draft: OrderDraft) -> "Future[Outcome[Order]]":
    """As `place_order`, without waiting."""
    return _placing.enqueue(None, draft)


def _find_placed(key: None, batch: Batch[OrderDraft]) -> list[Outcome[Order] | None]:
    """Also of members who were deactivated since."""
    drafts = batch.close()
    user_ids = {draft.user_id for draft in drafts}
    lock_active_members(user_ids)
    lock_wallets(user_ids)
    numbers = [draft.number for draft in drafts]
    found = Order.objects.with_items().filter(number__in=numbers)
    by_number = {order.number: Outcome(order) for order in found}
    return [by_number.get(number) for number in numbers]


_placing: GroupCommit[None, OrderDraft, Outcome[Order]] = GroupCommit(
    committed(
        lambda key, batch, waiting: place_orders(batch.close(), waiting=waiting),
        find_again=_find_placed,
    ),
    lambda key, draft: draft.rows(),
    deed="order",
)


def place_orders(
    drafts: Sequence[OrderDraft], *, waiting: Waiting = Waiting.LONG
) -> list[Outcome[Order] | DomainError | RowHeld]:
    """Place a batch of orders, decided in the order given. Needs an open transaction.

    Returns an order, with its lines read, or a refusal for each draft, in the same order, or that
    others hold a row that it needs. A refused draft changes nothing and leaves the others alone.
    The number of SQL statements depends neither on the drafts nor on their lines.
    """
    locked = _lock(drafts, waiting)
    now = timezone.now()
    outcomes: list[Outcome[Order] | DomainError | RowHeld] = []
    placed: list[_Decided] = []
    for draft in drafts:
        try:
            earlier = _find_earlier(draft, locked)
            if earlier is None:
                accepted = _decide(draft, locked, now)
                placed.append(accepted)
                earlier = Outcome(accepted.order)
            outcomes.append(earlier)
        except (DomainError, RowHeld) as refusal:
            outcomes.append(refusal)
    _write(placed, locked)
    return outcomes


def _lock(drafts: Sequence[OrderDraft], waiting: Waiting) -> _Locked:
    """Lock, kind by kind, what the drafts need; of those that are left out, nothing more."""
    locked = _Locked()
    _lock_members_and_wallets(drafts, locked, waiting.for_own_rows)
    drafts = [draft for draft in drafts if not locked.first_held(draft.rows())]
    coupon_ids = {draft.coupon_id for draft in drafts if draft.coupon_id}
    _lock_coupons(coupon_ids, locked, waiting.for_own_rows)
    drafts = [draft for draft in drafts if not locked.first_held(draft.rows())]
    _lock_products({line.product_id for one in drafts for line in one.lines}, locked, waiting)
    return locked


def _lock_members_and_wallets(
    drafts: Sequence[OrderDraft], locked: _Locked, waiting: Waiting
) -> None:
    user_ids = {draft.user_id for draft in drafts}
    locked.active = lock_active_members(user_ids, waiting)
    held = MEMBERS.held(user_ids - locked.active.keys(), waiting)
    locked.wallets = lock_wallets(locked.active.keys(), waiting)
    locked.held.update(Row(MEMBERS, pk) for pk in held)
    # Who is active has a wallet by now, or others hold it.
    locked.held.update(Row(WALLETS, pk) for pk in locked.active.keys() - locked.wallets.keys())
    # Looked up after the wallet's lock: whoever holds the same key is done by now.
    keys = {draft.idempotency.key for draft in drafts if draft.idempotency}
    orders = Order.objects.with_items()
    earlier = orders.filter(user__in=user_ids, idempotency_key__in=keys) if keys else ()
    locked.by_key = {(order.user_id, str(order.idempotency_key)): order for order in earlier}


def _lock_coupons(issued_ids: Collection[int], locked: _Locked, waiting: Waiting) -> None:
    locked.coupons = lock_issued_coupons(issued_ids, waiting)
    held = ISSUED.held(set(issued_ids) - locked.coupons.keys(), waiting)
    locked.held.update(Row(ISSUED, pk) for pk in held)


def _lock_products(product_ids: Collection[int], locked: _Locked, waiting: Waiting) -> None:
    locked.products = lock_products(product_ids, waiting)
    held = PRODUCTS.held(set(product_ids) - locked.products.keys(), waiting)
    locked.held.update(Row(PRODUCTS, pk) for pk in held)


def _find_earlier(draft: OrderDraft, locked: _Locked) -> Outcome[Order] | None:
    """The order that a request with the same key has placed before."""
    if row := locked.first_held(draft.rows()):
        raise RowHeld(row)
    ensure_in_session(locked.active.get(draft.user_id), draft.access)
    if draft.idempotency is None:
        return None
    earlier = locked.by_key.get((draft.user_id, draft.idempotency.key))
    if earlier is None:
        return None
    draft.idempotency.ensure_same_body(earlier.idempotency_body)
    return Outcome(earlier, replayed=True)


def _decide(draft: OrderDraft, locked: _Locked, now: datetime) -> _Decided:
    """Accept a draft, in memory, or raise why not; nothing has changed then."""
    quantities = draft.quantities()
    _ensure_on_sale(draft, locked)
    products = {pk: locked.products[pk] for pk in quantities}
    subtotal = sum(products[pk].price * quantity for pk, quantity in quantities.items())
    coupon = _coupon_of(draft, locked)
    discount = discount_with(coupon, subtotal=subtotal, moment=now) if coupon else 0
    _ensure_in_stock(draft, quantities, locked)
    wallet = locked.wallets[draft.user_id]
    debit(wallet, subtotal - discount)
    for pk, quantity in quantities.items():
        take_stock(products[pk], quantity)
    if coupon:
        redeem(coupon, now)
    order = Order(
        number=draft.number,
        user_id=draft.user_id,
        subtotal=subtotal,
        discount=discount,
        total=subtotal - discount,
        coupon=coupon,
        redeemed_coupon=coupon,
        day=timezone.localdate(now),
        created_at=now,
        idempotency_key=draft.idempotency.key if draft.idempotency else None,
        idempotency_body=draft.idempotency.body if draft.idempotency else None,
    )
    if draft.idempotency:
        locked.by_key[draft.user_id, draft.idempotency.key] = order
    items = [
        OrderItem(
            order=order,
            product=products[pk],
            product_name=products[pk].name,
            unit_price=products[pk].price,
            quantity=quantity,
            line_total=products[pk].price * quantity,
        )
        for pk, quantity in quantities.items()
    ]
    kind = WalletTransaction.Kind.PAYMENT
    return _Decided(order, items, _ledger_entry(wallet, order, kind, -order.total))


def _ensure_on_sale(draft: OrderDraft, locked: _Locked) -> None:
    unknown = [
        ErrorItem(DoesNotExist.code, DoesNotExist.message, f"items.{index}.product")
        for index, line in enumerate(draft.lines)
        if not (product := locked.products.get(line.product_id)) or not product.is_active
    ]
    if unknown:
        raise DoesNotExist(items=unknown)


def _coupon_of(draft: OrderDraft, locked: _Locked) -> IssuedCoupon | None:
    if draft.coupon_id is None:
        return None
    coupon = locked.coupons.get(draft.coupon_id)
    if coupon is None or coupon.user_id != draft.user_id:
        raise DoesNotExist(attr="coupon")
    return coupon


def _ensure_in_stock(draft: OrderDraft, quantities: dict[int, int], locked: _Locked) -> None:
    short = []
    for product_id, quantity in quantities.items():
        if locked.products[product_id].stock < quantity:
            first = next(
                index for index, line in enumerate(draft.lines) if line.product_id == product_id
            )
            short.append(ErrorItem(OutOfStock.code, OutOfStock.message, f"items.{first}.quantity"))
    if short:
        raise OutOfStock(items=short)


def _ledger_entry(wallet: Wallet, order: Order, kind: str, amount: int) -> WalletTransaction:
    return WalletTransaction(
        wallet=wallet,
        kind=kind,
        amount=amount,
        balance_after=wallet.balance,
        reference=order.number,
    )


def _write(placed: list[_Decided], locked: _Locked) -> None:
    if not placed:
        return
    orders = [one.order for one in placed]
    items = [item for one in placed for item in one.items]
    save_new(orders)
    for one in placed:
        for item in one.items:
            item.order = one.order  # once more: its id is known only now
    save_new(items)
    save_redemptions([order.coupon for order in orders if order.coupon])
    _save_money_and_goods(placed, locked)
    record_sales(_sales_of(items))
    for one in placed:
        one.order.line_items = one.items  # nothing may have to be read after the commit
    record(
        {
            Kind.ORDER_PAID: facts_of_orders(orders, locked.products),
            Kind.PRODUCT_LOW_STOCK: facts_of_low_stock(_stock_before(items, locked)),
        }
    )


def _stock_before(items: Sequence[OrderItem], locked: _Locked) -> Iterator[tuple[Product, int]]:
    """The products of items that were sold, each with its stock before (pieces)."""
    sold: dict[int, int] = defaultdict(int)
    for item in items:
        sold[item.product_id] += item.quantity
    for product_id, quantity in sold.items():
        yield locked.products[product_id], locked.products[product_id].stock + quantity


def _sales_of(items: Sequence[OrderItem]) -> dict[tuple[int, date], Sold]:
    sales: dict[tuple[int, date], Sold] = defaultdict(Sold)
    for item in items:
        sold = sales[item.product_id, item.order.day]
        sold.quantity += item.quantity
        sold.revenue += item.line_total
    return dict(sales)


# --- Cancelling ---------------------------------------------------------------------------------

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
    cancelled: list[_Decided] = []
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


def _lock_for_cancelling(cancellations: Sequence[Cancellation], waiting: Waiting) -> _Locked:
    """Lock, kind by kind, what the cancellations need; of those that are left out, nothing more."""
    locked, of_members = _Locked(), waiting.for_own_rows
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
    _lock_coupons({order.coupon_id for order in orders if order.coupon_id}, locked, of_members)
    orders = [order for order in orders if not locked.first_held(_rows_of(order))]
    _lock_products({i.product_id for order in orders for i in order.line_items}, locked, waiting)
    return locked


def _rows_of(order: Order) -> Iterator[Row]:
    """What a paid order locks besides itself when it is cancelled."""
    yield Row(WALLETS, order.user_id)
    if order.coupon_id is not None:
        yield Row(ISSUED, order.coupon_id)
    for item in order.line_items:
        yield Row(PRODUCTS, item.product_id)


def _own_order(one: Cancellation, locked: _Locked) -> Order:
    """The order, if who wants it cancelled may know of it."""
    order = locked.orders.get(one.order_id) or locked.held_orders.get(one.order_id)
    if order is None or one.user_id not in (None, order.user_id):
        raise NotFound
    if order.pk not in locked.orders:
        raise RowHeld(Row(ORDERS, order.pk))
    return order


def _ensure_cancellable(one: Cancellation, order: Order, locked: _Locked) -> None:
    if one.user_id is not None:
        if Row(MEMBERS, one.user_id) in locked.held:
            raise RowHeld(Row(MEMBERS, one.user_id))
        ensure_in_session(locked.active.get(one.user_id), one.access)
    if order.status != Order.Status.PAID:
        raise OrderNotCancellable(_("This order is cancelled already."))
    if row := locked.first_held(_rows_of(order)):
        raise RowHeld(row)


def _cancel(order: Order, locked: _Locked, moment: datetime) -> _Decided:
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
    entry = _ledger_entry(wallet, order, WalletTransaction.Kind.REFUND, order.total)
    return _Decided(order, order.line_items, entry)


def _write_cancelled(cancelled: list[_Decided], locked: _Locked, moment: datetime) -> None:
    if not cancelled:
        return
    orders = [one.order for one in cancelled]
    items = [item for one in cancelled for item in one.items]
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(
        status=Order.Status.CANCELLED, cancelled_at=moment, redeemed_coupon=None
    )
    save_redemptions([locked.coupons[order.coupon_id] for order in orders if order.coupon_id])
    _save_money_and_goods(cancelled, locked)
    take_back_sales(_sales_of(items))
    record({Kind.ORDER_CANCELLED: facts_of_orders(orders, locked.products)})


def _save_money_and_goods(decided: list[_Decided], locked: _Locked) -> None:
    user_ids = sorted({one.order.user_id for one in decided})
    save_wallets([locked.wallets[pk] for pk in user_ids], [one.entry for one in decided])
    product_ids = sorted({item.product_id for one in decided for item in one.items})
    save_stock([locked.products[pk] for pk in product_ids])
