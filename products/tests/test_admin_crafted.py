"""What no browser sends to the pages of the actions.

The kind is a POST that isn't as the list made it; it ends in a page, and changes nothing.
"""

from typing import Any

import pytest
from django.test import Client

from ecommerce.tests.expectations import nothing_changes
from products.models import Product
from products.tests.importing import LIST

CHOSEN: list[dict[str, Any]] = [
    {},
    {"_selected_action": "x"},
    {"_selected_action": "9" * 40},
    {"_selected_action": "-1"},
    {"_selected_action": ""},
    {"_selected_action": "1.5"},
    {"_selected_action": "\x00"},
    {"_selected_action": ["{pk}", "x"]},
    {"_selected_action": "{pk}", "index": "x"},
    {"_selected_action": "{pk}", "index": "9" * 40},
    {"_selected_action": "{pk}", "select_across": "x"},
    {"_selected_action": "{pk}", "step": "x"},
    {"_selected_action": "{pk}", "step": ""},
    {"_selected_action": "{pk}", "step": "confirm"},
    {"_selected_action": "{pk}", "step": "confirm", "reason": "\x00"},
    {"_selected_action": "{pk}", "step": ["confirm", "preview"], "reason": "r"},
]
RULES: list[dict[str, Any]] = [
    {"percent": "NaN", "round_to": "1"},
    {"percent": "1e99", "round_to": "1"},
    {"percent": "5", "round_to": "x"},
    {"percent": "5", "round_to": "1", "seen": "9:9:9"},
    {"percent": "5", "round_to": "1", "seen": f"{'9' * 40}:1"},
    {"percent": "5", "round_to": "1"},
]


@pytest.mark.parametrize(
    "action", ["put_on_sale", "withdraw", "change_price", "delete_selected", "x", ""]
)
def test_an_action_that_no_page_offers(admin_client: Client, product: Product, action: str) -> None:
    for sent in CHOSEN:
        form = with_key(product, sent)
        with nothing_changes():
            assert admin_client.post(LIST, form, follow=True).status_code == 200
            page = admin_client.post(LIST, {"action": action, **form}, follow=True)
        assert page.status_code == 200


def test_a_change_of_prices_that_no_page_offers(admin_client: Client, product: Product) -> None:
    chosen = {"action": "change_price", "_selected_action": "{pk}", "step": "confirm"}
    for rule in RULES:
        form = with_key(product, {**chosen, "reason": "r", **rule})
        with nothing_changes():
            page = admin_client.post(LIST, form)
        assert page.status_code == 200
        assert page.context["form"].errors


@pytest.mark.parametrize(
    "page", ["users/user", "coupons/coupon", "orders/order", "products/stockadjustment"]
)
def test_no_list_asks_the_database_for_what_is_no_key(admin_client: Client, page: str) -> None:
    for key in ("x", "9" * 40, "1.5", ""):
        form = {"action": "delete_selected", "_selected_action": key}
        with nothing_changes():
            answer = admin_client.post(f"/admin/{page}/", form, follow=True)
        assert answer.status_code in (200, 403)


def with_key(product: Product, sent: dict[str, Any]) -> dict[str, list[str]]:
    """What is sent, with the product's key where it says so."""
    return {
        name: [
            one.replace("{pk}", str(product.pk))
            for one in ([value] if isinstance(value, str) else value)
        ]
        for name, value in sent.items()
    }
