"""What staff do in the admin is told to whoever listens, as what members do is; no more than that.

Every form that there is (`ACTS`) with everything listened to, and the forms of stock, campaigns and
files once more with what makes an event of them.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.tests.admin_acts import Act, acts
from ecommerce.tests.rendered_forms import filled, form_on
from ecommerce.tests.staff import errors_on
from events.models import Endpoint, Event, Kind, Outgoing
from events.services import create_endpoint
from events.tests.conftest import told
from products.models import Product
from products.tests.importing import do_import
from users.models import User

pytestmark = pytest.mark.django_db

DUE = {
    "orders.order cancel": Kind.ORDER_CANCELLED,
    "products.stockadjustment undo": Kind.PRODUCT_LOW_STOCK,
}
"""By act what it is an event of. A balance that staff adjust is no charge; a campaign that they
close has coupons left; one that is revoked stays issued. What was added to a stock of ten and is
taken away again leaves little."""


@pytest.fixture
def everybody_listens(request: pytest.FixtureRequest) -> Endpoint:
    """From now on: what the shop was filled with before is told to nobody."""
    request.getfixturevalue("one_of_each")
    return create_endpoint(name="the warehouse", kinds=[kind.value for kind in Kind])


@acts
def test_each_act_is_told_that_is_an_event(
    admin_client: Client, one_of_each: SimpleNamespace, everybody_listens: Endpoint, act: Act
) -> None:
    form = act.form(admin_client, one_of_each)

    assert act.send(admin_client, one_of_each, form).status_code == 302

    due = [DUE[act.name]] if act.name in DUE else []
    assert list(Outgoing.objects.values_list("kind", flat=True)) == due


def test_a_cancelled_order_says_what_its_member_would_see(
    admin_client: Client, one_of_each: SimpleNamespace, everybody_listens: Endpoint
) -> None:
    order = one_of_each.order
    path = f"/admin/orders/order/{order.pk}/cancel/"
    admin_client.post(path, filled(form_on(admin_client.get(path)), reason="이유"))

    (said,) = told("order.cancelled")
    assert (said["id"], said["member"], said["status"]) == (order.pk, order.user_id, "cancelled")
    assert Event.objects.get(kind="order.cancelled").about == f"order:{order.pk}"


def test_stock_that_staff_take_away_is_told_when_little_is_left(
    admin_client: Client, make_product: Callable[..., Product], everybody_listens: Endpoint
) -> None:
    product = make_product(stock=settings.LOW_STOCK + 5)
    path = f"/admin/products/product/{product.pk}/adjust_stock/"
    for taken in (-4, -1, -1):
        form = filled(form_on(admin_client.get(path)), quantity=taken, reason="깨짐")
        assert admin_client.post(path, form).status_code == 302

    assert [said["stock"] for said in told("product.low_stock")] == [settings.LOW_STOCK]


def test_stock_that_a_file_takes_away_is_told(
    admin_client: Client, make_product: Callable[..., Product], everybody_listens: Endpoint
) -> None:
    product = make_product(stock=settings.LOW_STOCK + 1)

    do_import(admin_client, f"sku,stock_adjustment\n{product.sku},-1\n")

    assert [said["sku"] for said in told("product.low_stock")] == [product.sku]


def test_a_campaign_whose_total_becomes_what_is_out_is_told(
    admin_client: Client,
    make_coupon: Callable[..., Coupon],
    member: User,
    everybody_listens: Endpoint,
) -> None:
    campaign = make_coupon(total_quantity=5)
    issue_coupon(coupon_id=campaign.pk, user_id=member.pk)
    path = f"/admin/coupons/coupon/{campaign.pk}/change/"
    for total in (2, 1):
        form = filled(form_on(admin_client.get(path)), total_quantity=total, reason="이유")
        answer = admin_client.post(path, form)
        assert answer.status_code == 302, errors_on(answer)

    said: list[dict[str, Any]] = told("coupon.sold_out")
    assert [(one["coupon"], one["total_quantity"]) for one in said] == [(campaign.pk, 1)]


def test_a_deed_that_is_sent_twice_is_told_once(
    admin_client: Client, one_of_each: SimpleNamespace, everybody_listens: Endpoint
) -> None:
    path = f"/admin/orders/order/{one_of_each.order.pk}/cancel/"
    form = filled(form_on(admin_client.get(path)), reason="이유")
    for _ in range(2):
        assert admin_client.post(path, form).status_code == 302

    assert len(told("order.cancelled")) == 1
