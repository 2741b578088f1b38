"""`manage.py audit`: a sound shop is found sound, and each way of breaking it is found."""

from collections.abc import Callable
from datetime import date
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from coupons.models import Coupon, IssuedCoupon
from ecommerce.audit import run_audit
from ecommerce.audit.parts import Rule
from ecommerce.audit.rules import used_coupons
from ecommerce.tests.audit.shop import Break, Shop, send
from orders.models import OrderItem
from products.models import Product, StockAdjustment
from stats.models import DailyProductSales
from users.models import User, Wallet, WalletTransaction

LONG_AGO = date(2020, 1, 1)


def _audit(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """The lines of the invariants without the time, and those of the violations."""
    lines = capsys.readouterr().out.splitlines()
    violations = [line.strip(" -") for line in lines if line.startswith(" ")]
    return [line for line in lines if not line.startswith(" ")], violations


def test_a_sound_shop_has_no_violations(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    with mock.patch("ecommerce.audit.run.monotonic", side_effect=range(12)):
        call_command("audit")

    told, violations = _audit(capsys)
    assert violations == []
    assert told == [
        "ok               2 wallets                 1.00 s  each balance is the sum of its ledger"
        " and what its last entry left, never negative",
        "ok               1 coupons                 1.00 s  each campaign's issued quantity is its"
        " coupons, within the total, numbered 1 to n, one per member",
        "ok               2 products                1.00 s  each product's stock is its"
        " adjustments less what was sold and not cancelled, never negative",
        "ok               2 orders                  1.00 s  each order adds up and is paid once,"
        " and refunded once if it is cancelled",
        "ok               2 issued coupons          1.00 s  each used coupon is on exactly one"
        " paid order, of the same member, which got what it promised",
        "ok               2 daily product sales     1.00 s  daily sales are what the orders say",
        "No violations.",
    ]


@pytest.mark.django_db
def test_an_empty_shop_has_no_violations() -> None:
    report = run_audit()
    assert report.is_clean
    assert [finding.checked for finding in report.findings] == [0, 0, 0, 0, 0, 0]


def test_members_who_never_had_money_need_no_wallet(make_member: Callable[..., User]) -> None:
    make_member()
    assert run_audit().is_clean
    assert not Wallet.objects.exists()


def test_a_day_on_which_nothing_is_left_of_the_sales_is_sound(shop: Shop) -> None:
    DailyProductSales.objects.create(product=shop.cup, day=LONG_AGO, quantity=0, revenue=0)
    assert run_audit().is_clean


# --- Each way of breaking it --------------------------------------------------------------------

BROKEN: dict[str, tuple[Break, list[str]]] = {
    "a balance without a reason": (
        lambda shop: Wallet.objects.filter(user=shop.buyer).update(balance=5),
        [
            "wallet {wallet} of member {buyer}: its balance is 5 won, its ledger adds up to 96000",
            "wallet {wallet} of member {buyer}: its balance is 5 won,"
            " 96000 after the last entry of its ledger",
        ],
    ),
    "a last entry that left something else": (
        lambda shop: shop.refunds().update(balance_after=7),
        [
            "wallet {wallet} of member {buyer}: its balance is 96000 won,"
            " 7 after the last entry of its ledger",
        ],
    ),
    "a charge of another amount": (
        lambda shop: WalletTransaction.objects.filter(wallet__user=shop.other).update(
            amount=49_999
        ),
        [
            "wallet {others_wallet} of member {other}: its balance is 50000 won,"
            " its ledger adds up to 49999",
        ],
    ),
    "an issued quantity without coupons": (
        lambda shop: Coupon.objects.update(issued_quantity=1),
        ["coupon {campaign}: its issued quantity is 1, it has 2 issued coupons"],
    ),
    "more coupons than there are": (
        lambda shop: Coupon.objects.update(total_quantity=1, issued_quantity=1),
        [
            "coupon {campaign}: its issued quantity is 1, it has 2 issued coupons",
            "coupon {campaign}: it issued 2 coupons (issued quantity 1) of 1 in total",
        ],
    ),
    "a gap in the issue numbers": (
        lambda shop: IssuedCoupon.objects.filter(pk=shop.unused).update(issue_number=3),
        [
            "coupon {campaign}: its 2 issued coupons bear 2 numbers from 1 to 3, not 1 to 2",
        ],
    ),
    "stock without a reason": (
        lambda shop: Product.objects.filter(pk=shop.cup.pk).update(stock=9),
        [
            "product {cup}: its stock is 9; adjustments of 10 less 2 sold and not cancelled make 8",
        ],
    ),
    "an adjustment that left no trace in the stock": (
        lambda shop: StockAdjustment.objects.create(
            product=shop.mug, quantity=-4, stock_after=1, reason="lost", reference="STK-1"
        ),
        [
            "product {mug}: its stock is 4; adjustments of 1 less 1 sold and not cancelled make 0",
        ],
    ),
    "an order of another total": (
        lambda shop: shop.paid_rows().update(subtotal=6_000, total=5_000),
        [
            "order {paid}: its subtotal is 6000 won, its lines add up to 5000",
            "order {paid} of member {buyer}, 5000 won: its payment is -4000"
            " in the wallet of member {buyer}",
        ],
    ),
    "a line of another quantity": (
        lambda shop: OrderItem.objects.filter(product=shop.mug).update(
            quantity=2, line_total=F("unit_price") * 2
        ),
        [
            "product {mug}: its stock is 4; adjustments of 5 less 2 sold and not cancelled make 3",
            "order {paid}: its subtotal is 5000 won, its lines add up to 8000",
            "daily sales of product {mug} on {today}: 1 pieces and 3000 won are recorded,"
            " the orders say 2 and 6000",
        ],
    ),
    "a payment under another number": (
        lambda shop: shop.payments().update(reference="ORD-NONE"),
        [
            "order {paid} of member {buyer}: it has 0 payments in the ledger, not one",
            "ledger entry {payment} in wallet {wallet}: a payment of -4000 won"
            " for order ORD-NONE, which does not exist",
        ],
    ),
    "a payment by another member": (
        lambda shop: shop.payments().update(wallet=shop.other.wallet),
        [
            "wallet {wallet} of member {buyer}: its balance is 96000 won,"
            " its ledger adds up to 100000",
            "wallet {others_wallet} of member {other}: its balance is 50000 won,"
            " its ledger adds up to 46000",
            "wallet {others_wallet} of member {other}: its balance is 50000 won,"
            " 96000 after the last entry of its ledger",
            "order {paid} of member {buyer}, 4000 won: its payment is -4000"
            " in the wallet of member {other}",
        ],
    ),
    "a refund for an order that is still paid": (
        lambda shop: shop.refunds().update(reference=shop.paid["number"]),
        [
            "order {paid} of member {buyer}: it is paid and has 1 refunds in the ledger",
            "order {cancelled} of member {buyer}: it is cancelled and has 0 refunds in the ledger",
            "order {paid} of member {buyer}, 4000 won: its refund is 1000"
            " in the wallet of member {buyer}",
        ],
    ),
    "a used coupon on no order": (
        lambda shop: IssuedCoupon.objects.filter(pk=shop.unused).update(used_at=timezone.now()),
        [
            "issued coupon {unused} of member {other}: it is used, and on 0 paid orders"
            " instead of one",
        ],
    ),
    "an order with a coupon that is not used": (
        lambda shop: IssuedCoupon.objects.filter(pk=shop.used).update(used_at=None),
        [
            "issued coupon {used} of member {buyer}: it is not used, yet on 1 paid orders",
        ],
    ),
    "an order with another's coupon": (
        lambda shop: IssuedCoupon.objects.filter(pk=shop.used).update(user=shop.stranger),
        [
            "order {paid} of member {buyer}: its coupon {used} is member {stranger}'s",
        ],
    ),
    "a discount that its coupon doesn't promise": (
        lambda shop: shop.coupon_used().update(discount_value=900),
        [
            "order {paid}: its discount on 5000 won is 1000, its coupon {used} promises 900"
            " from 0 won on",
        ],
    ),
    "a percentage that was rounded up": (
        lambda shop: shop.coupon_used().update(discount_type="percent", discount_value=19),
        [
            "order {paid}: its discount on 5000 won is 1000, its coupon {used} promises 950"
            " from 0 won on",
        ],
    ),
    "a discount above its cap": (
        lambda shop: shop.coupon_used().update(
            discount_type="percent", discount_value=20, max_discount=999
        ),
        [
            "order {paid}: its discount on 5000 won is 1000, its coupon {used} promises 999"
            " from 0 won on",
        ],
    ),
    "a discount on less than the minimum": (
        lambda shop: shop.coupon_used().update(min_order_amount=5_001),
        [
            "order {paid}: its discount on 5000 won is 1000, its coupon {used} promises 1000"
            " from 5001 won on",
        ],
    ),
    "sales that are not recorded": (
        lambda shop: DailyProductSales.objects.filter(product=shop.cup).delete(),
        [
            "daily sales of product {cup} on {today}: 0 pieces and 0 won are recorded,"
            " the orders say 2 and 2000",
        ],
    ),
    "records of sales that never were": (
        lambda shop: DailyProductSales.objects.create(
            product=shop.mug, day=LONG_AGO, quantity=1, revenue=1_000
        ),
        [
            "daily sales of product {mug} on 2020-01-01: 1 pieces and 1000 won are recorded,"
            " the orders say 0 and 0",
        ],
    ),
    "sales of the right pieces for the wrong money": (
        lambda shop: DailyProductSales.objects.filter(product=shop.mug).update(revenue=2_999),
        [
            "daily sales of product {mug} on {today}: 1 pieces and 2999 won are recorded,"
            " the orders say 1 and 3000",
        ],
    ),
    "an order of another day": (
        lambda shop: shop.paid_rows().update(day=LONG_AGO),
        [
            "daily sales of product {cup} on 2020-01-01: 0 pieces and 0 won are recorded,"
            " the orders say 2 and 2000",
            "daily sales of product {mug} on 2020-01-01: 0 pieces and 0 won are recorded,"
            " the orders say 1 and 3000",
            "daily sales of product {cup} on {today}: 2 pieces and 2000 won are recorded,"
            " the orders say 0 and 0",
            "daily sales of product {mug} on {today}: 1 pieces and 3000 won are recorded,"
            " the orders say 0 and 0",
        ],
    ),
}


@pytest.mark.parametrize("way", BROKEN)
def test_what_is_broken_is_found_told_and_fails(
    way: str, shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    names = shop.names()
    break_it, expected = BROKEN[way]
    break_it(shop)

    with pytest.raises(CommandError) as failure:
        call_command("audit")

    assert failure.value.returncode == 1
    assert str(failure.value) == f"{len(expected)} violations."
    assert _audit(capsys)[1] == [line.format_map(names) for line in expected]


@pytest.mark.parametrize(
    "terms",
    [
        {"discount_type": "fixed", "discount_value": 1_000, "min_order_amount": 5_000},
        {"discount_type": "percent", "discount_value": 20},
        {"discount_type": "percent", "discount_value": 20, "max_discount": 1_000},
        {"discount_type": "percent", "discount_value": 90, "max_discount": 1_000},
        # It is older than its terms, and its campaign had others.
        {"discount_type": None, "discount_value": None, "min_order_amount": None},
    ],
    ids=str,
)
def test_an_order_whose_coupon_promises_what_it_got_is_sound(
    terms: dict[str, Any], shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.coupon_used().update(**terms)
    Coupon.objects.update(discount_value=90)
    call_command("audit")
    assert _audit(capsys)[1] == []


@pytest.mark.parametrize(
    ("percent", "price", "quantity"),
    [(33, 999, 1), (1, 99, 1), (7, 1, 999), (99, 999_999_937, 1), (50, 3, 1)],
)
def test_percentages_are_rounded_down_as_orders_round_them(
    make_member: Callable[..., User],
    make_product: Callable[..., Product],
    make_coupon: Callable[..., Coupon],
    capsys: pytest.CaptureFixture[str],
    percent: int,
    price: int,
    quantity: int,
) -> None:
    member = make_member(balance=10_000_000)
    campaign = make_coupon(discount_type="percent", discount_value=percent)
    used = send(member, f"coupons/{campaign.pk}/issue/")["id"]
    product = make_product(price=price, stock=999)
    items = [{"product": product.pk, "quantity": quantity}]
    paid = send(member, "orders/", {"items": items, "coupon": used})
    assert paid["discount"] == price * quantity * percent // 100
    call_command("audit")
    assert _audit(capsys)[1] == []


def test_of_many_violations_the_first_are_told_and_all_are_counted(
    shop: Shop, make_product: Callable[..., Product], capsys: pytest.CaptureFixture[str]
) -> None:
    products = [make_product(stock=0) for _ in range(21)]
    Product.objects.filter(pk__in=[product.pk for product in products]).update(stock=1)
    for day in (LONG_AGO, date(2020, 1, 2)):
        DailyProductSales.objects.bulk_create(
            DailyProductSales(product=product, day=day, quantity=1) for product in products
        )

    with pytest.raises(CommandError, match=r"^63 violations\.$"):
        call_command("audit")

    told = _audit(capsys)[1]
    stock = "product {}: its stock is 1; adjustments of 0 less 0 sold and not cancelled make 0"
    sales = (
        "daily sales of product {} on 2020-01-01: 1 pieces and 0 won are recorded,"
        " the orders say 0 and 0"
    )
    first = products[:20]
    assert told[:20] == [stock.format(product.pk) for product in first]
    assert told[20] == "and 1 more"
    assert told[21:41] == [sales.format(product.pk) for product in first]
    assert told[41:] == ["and 22 more"]


@pytest.mark.skipif(
    "(c := __import__('django').db.connection).vendor != 'mysql' or c.mysql_is_mariadb",
    reason="reads the plan of MySQL",
)
@pytest.mark.parametrize(
    "rule", [used_coupons._used_coupons_on_no_order, used_coupons._unused_coupons_on_an_order]
)
def test_orders_are_not_searched_once_more_for_each_coupon(rule: Rule, shop: Shop) -> None:
    with CaptureQueriesContext(connection) as context:
        rule()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN FORMAT=TREE {context[0]['sql']}")
        (plan,) = cursor.fetchone()
    assert "subquery in condition; dependent" not in plan
