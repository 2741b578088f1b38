"""POST /api/v1/orders/{id}/cancel/"""

from datetime import UTC, date, datetime, timedelta

import pytest

from common.errors import NotFound
from conftest import client_of
from ecommerce.tests.expectations import (
    IDS_OF_NOTHING,
    count_statements,
    nothing_changes,
    refusal,
    refused,
)
from orders.errors import OrderNotCancellable
from orders.models import Order
from orders.services import cancel_order
from orders.tests.conftest import URL, buy
from stats.models import DailyProductSales
from users.models import Wallet, WalletTransaction
from users.services import charge_wallet

TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, 0, 123_456, tzinfo=UTC)  # in Seoul
DAY = timedelta(days=1)

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


def cancel(client, order):
    return client.post(f"{URL}{order['id']}/cancel/")


def sales():
    """Pieces and won by product id and day."""
    rows = DailyProductSales.objects.order_by("day", "product")
    return list(rows.values_list("product", "day", "quantity", "revenue"))


def test_a_cancelled_order_says_when_it_was_cancelled(client, product, issue, time_machine):
    order = buy(client, (product.pk, 2), coupon=issue().pk).json()
    time_machine.shift(60)

    answer = cancel(client, order)

    assert answer.status_code == 200
    assert answer.json() == order | {
        "status": "cancelled",
        "cancelled_at": "2026-11-23T10:01:00.123456+09:00",
    }
    assert client.get(f"{URL}{order['id']}/").json() == answer.json()


def test_money_stock_and_coupon_go_back(client, member, make_product, issue):
    first, second = make_product(price=700, stock=5), make_product(price=40, stock=3)
    issued = issue(discount_type="percent", discount_value=15)
    order = buy(client, (first.pk, 2), (second.pk, 3), (first.pk, 1), coupon=issued.pk).json()
    assert order["total"] == 1_887

    cancel(client, order)

    assert Wallet.objects.get(user=member).balance == 100_000
    newest = WalletTransaction.objects.filter(wallet__user=member).first()
    assert (newest.kind, newest.amount, newest.balance_after, newest.reference) == (
        "refund",
        1_887,
        100_000,
        order["number"],
    )
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.stock, second.stock) == (5, 3)
    expires_at = issued.expires_at
    issued.refresh_from_db()
    assert (issued.used_at, issued.expires_at, issued.status) == (None, expires_at, "usable")
    stored = Order.objects.get(pk=order["id"])
    assert (stored.coupon_id, stored.redeemed_coupon_id) == (issued.pk, None)


def test_a_coupon_that_came_back_may_be_used_again(client, product, issue):
    issued = issue()
    cancel(client, buy(client, (product.pk, 2), coupon=issued.pk).json())

    again = buy(client, (product.pk, 3), coupon=issued.pk)

    assert again.status_code == 201
    assert (again.json()["coupon"], again.json()["total"]) == (issued.pk, 2_000)
    assert Order.objects.filter(coupon=issued.pk).count() == 2


def test_a_coupon_that_expired_meanwhile_comes_back_expired(member, product, issue, time_machine):
    issued = issue(valid_days=1)
    order = buy(client_of(member), (product.pk, 2), coupon=issued.pk).json()
    time_machine.move_to(TEN_O_CLOCK + DAY)

    assert cancel(client_of(member), order).status_code == 200

    issued.refresh_from_db()
    assert (issued.used_at, issued.expires_at) == (None, TEN_O_CLOCK + DAY)
    assert issued.status == "expired"
    assert Wallet.objects.get(user=member).balance == 100_000


def test_the_sale_leaves_its_own_day_also_days_later(member, product, time_machine):
    order = buy(client_of(member), (product.pk, 2)).json()
    time_machine.move_to(TEN_O_CLOCK + 3 * DAY)
    client = client_of(member)
    buy(client, (product.pk, 1))
    assert sales() == [
        (product.pk, date(2026, 11, 23), 2, 2_000),
        (product.pk, date(2026, 11, 26), 1, 1_000),
    ]

    cancel(client, order)

    assert sales() == [
        (product.pk, date(2026, 11, 23), 0, 0),
        (product.pk, date(2026, 11, 26), 1, 1_000),
    ]


def test_only_the_cancelled_order_is_taken_out_of_the_day(client, make_product):
    first, second = make_product(price=10), make_product(price=20)
    order = buy(client, (first.pk, 1), (second.pk, 2)).json()
    buy(client, (second.pk, 3))

    cancel(client, order)

    today = date(2026, 11, 23)
    assert sales() == [(first.pk, today, 0, 0), (second.pk, today, 3, 60)]


