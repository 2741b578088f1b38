"""That no list of the admin takes more statements for more rows."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.tests.races import order
from products.models import Category, Product
from users.models import User
from users.services import charge_wallet

pytestmark = pytest.mark.django_db

ADMIN = [
    *("users/user/", "users/wallet/", "users/wallettransaction/", "users/user/?q=member"),
    *("products/category/", "products/product/", "products/product/?q=product"),
    *("products/stockadjustment/", "products/stockadjustment/?q=product"),
    *("coupons/coupon/", "coupons/issuedcoupon/", "coupons/issuedcoupon/?q=minji"),
    *("orders/order/", "orders/order/?q=minji", "orders/orderitem/", "stats/dailyproductsales/"),
]
"""Paths below /admin/."""


@pytest.fixture
def more(
    member: User,
    make_product: Callable[..., Product],
    make_coupon: Callable[..., Coupon],
    make_member: Callable[..., User],
) -> Callable[[], None]:
    """Makes three more of everything, each time it is called."""
    tea, _ = Category.objects.get_or_create(name="tea", slug="tea")

    def make() -> None:
        for _ in range(3):
            product = make_product(category=tea)
            issue_coupon(coupon_id=make_coupon().pk, user_id=member.pk)
            charge_wallet(user_id=member.pk, amount=10_000)
            make_member(balance=1_000)
            assert order(member, (product.pk, 1))().status_code == 201

    return make


@pytest.mark.parametrize("path", ADMIN)
def test_an_admin_list_takes_as_many_statements_however_many_rows(
    path: str, more: Callable[[], None]
) -> None:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser("admin"))
    client.get(f"/admin/{path}")  # what is looked up once in a process is known by now
    statements, shown = [], []
    for _ in range(2):
        more()
        with CaptureQueriesContext(connection) as context:
            answer = client.get(f"/admin/{path}")
        statements.append(len(context))
        shown.append(len(answer.context["cl"].result_list))
    assert statements[0] == statements[1]
    assert shown[0] < shown[1] or path == "products/category/"
