"""Placing orders: lock, decide, write, in that order, for a batch at once (docs/locking.md)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from common.db.batches import Batch, committed
from common.db.group_commit import GroupCommit
from common.db.idempotency import IdempotencyKey, Outcome
from common.db.locks import Row, RowHeld, Waiting
from common.db.rows import save_new
from common.errors import DoesNotExist, DomainError, ErrorItem
from common.references import new_reference
from coupons.models import IssuedCoupon
from coupons.services import ISSUED, discount_with, redeem, save_redemptions
from events.models import Kind
from events.services import record
from orders.facts import facts_of_orders
from orders.models import Order, OrderItem
from orders.services.batch_rows import (
    Decided,
    Locked,
    ledger_entry,
    lock_coupons,
    lock_goods,
    sales_of,
    save_money_and_goods,
)
from products.errors import OutOfStock
from products.facts import facts_of_low_stock
from products.models import Product
from products.services import PRODUCTS, take_stock
from stats.services import record_sales
from users.access import MEMBERS, Access, ensure_in_session
from users.models import WalletTransaction
from users.services import WALLETS, debit, lock_active_members, lock_wallets


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
    placed: list[Decided] = []
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


def _lock(drafts: Sequence[OrderDraft], waiting: Waiting) -> Locked:
    """Lock, kind by kind, what the drafts need; of those that are left out, nothing more."""
    locked = Locked()
    _lock_members_and_wallets(drafts, locked, waiting.for_own_rows)
    drafts = [draft for draft in drafts if not locked.first_held(draft.rows())]
    coupon_ids = {draft.coupon_id for draft in drafts if draft.coupon_id}
    lock_coupons(coupon_ids, locked, waiting.for_own_rows)
    drafts = [draft for draft in drafts if not locked.first_held(draft.rows())]
    lock_goods({line.product_id for one in drafts for line in one.lines}, locked, waiting)
    return locked


def _lock_members_and_wallets(
    drafts: Sequence[OrderDraft], locked: Locked, waiting: Waiting
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


def _find_earlier(draft: OrderDraft, locked: Locked) -> Outcome[Order] | None:
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


def _decide(draft: OrderDraft, locked: Locked, now: datetime) -> Decided:
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
    return Decided(order, items, ledger_entry(wallet, order, kind, -order.total))


def _ensure_on_sale(draft: OrderDraft, locked: Locked) -> None:
    unknown = [
        ErrorItem(DoesNotExist.code, DoesNotExist.message, f"items.{index}.product")
        for index, line in enumerate(draft.lines)
        if not (product := locked.products.get(line.product_id)) or not product.is_active
    ]
    if unknown:
        raise DoesNotExist(items=unknown)


def _coupon_of(draft: OrderDraft, locked: Locked) -> IssuedCoupon | None:
    if draft.coupon_id is None:
        return None
    coupon = locked.coupons.get(draft.coupon_id)
    if coupon is None or coupon.user_id != draft.user_id:
        raise DoesNotExist(attr="coupon")
    return coupon


def _ensure_in_stock(draft: OrderDraft, quantities: dict[int, int], locked: Locked) -> None:
    short = []
    for product_id, quantity in quantities.items():
        if locked.products[product_id].stock < quantity:
            first = next(
                index for index, line in enumerate(draft.lines) if line.product_id == product_id
            )
            short.append(ErrorItem(OutOfStock.code, OutOfStock.message, f"items.{first}.quantity"))
    if short:
        raise OutOfStock(items=short)


def _write(placed: list[Decided], locked: Locked) -> None:
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
    save_money_and_goods(placed, locked)
    record_sales(sales_of(items))
    for one in placed:
        one.order.line_items = one.items  # nothing may have to be read after the commit
    record(
        {
            Kind.ORDER_PAID: facts_of_orders(orders, locked.products),
            Kind.PRODUCT_LOW_STOCK: facts_of_low_stock(_stock_before(items, locked)),
        }
    )


def _stock_before(items: Sequence[OrderItem], locked: Locked) -> Iterator[tuple[Product, int]]:
    """The products of items that were sold, each with its stock before (pieces)."""
    sold: dict[int, int] = defaultdict(int)
    for item in items:
        sold[item.product_id] += item.quantity
    for product_id, quantity in sold.items():
        yield locked.products[product_id], locked.products[product_id].stock + quantity
