"""What the database's own constraints prevent: refused, and found by the audit without them."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
from django.db import connection
from django.db.models import Model

from coupons.models import Coupon, IssuedCoupon
from ecommerce.audit import run_audit
from ecommerce.tests.audit.shop import Break, Shop
from ecommerce.tests.expectations import database_refuses
from orders.models import Order, OrderItem
from products.models import Product
from users.models import Wallet, WalletTransaction

PREVENTED: dict[str, tuple[type[Model], str, Break, str]] = {
    "a negative balance": (
        Wallet,
        "wallet_balance_gte_0",
        lambda shop: Wallet.objects.filter(user=shop.other).update(balance=-1),
        "wallet {others_wallet} of member {other}: its balance is negative, -1 won",
    ),
    "more issued than there are": (
        Coupon,
        "coupon_issued_within_total",
        lambda shop: Coupon.objects.update(total_quantity=1),
        "coupon {campaign}: it issued 2 coupons (issued quantity 2) of 1 in total",
    ),
    "two coupons of a campaign for one member": (
        IssuedCoupon,
        "issued_one_per_member",
        lambda shop: IssuedCoupon.objects.filter(pk=shop.unused).update(user=shop.buyer),
        "coupon {campaign}: its 2 issued coupons belong to 1 members",
    ),
    "negative stock": (
        Product,
        "product_stock_gte_0",
        lambda shop: Product.objects.filter(pk=shop.mug.pk).update(stock=-1),
        "product {mug}: its stock is negative, -1",
    ),
    "a total that does not add up": (
        Order,
        "order_total_adds_up",
        lambda shop: shop.paid_rows().update(total=4_001),
        "order {paid}: its total is 4001 won, subtotal 5000 less discount 1000",
    ),
    "a line that does not add up": (
        OrderItem,
        "item_line_total_adds_up",
        lambda shop: OrderItem.objects.filter(product=shop.mug).update(unit_price=2_999),
        "order {paid}: its line {line} is 3000 won, 1 at 2999",
    ),
    "an order paid twice": (
        WalletTransaction,
        "ledger_kind_reference_uniq",
        lambda shop: shop.other.wallet.transactions.create(
            kind="payment", amount=0, balance_after=50_000, reference=shop.paid["number"]
        ),
        "order {paid} of member {buyer}: it has 2 payments in the ledger, not one",
    ),
    "two coupons of one number": (
        IssuedCoupon,
        "issued_number_uniq",
        lambda shop: [
            shop.third_coupon(issue_number=3),
            IssuedCoupon.objects.filter(pk=shop.unused).update(issue_number=3),
        ],
        "coupon {campaign}: its 3 issued coupons bear 2 numbers from 1 to 3, not 1 to 3",
    ),
    "a coupon of number 0": (
        IssuedCoupon,
        "issued_number_gte_1",
        lambda shop: IssuedCoupon.objects.filter(pk=shop.used).update(issue_number=0),
        "coupon {campaign}: its 2 issued coupons bear 2 numbers from 0 to 2, not 1 to 2",
    ),
    "an order refunded twice": (
        WalletTransaction,
        "ledger_kind_reference_uniq",
        lambda shop: shop.other.wallet.transactions.create(
            kind="refund", amount=0, balance_after=50_000, reference=shop.cancelled["number"]
        ),
        "order {cancelled} of member {buyer}: it is cancelled and has 2 refunds in the ledger",
    ),
    "a coupon on two paid orders": (
        Order,
        "order_redeemed_coupon_while_paid",
        lambda shop: Order.objects.create(
            number="ORD-2",
            user=shop.buyer,
            subtotal=1_000,
            discount=1_000,
            total=0,
            day=shop.paid_rows().get().day,
            coupon_id=shop.used,
        ),
        "issued coupon {used} of member {buyer}: it is used, and on 2 paid orders instead of one",
    ),
    "a paid order that redeems a coupon which it is not on": (
        Order,
        "order_redeemed_coupon_while_paid",
        lambda shop: shop.paid_rows().update(redeemed_coupon=shop.unused),
        "order {paid}: it is paid, with coupon {used} and redeemed coupon {unused}",
    ),
    "a cancelled order that keeps a coupon from others": (
        Order,
        "order_redeemed_coupon_while_paid",
        lambda shop: Order.objects.filter(pk=shop.cancelled["id"]).update(
            coupon=shop.unused, redeemed_coupon=shop.unused
        ),
        "order {cancelled}: it is cancelled, with coupon {unused} and redeemed coupon {unused}",
    ),
    "a paid order whose coupon is free for another": (
        Order,
        "order_redeemed_coupon_while_paid",
        lambda shop: shop.paid_rows().update(redeemed_coupon=None),
        "order {paid}: it is paid, with coupon {used} and redeemed coupon None",
    ),
}


@contextmanager
def lifted(model: type[Model], name: str) -> Iterator[None]:
    """Without the model's constraint of this name; the rows are put back before it is."""
    rows = list(model._default_manager.values())
    kept = [constraint for constraint in model._meta.constraints if constraint.name != name]
    (lifted,) = [constraint for constraint in model._meta.constraints if constraint.name == name]
    with mock.patch.object(model._meta, "constraints", kept), connection.schema_editor() as editor:
        editor.remove_constraint(model, lifted)
    try:
        yield
    finally:
        model._default_manager.exclude(pk__in=[row["id"] for row in rows]).delete()
        for row in rows:
            model._default_manager.filter(pk=row.pop("id")).update(**row)
        with connection.schema_editor() as editor:
            editor.add_constraint(model, lifted)


@pytest.mark.parametrize("way", PREVENTED)
def test_the_database_itself_refuses(way: str, shop: Shop) -> None:
    _, constraint, break_it, _ = PREVENTED[way]
    with database_refuses(f"{constraint}|UNIQUE constraint failed"):
        break_it(shop)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", PREVENTED)
def test_what_constraints_prevent_is_found_without_them(way: str, shop: Shop) -> None:
    model, constraint, break_it, expected = PREVENTED[way]
    with lifted(model, constraint):
        break_it(shop)
        told = [str(line) for finding in run_audit().findings for line in finding.violations]
    assert expected.format_map(shop.names()) in told
    assert run_audit().is_clean
