"""Fixtures of the tests of products: categories."""

import pytest

from products.models import Category


@pytest.fixture
def kitchen(db: None) -> Category:
    return Category.objects.create(name="주방", slug="kitchen")


@pytest.fixture
def desk(db: None) -> Category:
    return Category.objects.create(name="책상", slug="책상")
