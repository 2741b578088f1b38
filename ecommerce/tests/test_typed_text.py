"""What somebody typed is shown as it was typed, and never becomes a part of the page.

The kind: a text that a browser would run. It is put wherever a person may put any text, and every
page of the back office is looked at that could show it.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.tests.staff import filled_in, member_buys
from products.models import Category, Product
from products.services import adjust_stock
from users.services import adjust_balance

MARK = "<script>alert(1)</script>"
TYPED = f"""{MARK}"'`&{{{{7|add:42}}}}"""


@pytest.fixture
def shop(
    admin_client: Client,
    client: Any,
    member: Any,
    make_product: Callable[..., Product],
    make_coupon: Callable[..., Coupon],
) -> dict[str, Any]:
    """A shop in which everything that is named or reasoned is `TYPED`."""
    category = Category.objects.create(name=TYPED, slug="typed")
    product = make_product(name=TYPED, description=TYPED, category=category, stock=5)
    coupon = make_coupon(name=TYPED, total_quantity=1)
    issue_coupon(coupon_id=coupon.pk, user_id=member.pk)
    member_buys(client, product, 1)
    adjust_stock(product_id=product.pk, quantity=-1, reason=TYPED)
    adjust_balance(user_id=member.pk, amount=1, reason=TYPED)
    url = f"/admin/products/product/{product.pk}/change/"
    form = filled_in(admin_client.get(url))
    sent = form | {"price": 7, "reason": TYPED}
    assert admin_client.post(url, sent).status_code == 302
    return {"product": product, "coupon": coupon, "member": member, "category": category}


PAGES = [
    "/admin/",
    "/admin/products/product/",
    "/admin/products/product/{product.pk}/change/",
    "/admin/products/product/{product.pk}/adjust_stock/",
    "/admin/products/product/{product.pk}/history/",
    "/admin/products/category/",
    "/admin/products/category/{category.pk}/change/",
    "/admin/products/category/{category.pk}/delete/",
    "/admin/products/stockadjustment/",
    "/admin/coupons/coupon/",
    "/admin/coupons/coupon/{coupon.pk}/change/",
    "/admin/coupons/coupon/{coupon.pk}/live/",
    "/admin/coupons/coupon/{coupon.pk}/clone/",
    "/admin/coupons/issuedcoupon/",
    "/admin/orders/orderitem/",
    "/admin/users/user/{member.pk}/change/",
    "/admin/users/wallettransaction/",
    "/admin/admin/logentry/",
]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_was_typed_as_text(
    admin_client: Client, shop: dict[str, Any], page: str
) -> None:
    answer = admin_client.get(page.format(**shop))
    assert answer.status_code == 200
    html = answer.content.decode()
    assert MARK not in html
    assert escape(MARK) in html


def test_what_is_searched_for_is_shown_as_text(admin_client: Client, shop: Any) -> None:
    for page in ("products/product", "coupons/coupon", "users/user", "orders/order"):
        html = admin_client.get(f"/admin/{page}/", {"q": TYPED}).content.decode()
        assert MARK not in html
        assert escape(MARK) in html


def test_figures_and_sentences_are_json(admin_client: Client, shop: dict[str, Any]) -> None:
    figures = admin_client.get(f"/admin/coupons/coupon/{shop['coupon'].pk}/live/figures/")
    sentence = admin_client.post("/admin/coupons/coupon/sentence/", {"discount_type": TYPED})
    assert {figures.headers["Content-Type"], sentence.headers["Content-Type"]} == {
        "application/json"
    }
