"""A price of nothing is asked about where it can be asked, and refused where it can't.

The kind: a slip of the hand that gives products away. By percent: see test_admin_bulk.
"""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.staff import errors_on, filled_in, logged
from products.models import Product
from products.services import (
    ImportRow,
    change_product,
    create_product,
    import_products,
    preview_import,
)

LIST = "/admin/products/product/"
ADD = LIST + "add/"
FREE = "At 0 won anybody may have it for nothing."
NEW = {"sku": "MUG", "name": "mug", "opening_stock": 3, "is_active": "on"}


def change_url(product: Product) -> str:
    return f"{LIST}{product.pk}/change/"


def test_a_new_product_for_nothing_is_asked_about(admin_client: Client) -> None:
    with nothing_changes():
        asked = admin_client.post(ADD, NEW | {"price": 0})
        other = admin_client.post(ADD, NEW | {"price": 0, "sure": "x"})
    assert errors_on(asked) == errors_on(other) == {"sure": [FREE]}
    assert 'type="checkbox" name="sure" value="free"' in asked.content.decode()
    assert admin_client.post(ADD, NEW | {"price": 0, "sure": "free"}).status_code == 302
    assert Product.objects.values("price", "stock").get() == {"price": 0, "stock": 3}


def test_a_price_changed_to_nothing_is_asked_about(admin_client: Client, product: Product) -> None:
    form = filled_in(admin_client.get(change_url(product))) | {"price": 0, "reason": "증정"}
    with nothing_changes():
        asked = admin_client.post(change_url(product), form)
    assert errors_on(asked) == {"sure": [FREE]}
    assert logged() == []
    answer = admin_client.post(change_url(product), form | {"sure": "free"})
    assert answer.status_code == 302
    assert logged() == [("admin", "Price (won): 1,000 → 0 (증정)")]


def test_what_is_free_already_is_not_asked_again(admin_client: Client, make_product: Any) -> None:
    gift = make_product(price=0)
    form = filled_in(admin_client.get(change_url(gift))) | {"name": "gift", "reason": "r"}
    assert "sure" not in form
    assert admin_client.post(change_url(gift), form).status_code == 302


@pytest.mark.parametrize("price", ["-1", "1000000001"])
def test_what_cannot_be_a_price_is_refused_whatever_is_ticked(
    admin_client: Client, product: Product, price: str
) -> None:
    form = filled_in(admin_client.get(change_url(product))) | {"price": price, "reason": "r"}
    with nothing_changes():
        answer = admin_client.post(change_url(product), form | {"sure": "free"})
    assert errors_on(answer).keys() == {"price"}


def test_services_ask_whoever_can_be_asked(db: None) -> None:
    with nothing_changes(), pytest.raises(ValidationError) as caught:
        create_product(name="mug", price=0, sure=())
    assert caught.value.message_dict == {"sure": [FREE]}
    gift = create_product(name="mug", price=0)
    assert change_product(product_id=gift.pk, price=5, sure=()).price == 5
    with nothing_changes(), pytest.raises(ValidationError):
        change_product(product_id=gift.pk, price=0, sure=())
    assert change_product(product_id=gift.pk, price=0, sure=["free"]).price == 0


def test_a_file_makes_nothing_free(make_product: Any) -> None:
    make_product(sku="MUG", price=5_000)
    make_product(sku="GIFT", price=0)
    rows = [
        ImportRow(2, "MUG", {"price": 0}),
        ImportRow(3, "NEW", {"name": "new", "price": 0}),
        ImportRow(4, "GIFT", {"price": 0}),
    ]
    refused = f"{FREE} If that is meant, set it on the product's own page."
    with nothing_changes():
        for outcomes in (preview_import(rows, name="n"), import_products(rows, name="n")):
            assert [one.errors for one in outcomes] == [{"price": refused}, {"price": refused}, {}]
