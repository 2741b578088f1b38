"""POST /api/v1/orders/: what an order costs, and what it changes."""

import re
from datetime import UTC, date, datetime

import pytest

from conftest import client_of
from orders.models import Order, OrderItem
from orders.tests.conftest import URL, buy
from stats.models import DailyProductSales
from users.models import Wallet, WalletTransaction

TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, 0, 123_456, tzinfo=UTC)  # in Seoul

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


def ledger_of(user):
    """The member's ledger, newest first: kind, amount, balance after, reference."""
    entries = WalletTransaction.objects.filter(wallet__user=user).order_by("-id")
    return list(entries.values_list("kind", "amount", "balance_after", "reference"))


def test_an_order_is_paid_from_the_balance(client, member, make_product, issue):
    tumbler = make_product(name="스테인리스 텀블러", price=18_900, stock=5)
    mug = make_product(name="머그컵", price=7_250, stock=9)
    issued = issue(discount_type="percent", discount_value=10)

    answer = buy(client, (tumbler.pk, 2), (mug.pk, 1), coupon=issued.pk)

    order = Order.objects.get()
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer
    assert answer.json() == {
        "id": order.pk,
        "number": order.number,
        "status": "paid",
        "items": [
            {
                "product": tumbler.pk,
                "product_name": "스테인리스 텀블러",
                "unit_price": 18_900,
                "quantity": 2,
                "line_total": 37_800,
            },
            {
                "product": mug.pk,
                "product_name": "머그컵",
                "unit_price": 7_250,
                "quantity": 1,
                "line_total": 7_250,
            },
        ],
        "subtotal": 45_050,
        "discount": 4_505,
        "total": 40_545,
        "coupon": issued.pk,
        "created_at": "2026-11-23T10:00:00.123456+09:00",
        "cancelled_at": None,
    }
    assert re.fullmatch(r"ORD-[0-9A-HJKMNP-TV-Z]{16}", order.number)


def test_an_order_moves_money_stock_coupon_and_sales(client, member, make_product, issue):
    tumbler = make_product(price=18_900, stock=5)
    mug = make_product(price=7_250, stock=9)
    issued = issue(discount_value=5_050)

    number = buy(client, (tumbler.pk, 2), (mug.pk, 1), coupon=issued.pk).json()["number"]

    order = Order.objects.get(number=number)
    assert (order.user_id, order.day, order.created_at) == (
        member.pk,
        date(2026, 11, 23),
        TEN_O_CLOCK,
    )
    assert (order.coupon_id, order.redeemed_coupon_id) == (issued.pk, issued.pk)
    wallet = Wallet.objects.get(user=member)
    assert (wallet.balance, wallet.updated_at) == (60_000, TEN_O_CLOCK)
    assert ledger_of(member)[0] == ("payment", -40_000, 60_000, number)
    tumbler.refresh_from_db()
    mug.refresh_from_db()
    assert (tumbler.stock, mug.stock) == (3, 8)
    issued.refresh_from_db()
    assert (issued.used_at, issued.status) == (TEN_O_CLOCK, "used")
    sales = DailyProductSales.objects.order_by("product")
    assert list(sales.values_list("product", "day", "quantity", "revenue")) == [
        (tumbler.pk, date(2026, 11, 23), 2, 37_800),
        (mug.pk, date(2026, 11, 23), 1, 7_250),
    ]


@pytest.mark.parametrize("coupon", [{}, {"coupon": None}])
def test_an_order_needs_no_coupon(client, product, coupon):
    answer = client.post(URL, {"items": [{"product": product.pk, "quantity": 3}], **coupon})

    assert answer.status_code == 201
    body = answer.json()
    assert (body["subtotal"], body["discount"], body["total"]) == (3_000, 0, 3_000)
    assert body["coupon"] is None


