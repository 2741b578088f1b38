"""What was sold, in the admin."""

from collections.abc import Callable

from django.test import Client
from rest_framework.test import APIClient

from ecommerce.tests.staff import member_buys
from products.models import Product

LIST = "/admin/stats/dailyproductsales/"


def test_the_days_of_a_product_are_found_by_its_name(
    admin_client: Client, client: APIClient, make_product: Callable[..., Product]
) -> None:
    tumbler = make_product(name="텀블러 Steel")
    member_buys(client, tumbler, 3)
    member_buys(client, make_product(name="Mug"), 2)
    page = admin_client.get(LIST, {"q": "STEEL"})
    (row,) = page.context["cl"].result_list
    assert (row.product, row.quantity, row.revenue) == (tumbler, 3, 3_000)
    assert "₩3,000" in page.content.decode()