def test_the_price_that_was_paid_goes_back_whatever_the_product_is_now(client, member, product):
    order = buy(client, (product.pk, 4)).json()
    product.refresh_from_db()
    product.price, product.is_active, product.name = 9_999, False, "another"
    product.save()

    answer = cancel(client, order)

    assert answer.json()["items"] == order["items"]
    assert Wallet.objects.get(user=member).balance == 100_000
    product.refresh_from_db()
    assert (product.stock, product.price) == (10, 9_999)
    assert sales() == [(product.pk, date(2026, 11, 23), 0, 0)]


def test_an_order_that_cost_nothing_has_a_refund_of_nothing(client, member, product, issue):
    order = buy(client, (product.pk, 1), coupon=issue(discount_value=5_000).pk).json()
    assert order["total"] == 0

    assert cancel(client, order).status_code == 200

    ledger = WalletTransaction.objects.filter(wallet__user=member, reference=order["number"])
    assert list(ledger.values_list("kind", "amount", "balance_after")) == [
        ("refund", 0, 100_000),
        ("payment", 0, 100_000),
    ]


def test_cancelling_works_once(client, product, issue):
    order = buy(client, (product.pk, 2), coupon=issue().pk).json()
    cancel(client, order)

    with nothing_changes():
        answer = cancel(client, order)

    assert refusal(answer) == refused(409, "order_not_cancellable")


def test_a_balance_that_cannot_take_the_money_back_refuses(
    client, member, product, issue, settings
):
    order = buy(client, (product.pk, 6), coupon=issue().pk).json()
    assert order["total"] == 5_000
    charge_wallet(user_id=member.pk, amount=4_000)  # 99,000 now
    settings.BALANCE_MAX = 103_999

    with nothing_changes():
        answer = cancel(client, order)
    assert refusal(answer) == refused(409, "balance_limit_exceeded")

    settings.BALANCE_MAX = 104_000
    assert cancel(client, order).status_code == 200
    assert Wallet.objects.get(user=member).balance == 104_000


def test_anothers_order_is_not_found(client, product, make_member):
    anothers = buy(client_of(make_member(balance=5_000)), (product.pk, 1)).json()

    with nothing_changes():
        answer = cancel(client, anothers)

    assert refusal(answer) == refused(404, "not_found")


@pytest.mark.parametrize("order_id", IDS_OF_NOTHING)
def test_an_unknown_order_is_not_found(client, product, order_id):
    buy(client, (product.pk, 1))

    with nothing_changes():
        answer = cancel(client, {"id": order_id})

    assert refusal(answer) == refused(404, "not_found")


def test_a_visitor_cancels_nothing(client, api, product):
    order = buy(client, (product.pk, 1)).json()

    with nothing_changes():
        answer = cancel(api, order)

    assert refusal(answer) == refused(401, "not_authenticated")


def test_a_deactivated_member_cancels_nothing(client, member, product):
    order = buy(client, (product.pk, 1)).json()
    member.is_active = False
    member.save()

    with nothing_changes():
        answer = cancel(client, order)

    assert refusal(answer) == refused(401, "user_inactive")


@pytest.mark.parametrize("body", [None, {}])
def test_the_body_may_be_empty(client, product, body):
    order = buy(client, (product.pk, 1)).json()

    assert client.post(f"{URL}{order['id']}/cancel/", body).status_code == 200


def test_a_field_that_is_not_known_is_refused(client, product):
    order = buy(client, (product.pk, 1)).json()

    with nothing_changes():
        answer = client.post(f"{URL}{order['id']}/cancel/", {"reason": "마음이 바뀜"})

    assert refusal(answer) == refused(400, "unknown_field", "reason")


def test_staff_may_cancel_for_a_member_who_is_not_active(client, member, product):
    order = buy(client, (product.pk, 1)).json()
    member.is_active = False
    member.save()

    assert cancel_order(order_id=order["id"]).status == Order.Status.CANCELLED
    assert Wallet.objects.get(user=member).balance == 100_000
    with nothing_changes(), pytest.raises(OrderNotCancellable):
        cancel_order(order_id=order["id"])


def test_staff_cannot_cancel_an_order_that_does_not_exist(db):
    with pytest.raises(NotFound):
        cancel_order(order_id=1)


def test_the_number_of_statements_does_not_grow_with_the_lines(client, small_and_large):
    statements = [count_statements(cancel, client, order) for order in small_and_large]

    assert statements[0] == statements[1]
    assert [order["status"] for order in client.get(URL).json()["results"]] == ["cancelled"] * 2