@pytest.mark.parametrize(
    ("terms", "discount"),
    [
        ({"discount_value": 1}, 1),
        ({"discount_value": 9_999}, 9_999),
        ({"discount_value": 10_000}, 9_999),
        ({"discount_type": "percent", "discount_value": 1}, 99),
        ({"discount_type": "percent", "discount_value": 33}, 3_299),
        ({"discount_type": "percent", "discount_value": 100}, 9_999),
        ({"discount_type": "percent", "discount_value": 33, "max_discount": 3_298}, 3_298),
        ({"discount_type": "percent", "discount_value": 33, "max_discount": 3_300}, 3_299),
        # The minimum is of the subtotal, not of what is left to pay.
        ({"discount_value": 5_000, "min_order_amount": 9_999}, 5_000),
    ],
)
def test_a_discount_is_rounded_down_capped_and_within_the_subtotal(
    client, member, make_product, issue, terms, discount
):
    product = make_product(price=3_333)

    body = buy(client, (product.pk, 3), coupon=issue(**terms).pk).json()

    assert (body["subtotal"], body["discount"], body["total"]) == (
        9_999,
        discount,
        9_999 - discount,
    )
    assert Wallet.objects.get(user=member).balance == 100_000 - 9_999 + discount


def test_an_order_may_cost_nothing_and_still_has_its_payment(make_member, product, issue):
    poor = make_member()
    issued = issue(to=poor, discount_value=1_000_000)

    answer = buy(client_of(poor), (product.pk, 1), coupon=issued.pk)

    assert answer.status_code == 201
    assert (answer.json()["discount"], answer.json()["total"]) == (1_000, 0)
    assert ledger_of(poor) == [("payment", 0, 0, answer.json()["number"])]


def test_a_product_may_be_free(client, member, make_product):
    answer = buy(client, (make_product(price=0).pk, 2))

    assert answer.status_code == 201
    assert answer.json()["total"] == 0
    assert ledger_of(member)[0] == ("payment", 0, 100_000, answer.json()["number"])


def test_the_last_won_may_be_spent(client, member, make_product):
    product = make_product(price=100_000)

    assert buy(client, (product.pk, 1)).status_code == 201
    assert Wallet.objects.get(user=member).balance == 0


def test_the_last_piece_may_be_bought(client, product):
    assert buy(client, (product.pk, 10)).status_code == 201
    product.refresh_from_db()
    assert product.stock == 0


def test_lines_of_one_product_are_added_together(client, make_product):
    first, second = make_product(price=100), make_product(price=10)

    body = buy(client, (second.pk, 1), (first.pk, 2), (second.pk, 3), (first.pk, 4)).json()

    lines = [(item["product"], item["quantity"], item["line_total"]) for item in body["items"]]
    assert lines == [(second.pk, 4, 40), (first.pk, 6, 600)]
    assert body["subtotal"] == 640
    assert OrderItem.objects.count() == 2
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.stock, second.stock) == (4, 6)


def test_an_order_may_have_50_lines(client, make_product):
    products = [make_product(price=1) for _ in range(50)]

    answer = buy(client, *((product.pk, 2) for product in products))

    assert answer.status_code == 201
    assert [item["product"] for item in answer.json()["items"]] == [one.pk for one in products]
    assert answer.json()["total"] == 100


def test_a_line_may_have_999_pieces_and_the_sum_of_lines_more(client, make_product):
    product = make_product(price=2, stock=49_950)

    answer = buy(client, *[(product.pk, 999)] * 50)

    assert answer.status_code == 201
    (item,) = answer.json()["items"]
    assert (item["quantity"], item["line_total"]) == (49_950, 99_900)


def test_names_and_prices_stay_as_they_were_when_it_was_ordered(client, make_product):
    product = make_product(name="텀블러", price=500)
    order = buy(client, (product.pk, 2)).json()

    product.name, product.price, product.is_active = "머그컵", 900, False
    product.save()

    assert client.get(f"{URL}{order['id']}/").json() == order
    (item,) = order["items"]
    assert (item["product_name"], item["unit_price"]) == ("텀블러", 500)


def test_orders_of_one_day_add_up_in_its_sales(client, make_product, make_member):
    product = make_product(price=300)

    buy(client, (product.pk, 1))
    buy(client_of(make_member(balance=10_000)), (product.pk, 4))

    sales = DailyProductSales.objects.get()
    assert (sales.product_id, sales.day) == (product.pk, date(2026, 11, 23))
    assert (sales.quantity, sales.revenue) == (5, 1_500)


def test_numbers_of_orders_differ(client, product):
    numbers = {buy(client, (product.pk, 1)).json()["number"] for _ in range(5)}

    assert len(numbers) == 5
