"""Placing and cancelling orders: the one place where the domains meet.

Lock, decide, write, in that order, for a whole batch at once; docs/locking.md has the law.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from coupons.models import IssuedCoupon
from coupons.services import (
    discount_with,
    lock_issued_coupons,
    redeem,
    restore,
    save_redemptions,
)
from ecommerce.common.errors import DoesNotExist, DomainError, ErrorItem, NotFound, NotSignedIn
from ecommerce.common.group_commit import Batch, GroupCommit
from ecommerce.common.idempotency import IdempotencyKey, Outcome
from ecommerce.common.references import new_reference
from ecommerce.common.rows import save_new
from ecommerce.common.transactions import discard_transaction, run_transaction
from orders.errors import OrderNotCancellable
from orders.models import Order, OrderItem
from products.errors import OutOfStock
from products.models import Product
from products.services import lock_products, return_stock, save_stock, take_stock
from stats.services import Sold, record_sales, take_back_sales
from users.models import Wallet, WalletTransaction
from users.services import (
    active_member_ids,
    credit,
    debit,
    lock_active_wallet,
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
    number: str = field(default_factory=lambda: new_reference("ORD"))

    def quantities(self) -> dict[int, int]:
        """Pieces by product id, the lines of one product added together, in order of mention."""
        quantities: dict[int, int] = defaultdict(int)
        for line in self.lines:
            quantities[line.product_id] += line.quantity
        return dict(quantities)


@dataclass(slots=True)
class _Locked:
    """All that a batch of drafts needs, locked and read, and kept up while it is decided."""

    wallets: dict[int, Wallet]
    active: set[int]
    by_number: dict[str, Order]
    by_key: dict[tuple[int, str], Order]
    coupons: dict[int, IssuedCoupon]
    products: dict[int, Product]


@dataclass(slots=True)
class _Placed:
    """A draft that was accepted, with the rows that are to be written for it."""

    order: Order
    items: list[OrderItem]
    entry: WalletTransaction


# --- Placing ------------------------------------------------------------------------------------


def place_order(draft: OrderDraft) -> Outcome[Order]:
    """Place one order and pay it from the member's balance.

    Those who order at the same time are served together, in the order in which they asked here.

    Raises, the first cause winning:
        NotSignedIn: the member is not active.
        IdempotencyKeyReused: the key came before, with another order.
        DoesNotExist: a product is unknown or inactive, or the coupon unknown or another's.
        CouponNotUsable: the coupon is used, expired, revoked or below its minimum.
        OutOfStock: with an item for each product that is short.
        InsufficientBalance: the balance is below the total.
    """

    return _placing.submit(None, draft)


def _place_batch(key: None, batch: Batch[OrderDraft]) -> Sequence[Outcome[Order] | DomainError]:
    def work(settle: bool) -> list[Outcome[Order] | DomainError]:
        outcomes = place_orders(batch.close(), settle=settle)
        if not any(isinstance(outcome, Outcome) for outcome in outcomes):
            discard_transaction()
        return outcomes

    return run_transaction(work)


_placing: GroupCommit[None, OrderDraft, Outcome[Order]] = GroupCommit(_place_batch)


def place_orders(
    drafts: Sequence[OrderDraft], *, settle: bool = False
) -> list[Outcome[Order] | DomainError]:
    """Place a batch of orders, decided in the order given. Needs an open transaction.

    Returns an order, with its lines read, or a refusal for each draft, in the same order. A
    refused draft changes nothing and leaves the others alone. The number of SQL statements
    depends neither on the drafts nor on their lines. With `settle`, a draft whose number exists
    was placed by the attempt whose commit was lost.
    """
    locked = _lock(drafts, settle)
    now = timezone.now()
    outcomes: list[Outcome[Order] | DomainError] = []
    placed: list[_Placed] = []
    for draft in drafts:
        try:
            earlier = _find_earlier(draft, locked)
            if earlier is None:
                accepted = _decide(draft, locked, now)
                placed.append(accepted)
                earlier = Outcome(accepted.order)
            outcomes.append(earlier)
        except DomainError as refusal:
            outcomes.append(refusal)
    _write(placed, locked)
    return outcomes


def _lock(drafts: Sequence[OrderDraft], settle: bool) -> _Locked:
    user_ids = {draft.user_id for draft in drafts}
    wallets = lock_wallets(user_ids)
    active = active_member_ids(user_ids)
    # Looked up after the wallet's lock: whoever holds the same key is done by now.
    keys = {draft.idempotency.key for draft in drafts if draft.idempotency}
    by_key = {
        (order.user_id, str(order.idempotency_key)): order
        for order in (
            Order.objects.with_items().filter(user__in=user_ids, idempotency_key__in=keys)
            if keys
            else ()
        )
    }
    numbers = [draft.number for draft in drafts]
    by_number = (
        {order.number: order for order in Order.objects.with_items().filter(number__in=numbers)}
        if settle
        else {}
    )
    coupons = lock_issued_coupons({draft.coupon_id for draft in drafts if draft.coupon_id})
    products = lock_products({line.product_id for draft in drafts for line in draft.lines})
    return _Locked(wallets, active, by_number, by_key, coupons, products)


def _find_earlier(draft: OrderDraft, locked: _Locked) -> Outcome[Order] | None:
    """The order that this very request has placed before, if it has."""
    if draft.number in locked.by_number:  # also when the member was deactivated since
        return Outcome(locked.by_number[draft.number])
    if draft.user_id not in locked.active:
        raise NotSignedIn
    if draft.idempotency is None:
        return None
    earlier = locked.by_key.get((draft.user_id, draft.idempotency.key))
    if earlier is None:
        return None
    draft.idempotency.ensure_same_body(earlier.idempotency_body)
    return Outcome(earlier, replayed=True)


def _decide(draft: OrderDraft, locked: _Locked, now: datetime) -> _Placed:
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
    return _Placed(order, items, _ledger_entry(wallet, order, kind, -order.total))


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


def _write(placed: list[_Placed], locked: _Locked) -> None:
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
    save_wallets(
        [locked.wallets[user_id] for user_id in sorted({order.user_id for order in orders})],
        [one.entry for one in placed],
    )
    save_stock([locked.products[pk] for pk in sorted({item.product_id for item in items})])
    record_sales(_sales_of(items))
    for one in placed:
        one.order.line_items = one.items  # nothing may have to be read after the commit


def _sales_of(items: Sequence[OrderItem]) -> dict[tuple[int, date], Sold]:
    sales: dict[tuple[int, date], Sold] = defaultdict(Sold)
    for item in items:
        sold = sales[item.product_id, item.order.day]
        sold.quantity += item.quantity
        sold.revenue += item.line_total
    return dict(sales)


# --- Cancelling ---------------------------------------------------------------------------------


def cancel_order(*, order_id: int, user_id: int | None = None) -> Order:
    """Cancel a paid order: money, stock and coupon go back, the sale leaves its day.

    With `user_id`, on behalf of that member, who must own the order; without, by staff.

    Raises:
        NotFound: there is no such order, or it is another member's.
        NotSignedIn: the member is not active.
        OrderNotCancellable: it is cancelled already.
        BalanceLimitExceeded: the wallet cannot take the money back.
    """
    moment = timezone.now()  # also what tells our own cancellation from another

    def work(settle: bool) -> Order:
        orders = Order.objects.select_for_update().with_items().filter(pk=order_id)
        order = (orders if user_id is None else orders.filter(user=user_id)).first()
        if order is None:
            raise NotFound
        if settle and order.cancelled_at == moment:
            return order
        wallet = (
            lock_wallets([order.user_id])[order.user_id]
            if user_id is None
            else lock_active_wallet(user_id)
        )
        if order.status != Order.Status.PAID:
            raise OrderNotCancellable(_("This order is cancelled already."))
        _cancel(order, wallet, moment)
        return order

    return run_transaction(work)


def _cancel(order: Order, wallet: Wallet, moment: datetime) -> None:
    items = order.line_items
    coupons = lock_issued_coupons([order.coupon_id] if order.coupon_id else [])
    products = lock_products([item.product_id for item in items])
    credit(wallet, order.total)
    for item in items:
        item.order = order
        return_stock(products[item.product_id], item.quantity)
    for coupon in coupons.values():
        restore(coupon)
    order.status = Order.Status.CANCELLED
    order.cancelled_at = moment
    order.redeemed_coupon = None
    order.save(update_fields=["status", "cancelled_at", "redeemed_coupon"])
    kind = WalletTransaction.Kind.REFUND
    save_redemptions(coupons.values())
    save_wallets([wallet], [_ledger_entry(wallet, order, kind, order.total)])
    save_stock(products.values())
    take_back_sales(_sales_of(items))
