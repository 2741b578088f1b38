"""The sound shop, and its audit."""

from collections.abc import Callable

import pytest

from coupons.models import Coupon
from ecommerce.tests.audit.shop import Shop, one_of, send
from products.models import Product
from users.models import User


@pytest.fixture
def shop(
    make_member: Callable[..., User],
    make_product: Callable[..., Product],
    make_coupon: Callable[..., Coupon],
) -> Shop:
    buyer, other = make_member(balance=100_000), make_member(balance=50_000)
    cup, mug = make_product(price=1_000, stock=10), make_product(price=3_000, stock=5)
    campaign = make_coupon(total_quantity=2)
    used, unused = (send(user, f"coupons/{campaign.pk}/issue/")["id"] for user in (buyer, other))
    items = [{"product": cup.pk, "quantity": 2}, {"product": mug.pk, "quantity": 1}]
    paid = send(buyer, "orders/", {"items": items, "coupon": used})
    cancelled = send(buyer, "orders/", one_of(cup))
    send(buyer, f"orders/{cancelled['id']}/cancel/")
    return Shop(buyer, other, make_member(), cup, mug, campaign, used, unused, paid, cancelled)
