"""Orders in the admin."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.staff import errors_on, logged, staff_client
from orders.models import Order, OrderItem
from orders.services import DraftLine, OrderDraft, cancel_order, place_order
from products.models import Product
from users.models import User, Wallet

LIST = "/admin/orders/order/"
ITEMS = "/admin/orders/orderitem/"


def page_url(order: Order, page: str = "change") -> str:
    return f"{LIST}{order.pk}/{page}/"


@pytest.fixture
def order(member: User, product: Product) -> Order:
    """Four tumblers for 4,000 won."""
    draft = OrderDraft(user_id=member.pk, lines=(DraftLine(product.pk, 4),))
    return place_order(draft).value


def test_an_order_is_cancelled_after_asking(
    admin_client: Client, order: Order, product: Product, member: User
) -> None:
    with nothing_changes():
        page = admin_client.get(page_url(order, "cancel"))
    assert {str(label): str(value) for label, value in page.context["facts"].items()} == {
        "order": order.number,
        "member": "minji",
        "status": "paid",
        "total (won)": "₩4,000",
    }
    answer = admin_client.post(page_url(order, "cancel"))
    assert (answer.status_code, answer["Location"]) == (302, page_url(order))
    order.refresh_from_db()
    product.refresh_from_db()
    assert (order.status, product.stock) == (Order.Status.CANCELLED, 10)
    assert Wallet.objects.get(user=member).balance == 100_000
    done = "Order cancelled; ₩4,000 went back to the member."
    assert logged() == [("admin", done)]
    shown = admin_client.get(page_url(order)).content.decode()
    assert (done in shown, "/cancel/" in shown) == (True, False)


def test_an_order_cancelled_meanwhile_is_refused(admin_client: Client, order: Order) -> None:
    admin_client.get(page_url(order, "cancel"))
    cancel_order(order_id=order.pk)
    with nothing_changes():
        answer = admin_client.post(page_url(order, "cancel"))
    assert errors_on(answer) == {"__all__": ["This order cannot be cancelled."]}
    assert str(answer.context["facts"]["status"]) == "cancelled"
    assert logged() == []


def test_who_may_only_look_cancels_no_order(db: None, order: Order) -> None:
    browser = staff_client("orders.view_order")
    page = browser.get(page_url(order))
    assert (page.status_code, "/cancel/" in page.content.decode()) == (200, False)
    with nothing_changes():
        assert browser.get(page_url(order, "cancel")).status_code == 403
        assert browser.post(page_url(order, "cancel")).status_code == 403


def test_who_may_change_orders_has_the_button(db: None, order: Order) -> None:
    browser = staff_client("orders.view_order", "orders.change_order")
    assert f'href="{page_url(order, "cancel")}"' in browser.get(page_url(order)).content.decode()
    assert browser.post(page_url(order, "cancel")).status_code == 302


def test_an_orders_page_asks_the_database_as_often_for_twenty_lines_as_for_one(
    admin_client: Client, member: User, order: Order, make_product: Callable[..., Product]
) -> None:
    lines = tuple(DraftLine(make_product().pk, 1) for _ in range(20))
    long = place_order(OrderDraft(user_id=member.pk, lines=lines)).value
    admin_client.get(page_url(order))  # what is looked up once per process is known by now
    asked = []
    for url in (page_url(order), page_url(long)):
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(url).status_code == 200
        asked.append(len(queries))
    assert asked[0] == asked[1]


@pytest.mark.parametrize("find", [lambda order: order.number.lower(), lambda order: " MINJI "])
def test_an_order_is_found_by_its_whole_number_or_its_member(
    admin_client: Client,
    order: Order,
    make_member: Callable[..., User],
    product: Product,
    find: Callable[[Order], str],
) -> None:
    other = make_member(balance=1_000)
    place_order(OrderDraft(user_id=other.pk, lines=(DraftLine(product.pk, 1),)))
    page = admin_client.get(LIST, {"q": find(order)})
    assert [row.number for row in page.context["cl"].result_list] == [order.number]


def test_order_items_are_found_by_number_or_product(
    admin_client: Client, order: Order, member: User, make_product: Callable[..., Product]
) -> None:
    mug = make_product(name="Mug")
    place_order(OrderDraft(user_id=member.pk, lines=(DraftLine(mug.pk, 1),)))
    found = {
        text: [str(row) for row in admin_client.get(ITEMS, {"q": text}).context["cl"].result_list]
        for text in (order.number.lower(), "텀블러", "MUG")
    }
    assert list(found.values()) == [
        ["스테인리스 텀블러 × 4"],
        ["스테인리스 텀블러 × 4"],
        ["Mug × 1"],
    ]
    assert OrderItem.objects.count() == 2
