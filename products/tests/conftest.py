"""Fixtures of the tests of products: categories, and a product to import on."""

from collections.abc import Callable

import pytest

from products.models import Category, Product


@pytest.fixture
def kitchen(db: None) -> Category:
    return Category.objects.create(name="주방", slug="kitchen")


@pytest.fixture
def desk(db: None) -> Category:
    return Category.objects.create(name="책상", slug="책상")


@pytest.fixture
def mug(make_product: Callable[..., Product]) -> Product:
    return make_product(sku="MUG", name="머그컵", price=9_900, stock=10)
