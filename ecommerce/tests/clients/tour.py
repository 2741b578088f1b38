"""The README's tour by the client that openapi-python-client makes: python tour.py ADDRESS"""

import sys
import uuid

from shop_client import AuthenticatedClient, Client
from shop_client.api.auth import auth_signup, auth_token
from shop_client.api.coupons import coupon_issue, coupons
from shop_client.api.orders import order_cancel, order_place
from shop_client.api.products import products
from shop_client.api.stats import stats_top_products
from shop_client.api.users import users_me_balance, users_me_balance_charge
from shop_client.models import (
    ChargeRequest,
    CredentialsRequest,
    Error,
    OrderLineRequest,
    OrderStatus,
    PlaceOrderRequest,
    SignUpRequest,
)

ADDRESS = sys.argv[1]
PASSWORD = "correct horse battery"


def answered(result):
    """What an operation answers; an error ends the tour."""
    assert result is not None
    assert not isinstance(result, Error), result
    return result


anyone = Client(base_url=ADDRESS)
name = f"guest{uuid.uuid4().hex}"
body = SignUpRequest(username=name, password=PASSWORD)
assert answered(auth_signup.sync(client=anyone, body=body)).username == name

credentials = CredentialsRequest(username=name, password=PASSWORD)
pair = answered(auth_token.sync(client=anyone, body=credentials))
member = AuthenticatedClient(base_url=ADDRESS, token=pair.access)

charges = [
    users_me_balance_charge.sync_detailed(
        client=member, body=ChargeRequest(amount=100_000), idempotency_key=key
    )
    for key in ("first-charge", '"first-charge"')
]
assert answered(charges[0].parsed).id == answered(charges[1].parsed).id
assert [charge.headers.get("Idempotency-Replayed") for charge in charges] == [None, "true"]

found = answered(products.sync(client=anyone, search="텀블러", in_stock=True, page_size=1))
product = found.results[0]

campaigns = answered(coupons.sync(client=anyone, is_open=True)).results
campaign = next(one for one in campaigns if one.remaining_quantity)
issued = answered(coupon_issue.sync(campaign.id, client=member))
assert issued.coupon == campaign.id

lines = [OrderLineRequest(product=product.id, quantity=2)]
order = answered(
    order_place.sync(client=member, body=PlaceOrderRequest(items=lines, coupon=issued.id))
)
assert order.subtotal == 2 * product.price
assert order.total == order.subtotal - order.discount

refused = coupon_issue.sync(campaign.id, client=member)
assert isinstance(refused, Error), refused
assert [(one.code, one.id) for one in refused.errors] == [("coupon_already_issued", issued.id)]

assert answered(order_cancel.sync(order.id, client=member)).status is OrderStatus.CANCELLED
assert answered(users_me_balance.sync(client=member)).balance == 100_000
assert len(answered(stats_top_products.sync(client=anyone, days=3, limit=5)).results) == 5
print("tour: done by the client in Python")  # noqa: T201
