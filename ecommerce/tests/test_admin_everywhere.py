"""The search everywhere: what it finds, for whom, and that it remembers nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from conftest import client_of
from coupons.models import Coupon
from ecommerce.tests.staff import staff_client
from products.models import Product
from products.services import change_product
from users.models import User

pytestmark = pytest.mark.django_db


def found(browser: Client, text: str) -> list[tuple[str, str]]:
    """The titles and addresses that are found."""
    answer = browser.get("/admin/search/", {"s": text, "extended": "1"})
    assert answer.status_code == 200
    results = (answer.context or {}).get("results", ()) if answer.content else ()
    return [(one.title, one.link) for one in results]


@pytest.fixture
def order(make_member: Callable[..., User], product: Product) -> dict[str, Any]:
    member = make_member(username="민지", balance=100_000)
    body = {"items": [{"product": product.pk, "quantity": 1}]}
    return client_of(member).post("/api/v1/orders/", body).json()


def test_it_finds_products_members_orders_and_coupons(
    admin_client: Client,
    order: dict[str, Any],
    make_product: Callable[..., Product],
    make_coupon: Callable[..., Coupon],
) -> None:
    tea = make_product(name="제주 녹차", sku="TEA-0001")
    coupon = make_coupon(name="녹차 할인")
    member = User.objects.get(username="민지")
    the_tea = ("제주 녹차", f"/admin/products/product/{tea.pk}/change/")
    assert found(admin_client, "TEA-0001") == [the_tea]
    assert sorted(found(admin_client, "녹차")) == sorted(
        [the_tea, ("녹차 할인", f"/admin/coupons/coupon/{coupon.pk}/change/")]
    )
    the_order = (order["number"], f"/admin/orders/order/{order['id']}/change/")
    assert found(admin_client, order["number"].lower()) == [the_order]
    assert ("민지", f"/admin/users/user/{member.pk}/change/") in found(admin_client, "민지")
    assert ("Orders", "/admin/orders/order/") in found(admin_client, "orders")


def test_it_finds_what_may_be_seen_and_nothing_else(order: dict[str, Any]) -> None:
    browser = staff_client("orders.view_order")
    titles = [title for title, _link in found(browser, "민지")]
    assert titles == [order["number"]]
    assert found(staff_client(), "민지") == []


def test_it_remembers_nothing(admin_client: Client, make_product: Callable[..., Product]) -> None:
    assert found(admin_client, "새 상품") == []
    made = make_product(name="새 상품")
    assert len(found(admin_client, "새 상품")) == 1
    change_product(product_id=made.pk, name="다른 이름")
    assert found(admin_client, "새 상품") == []


def test_of_each_list_it_shows_the_latest_few(
    admin_client: Client, make_product: Callable[..., Product]
) -> None:
    for number in range(7):
        make_product(name=f"머그컵 {number}")
    titles = [title for title, _link in found(admin_client, "머그컵")]
    assert titles == [f"머그컵 {number}" for number in (6, 5, 4, 3, 2)]


@pytest.mark.parametrize("text", ["", "  ", "%", "🍊", "' OR 1=1"])
def test_whatever_is_typed_has_an_answer(admin_client: Client, text: str) -> None:
    assert found(admin_client, text) == []


def test_a_page_of_text_is_no_search(admin_client: Client) -> None:
    found = admin_client.get("/admin/search/", {"s": "x" * 500})
    assert (found.status_code, list(found.context["results"])) == (200, [])


def test_a_visitor_finds_nothing(order: dict[str, Any]) -> None:
    assert Client().get("/admin/search/", {"s": "민지"}).status_code == 302


def test_the_box_is_seen_on_every_page(admin_client: Client) -> None:
    page = admin_client.get("/admin/orders/order/").content.decode()
    assert "opencommand" in page
    assert "Ctrl + K" in page
