"""What is written down of what happens, and that it is in the transaction of the deed."""

from unittest import mock

import pytest
from django.db import IntegrityError, transaction

from conftest import client_of
from coupons.services import change_coupon
from events.models import Endpoint, Event, Outgoing
from events.services import change_endpoint, take_in
from events.tests.conftest import happened, press, told
from orders.models import Order
from orders.services import DraftLine, OrderDraft, place_orders
from orders.tests.conftest import URL, buy
from products.services import ImportRow, adjust_stock, import_products
from users.models import WalletTransaction

CHARGE = "/api/v1/users/me/balance/charge/"

pytestmark = pytest.mark.django_db(transaction=True)


def test_nothing_is_written_while_nobody_listens(client, product, coupon):
    assert buy(client, (product.pk, 1)).status_code == 201
    assert press(client, coupon).status_code == 201
    assert client.post(CHARGE, {"amount": 5}).status_code == 201

    assert not Outgoing.objects.exists()


def test_only_what_somebody_listens_to_is_written(listen, client, product, coupon):
    listen("coupon.issued")
    buy(client, (product.pk, 1))
    press(client, coupon)

    assert happened() == [("coupon.issued", f"coupon:{coupon.pk}")]


def test_an_endpoint_that_is_switched_off_hears_nothing(listen, client, product):
    endpoint = listen()
    change_endpoint(endpoint_id=endpoint.pk, is_active=False)
    buy(client, (product.pk, 1))

    assert not Outgoing.objects.exists()


def test_a_paid_order_says_what_the_member_was_answered(listen, client, member, make_product):
    listen("order.paid")
    tumbler = make_product(name="텀블러 ☕️", price=1_500, sku="TUM-1")
    answer = buy(client, (tumbler.pk, 2)).json()

    assert told("order.paid") == [
        {**answer, "member": member.pk, "items": [{**answer["items"][0], "sku": "TUM-1"}]}
    ]
    assert happened() == [("order.paid", f"order:{answer['id']}")]


def test_a_cancelled_order_is_told_after_it_was_paid(listen, client, member, product):
    listen()
    order = buy(client, (product.pk, 1)).json()
    answer = client.post(f"{URL}{order['id']}/cancel/").json()

    about = f"order:{order['id']}"
    assert happened() == [("order.paid", about), ("order.cancelled", about)]
    (said,) = told("order.cancelled")
    assert said["status"] == "cancelled"
    assert said["cancelled_at"] == answer["cancelled_at"]
    assert said["items"] == [{**answer["items"][0], "sku": product.sku}]
    assert said["member"] == member.pk


def test_a_repeated_press_is_one_event(listen, client, product):
    listen("order.paid")
    assert buy(client, (product.pk, 1), key="once").status_code == 201
    assert buy(client, (product.pk, 1), key="once").status_code == 201

    assert len(happened()) == 1


def test_coupons_are_told_in_the_order_of_issue_and_then_that_all_are_gone(
    listen, make_member, make_coupon
):
    listen()
    coupon = make_coupon(total_quantity=2)
    answers = [press(client_of(make_member()), coupon) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 409]
    about = f"coupon:{coupon.pk}"
    assert happened() == [
        ("coupon.issued", about),
        ("coupon.issued", about),
        ("coupon.sold_out", about),
    ]
    first, second = told("coupon.issued")
    assert (first["issue_number"], second["issue_number"]) == (1, 2)
    assert first["id"] == answers[0].json()["id"]
    assert first["expires_at"] == answers[0].json()["expires_at"]
    (gone,) = told("coupon.sold_out")
    assert (gone["coupon"], gone["total_quantity"]) == (coupon.pk, 2)


def test_a_total_that_is_lowered_to_what_is_out_is_told_once(listen, client, make_coupon):
    listen("coupon.sold_out")
    coupon = make_coupon(total_quantity=5)
    press(client, coupon)
    change_coupon(coupon_id=coupon.pk, total_quantity=1)
    change_coupon(coupon_id=coupon.pk, name="gone")

    assert len(told("coupon.sold_out")) == 1


def test_a_charge_says_what_the_member_was_answered(listen, client, member):
    listen("balance.charged")
    answer = client.post(CHARGE, {"amount": 700}).json()

    (said,) = told("balance.charged")
    assert happened() == [("balance.charged", f"member:{member.pk}")]
    same = ("id", "amount", "balance_after", "reference", "created_at")
    assert {name: said[name] for name in same} == {name: answer[name] for name in same}


def test_stock_that_falls_to_the_limit_is_told_when_it_does(listen, client, make_product, settings):
    settings.LOW_STOCK = 3
    listen("product.low_stock")
    product = make_product(stock=6, price=1)
    for quantity in (2, 2, 1):  # 4, 2, 1
        buy(client, (product.pk, quantity))

    (said,) = told("product.low_stock")
    assert (said["product"], said["stock"], said["low_stock"]) == (product.pk, 2, 3)
    adjust_stock(product_id=product.pk, quantity=9, reason="a delivery")
    adjust_stock(product_id=product.pk, quantity=-8, reason="broken")
    assert [one["stock"] for one in told("product.low_stock")] == [2, 2]


def test_stock_that_falls_by_a_file_is_told(listen, make_product, settings):
    settings.LOW_STOCK = 3
    listen("product.low_stock")
    product = make_product(stock=6)
    import_products([ImportRow(number=1, sku=product.sku, stock_adjustment=-4)], name="count")

    assert [one["stock"] for one in told("product.low_stock")] == [2]


def test_what_is_refused_is_no_event(listen, client, product):
    listen()
    assert buy(client, (product.pk, 11)).status_code == 409
    assert client.post(CHARGE, {"amount": 0}).status_code == 400

    assert not Outgoing.objects.exists()


def test_what_is_rolled_back_is_no_event(listen, client, member, product):
    listen()
    before = WalletTransaction.objects.count()
    with mock.patch("orders.services.placing.record", side_effect=IntegrityError):
        assert buy(client, (product.pk, 1)).status_code == 500

    assert not Order.objects.exists()
    assert not Outgoing.objects.exists()
    assert WalletTransaction.objects.count() == before


def test_the_events_go_when_the_deed_goes(listen, member, product):
    listen()
    draft = OrderDraft(user_id=member.pk, lines=(DraftLine(product.pk, 1),))
    with transaction.atomic():
        place_orders([draft])
        assert Outgoing.objects.filter(kind="order.paid").exists()
        transaction.set_rollback(True)

    assert not Order.objects.exists()
    assert not Outgoing.objects.exists()


def test_who_listens_is_remembered_for_a_moment_only(listen, client, product, settings):
    settings.EVENTS_MEMORY_SECONDS = 3_600
    buy(client, (product.pk, 1))
    Endpoint.objects.create(name="of another process", kinds=["order.paid"])
    buy(client, (product.pk, 1))
    assert not Outgoing.objects.exists()

    settings.EVENTS_MEMORY_SECONDS = 0.0
    buy(client, (product.pk, 1))
    assert Outgoing.objects.count() == 1


def test_what_is_taken_in_is_there_once(listen, client, product):
    listen()
    buy(client, (product.pk, 1))
    assert take_in() == 1
    assert take_in() == 0
    assert Event.objects.count() == 1
    assert not Outgoing.objects.exists()
