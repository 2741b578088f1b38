"""Lines of a file of products: what is wrong with each is said of it."""

import pytest
from django.test import Client

from ecommerce.tests.expectations import nothing_changes
from products.models import Product
from products.tests.importing import errors_of_lines, upload


@pytest.mark.parametrize(
    ("column", "cell", "error"),
    [
        ("price", "12.5", "“12.5” is no whole number."),
        ("price", "1e9", "“1e9” is no whole number."),
        ("price", "비쌈", "“비쌈” is no whole number."),
        ("price", "-1", "It must be from 0 to 1,000,000,000."),
        ("price", "1000000001", "It must be from 0 to 1,000,000,000."),
        ("price", "9" * 5_000, "It must be from 0 to 1,000,000,000."),
        ("stock_adjustment", "-11", "Only 10 are in stock."),
        ("stock_adjustment", "999999999", "The stock would exceed its limit."),
        ("stock_adjustment", "9" * 30, "It must be from -1,000,000,000 to 1,000,000,000."),
        ("is_active", "maybe", "“maybe” is neither yes nor no."),
        (
            "category",
            "없는 것",
            "There is no category “없는 것”. Add it first, or correct its name.",
        ),
        ("name", "가" * 201, "Ensure this value has at most 200 characters (it has 201)."),
        ("name", "a\x00b", "It has a character that can't be seen (U+0000)."),
    ],
)
def test_what_is_wrong_with_a_cell_is_said_of_its_line(
    admin_client: Client, mug: Product, column: str, cell: str, error: str
) -> None:
    with nothing_changes():
        preview = upload(admin_client, f"sku,{column}\nMUG,{cell}\n")
    assert errors_of_lines(preview) == {2: {column: error}}
    assert "confirm_form" not in preview.context


@pytest.mark.parametrize(
    ("sku", "error"),
    [
        ("", "Each line needs a SKU."),
        ("8.80E+12", "Excel has shortened this number"),
        ("=1+1", "Letters, digits and"),
        ("a b", "Letters, digits and"),
        ("A" * 65, "at most 64 characters"),
    ],
)
def test_an_sku_that_is_none_is_refused(admin_client: Client, sku: str, error: str) -> None:
    with nothing_changes():
        preview = upload(admin_client, f"sku,name,price\n{sku},a,1\n")
    assert error in errors_of_lines(preview)[2]["sku"]


NEEDED = "There is no product with this SKU, and a new one needs this. Enter it, or mend the SKU."


def test_all_that_is_wrong_is_said_at_once(admin_client: Client, mug: Product) -> None:
    with nothing_changes():
        preview = upload(
            admin_client,
            "sku,name,price,stock_adjustment\nMUG,a,1,\nNEW,,,5\nMUG,b,x,\nTOO,a,1,,,,9\n",
        )
    errors = errors_of_lines(preview)
    assert errors == {
        3: {
            "name": NEEDED,
            "price": NEEDED,
            "stock_adjustment": (
                "There is no product with this SKU yet: its opening stock belongs in the column"
                " stock."
            ),
        },
        4: {"price": "“x” is no whole number.", "sku": "Line 2 has this SKU already."},
        5: {"sku": "This line has more cells than the header."},
    }
