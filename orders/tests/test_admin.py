"""Orders in the admin."""

import io
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from common.admin.exports import in_batches
from coupons.models import Coupon
from coupons.services import issue_coupon
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
    assert errors_on(answer) == {"reason": ["This field is required."]}
    answer = admin_client.post(page_url(order, "cancel"), {"reason": "변심"})
    assert (answer.status_code, answer["Location"]) == (302, page_url(order))
    order.refresh_from_db()
    product.refresh_from_db()
    assert (order.status, product.stock) == (Order.Status.CANCELLED, 10)
    assert Wallet.objects.get(user=member).balance == 100_000
    done = "Order cancelled; ₩4,000 went back to the member: 변심"
    assert logged() == [("admin", done)]
    shown = admin_client.get(page_url(order)).content.decode()
    assert (done in shown, "/cancel/" in shown) == (True, False)


def test_an_order_cancelled_meanwhile_is_refused(admin_client: Client, order: Order) -> None:
    admin_client.get(page_url(order, "cancel"))
    cancel_order(order_id=order.pk)
    with nothing_changes():
        answer = admin_client.post(page_url(order, "cancel"), {"reason": "변심"})
    assert errors_on(answer) == {"__all__": ["This order is cancelled already."]}
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
    assert browser.post(page_url(order, "cancel"), {"reason": "r"}).status_code == 302


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


def numbers(browser: Client, **filters: object) -> list[str]:
    page = browser.get(LIST, filters)
    assert page.status_code == 200
    return [row.number for row in page.context["cl"].result_list]


def test_orders_are_filtered_by_day_status_product_and_coupon(
    admin_client: Client,
    order: Order,
    member: User,
    make_product: Callable[..., Product],
    coupon: Coupon,
) -> None:
    mug = make_product(sku="MUG", name="머그컵 Mug", price=5_000)
    issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk)
    lines = (DraftLine(mug.pk, 1), DraftLine(order.items.get().product_id, 1))
    other = place_order(OrderDraft(user_id=member.pk, lines=lines, coupon_id=issued.pk)).value
    cancel_order(order_id=order.pk)
    both, first, second = [other.number, order.number], [order.number], [other.number]
    assert numbers(admin_client, product="MUG") == second
    assert numbers(admin_client, product="머그") == second
    assert numbers(admin_client, product="텀블러") == both
    assert numbers(admin_client, product="없는 것") == []
    assert numbers(admin_client, campaign=coupon.pk) == second
    assert numbers(admin_client, campaign=coupon.name.upper()) == second
    assert numbers(admin_client, campaign="9" * 30) == []
    assert numbers(admin_client, status__exact="cancelled") == first
    day = f"{order.day:%Y-%m-%d}"
    assert numbers(admin_client, day_from=day, day_to=day) == both
    assert numbers(admin_client, day_from="2000-01-01", day_to="2000-01-02") == []


def test_no_page_of_orders_counts_them(admin_client: Client, order: Order) -> None:
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(LIST)
    assert [one["sql"] for one in queries if "COUNT(" in one["sql"]] == []


def exported(browser: Client, kind: str, **filters: object) -> bytes:
    answer = browser.get(f"{LIST}export_{kind}/", filters)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def test_orders_are_exported_as_they_are_filtered(
    admin_client: Client, order: Order, member: User, make_product: Callable[..., Product]
) -> None:
    mug = make_product(sku="MUG", price=5_000)
    place_order(OrderDraft(user_id=member.pk, lines=(DraftLine(mug.pk, 2),)))
    lines = exported(admin_client, "csv", product="MUG").decode().splitlines()
    assert len(lines) == 2
    assert lines[1].endswith(",10000,0,10000,,MUG × 2 = 10000")
    assert len(exported(admin_client, "csv").decode().splitlines()) == 3
    sheet = load_workbook(io.BytesIO(exported(admin_client, "xlsx"))).active
    rows = list(sheet.iter_rows(values_only=True))
    assert (rows[0][0], rows[1][1], rows[1][8]) == ("number", "minji", 10_000)


def test_an_export_is_read_in_batches_without_gap_or_repetition(
    admin_client: Client, member: User, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.admin.exports.in_batches", partial(in_batches, size=3))
    placed = [
        place_order(OrderDraft(user_id=member.pk, lines=(DraftLine(product.pk, 1),))).value.number
        for _ in range(7)
    ]
    lines = exported(admin_client, "csv").decode().splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == placed[::-1]


def test_an_excel_file_of_too_many_orders_is_refused(
    admin_client: Client, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.admin.exports.XLSX_ROWS_MAX", 0)
    answer = admin_client.get(f"{LIST}export_xlsx/", follow=True)
    texts = [str(message) for message in answer.context["messages"]]
    assert texts == ["More than 0 rows: narrow the list by its filters, or take CSV."]


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
