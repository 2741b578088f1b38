"""Each column that describes a product is shown, taken, exported, imported and described."""

import csv
import io

import pytest
from django.test import Client

from ecommerce.tests.openapi import description
from products.import_files import read_products
from products.models import DESCRIPTIVE, Category, Product
from products.services import change_product, create_product, import_products

ANOTHER = {
    "sku": "CUP-2",
    "name": "다른 컵",
    "description": "파란색",
    "category": "주방",
    "price": 4_321,
    "is_active": False,
}
UNSEEN = {"is_active"}
"""What customers don't see."""


@pytest.fixture
def kitchen(db: None) -> Category:
    return Category.objects.create(name="주방", slug="kitchen")


def value_of(column: str, kitchen: Category) -> object:
    return kitchen if column == "category" else ANOTHER[column]


def test_every_column_is_here() -> None:
    own = {field.name for field in Product._meta.fields if field.editable and not field.primary_key}
    assert set(DESCRIPTIVE) | {"stock"} == own
    assert set(DESCRIPTIVE) == set(ANOTHER)


@pytest.mark.parametrize("column", DESCRIPTIVE)
def test_it_is_created_and_changed(column: str, product: Product, kitchen: Category) -> None:
    changed = change_product(product_id=product.pk, **{column: value_of(column, kitchen)})
    changed.refresh_from_db()
    assert getattr(changed, column) == value_of(column, kitchen)
    values = {"name": "컵", "price": 1, "sku": "CUP-3"} | {column: value_of(column, kitchen)}
    if column == "sku":
        values["sku"] = "CUP-4"
    made = Product.objects.get(pk=create_product(**values).pk)
    assert getattr(made, column) == values[column]


def test_what_describes_no_product_is_neither_created_nor_changed(product: Product) -> None:
    with pytest.raises(TypeError, match="search_name"):
        create_product(name="컵", price=1, search_name="x")
    with pytest.raises(TypeError, match="stock"):
        change_product(product_id=product.pk, stock=5)


@pytest.mark.parametrize("column", [name for name in DESCRIPTIVE if name not in UNSEEN])
def test_customers_see_it(column: str, api, product: Product) -> None:
    shown = api.get(f"/api/v1/products/{product.pk}/").json()
    assert column in shown
    assert column in api.get("/api/v1/products/").json()["results"][0]
    schema = description()["components"]["schemas"]["Product"]
    assert column in schema["properties"]


@pytest.mark.parametrize("column", DESCRIPTIVE)
def test_staff_fill_it_in(column: str, admin_client: Client, product: Product) -> None:
    for page in (f"/admin/products/product/{product.pk}/change/", "/admin/products/product/add/"):
        assert column in admin_client.get(page).context["adminform"].form.fields


@pytest.mark.parametrize("column", DESCRIPTIVE)
def test_it_is_exported_and_what_is_exported_is_imported(
    column: str, admin_client: Client, product: Product, kitchen: Category
) -> None:
    answer = admin_client.get("/admin/products/product/export_csv/")
    lines = csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig")))
    (exported,) = list(lines)
    assert column in exported
    if column == "sku":
        return  # it tells which product is meant
    line = {"sku": exported["sku"], column: str(ANOTHER[column])}
    content = f"{','.join(line)}\n{','.join(line.values())}\n".encode()
    (outcome,) = import_products(read_products(content, name="f.csv").rows, name="1")
    assert not outcome.errors
    product.refresh_from_db()
    assert getattr(product, column) == value_of(column, kitchen)
