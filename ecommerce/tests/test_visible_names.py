"""What staff name can be seen: a name of nothing but invisible characters is nobody's to choose."""

from typing import Any

import pytest
from django.test import Client

from common.admin.forms import ReasonForm
from coupons.models import Coupon
from coupons.tests.test_asked import TERMS
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.staff import errors_on
from products.models import Category, Product

INVISIBLE = ["\u3164", "\u200b", "\u115f \u00ad", "\ufeff\u2060", "\uffa0\ufe0f", "\U000e0041"]
FORMS: dict[str, tuple[Any, dict[str, Any]]] = {
    "/admin/products/product/add/": (
        Product,
        {"sku": "P-1", "description": "", "category": "", "price": 1_000, "opening_stock": 0},
    ),
    "/admin/products/category/add/": (Category, {"slug": "kitchen"}),
    "/admin/coupons/coupon/add/": (Coupon, TERMS),
}


@pytest.mark.parametrize("name", INVISIBLE, ids=ascii)
@pytest.mark.parametrize("page", FORMS)
def test_a_name_of_which_nothing_is_seen_is_refused(
    admin_client: Client, page: str, name: str
) -> None:
    with nothing_changes():
        answer = admin_client.post(page, {**FORMS[page][1], "name": name})

    assert answer.status_code == 200
    assert list(errors_on(answer)) == ["name"]


@pytest.mark.parametrize("reason", INVISIBLE, ids=ascii)
def test_a_reason_says_something(reason: str) -> None:
    assert list(ReasonForm({"reason": reason}).errors) == ["reason"]


@pytest.mark.parametrize("page", FORMS)
def test_invisible_characters_within_a_name_stay(admin_client: Client, page: str) -> None:
    model, values = FORMS[page]

    answer = admin_client.post(page, {**values, "name": "가\u200d나"})

    assert answer.status_code == 302, errors_on(answer)
    assert model.objects.filter(name="가\u200d나").exists()
