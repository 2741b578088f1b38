"""Who did what, when and why, on the pages of orders, members and products."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from common.admin.timeline import SHOWN
from conftest import client_of
from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.tests.staff import staff_client
from orders.models import Order
from products.models import Product, StockAdjustment
from users.models import User, WalletTransaction
from users.services import adjust_balance

pytestmark = pytest.mark.django_db


def timeline(browser: Client, obj: Any) -> list[tuple[str, str, str]]:
    """Who, what and why, the latest first."""
    opts = obj._meta
    page = browser.get(f"/admin/{opts.app_label}/{opts.model_name}/{obj.pk}/history/")
    assert page.status_code == 200
    rows = page.context["table"].rows
    for row in rows:
        for cell in row:
            assert str(cell) in page.content.decode()
    return [(str(who), str(what), str(why)) for _when, who, what, why in rows]


def test_an_order_tells_who_placed_and_cancelled_it(
    admin_client: Client, member: User, product: Product
) -> None:
    items = [{"product": product.pk, "quantity": 1}]
    assert client_of(member).post("/api/v1/orders/", {"items": items}).status_code == 201
    order = Order.objects.get()
    path = f"/admin/orders/order/{order.pk}/cancel/"
    assert admin_client.post(path, {"reason": "고객 요청"}).status_code == 302
    name, total = member.username, f"{order.total:,}"
    told = timeline(admin_client, order)
    assert sorted(told) == sorted(
        [
            ("admin", f"Order cancelled; ₩{total} went back to the member", "고객 요청"),
            ("–", "Order cancelled", "–"),
            ("–", f"refund +{total}", "–"),
            ("–", f"payment -{total}", "–"),
            (name, f"Ordered for ₩{total}", "–"),
        ]
    )
    assert told[-1][1] != "Order cancelled"


def test_a_member_tells_of_money_coupons_and_what_staff_did(
    admin_client: Client, member: User, coupon: Coupon
) -> None:
    before = member.wallet.balance
    path = f"/admin/users/user/{member.pk}/adjust_balance/"
    assert admin_client.post(path, {"amount": 5_000, "reason": "사과"}).status_code == 302
    issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk)
    entry = WalletTransaction.objects.latest("pk")
    told = timeline(admin_client, member)
    balance = f"{before + 5_000:,}"
    adjusted = f"adjustment of +5,000 won, to ₩{balance} ({entry.reference})"
    assert ("admin", adjusted, "사과") in told
    assert (member.username, f"Coupon issued: {issued}", "–") in told
    assert told[-1] == (member.username, "Joined", "–")
    # Told once, although the log has it as well.
    assert sum("5,000" in what for _who, what, _why in told) == 1


def test_a_product_tells_why_there_are_so_many(
    admin_client: Client, product: Product, member: User
) -> None:
    path = f"/admin/products/product/{product.pk}/adjust_stock/"
    assert admin_client.post(path, {"quantity": 7, "reason": "입고"}).status_code == 302
    stock = Product.objects.get().stock
    told = timeline(admin_client, product)
    assert told[0] == ("admin", f"Stock adjusted by +7 to {stock:,}", "입고")
    assert sum("+7" in what for _who, what, _why in told) == 1
    assert told[-1][1] in {
        "In the shop from here on",
        f"Stock adjusted by +{stock - 7} to {stock - 7}",
    }


def test_it_is_bounded(
    admin_client: Client, product: Product, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    StockAdjustment.objects.bulk_create(
        StockAdjustment(
            product=product,
            quantity=1,
            stock_after=number,
            reason=f"입고 {number}",
            reference=f"T-{number}",
        )
        for number in range(SHOWN + 5)
    )
    with django_assert_max_num_queries(12):
        told = timeline(admin_client, product)
    assert len(told) == SHOWN
    assert told[0][2] == f"입고 {SHOWN + 4}"


def test_who_may_not_see_the_ledger_reads_nothing_of_it(member: User) -> None:
    adjust_balance(user_id=member.pk, amount=5_000, reason="사과")
    told = timeline(staff_client("users.view_user"), member)
    assert told == [(member.username, "Joined", "–")]
